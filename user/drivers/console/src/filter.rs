//! A filter that removes colours from output to a terminal that may not know them.

use alloc::vec::Vec;

const ESCAPE: u8 = 0x1B;

/// The longest sequence that is taken for one of colours.
const LONGEST: usize = 24;

/// Removes colours (SGR sequences) from a stream. A sequence may come in parts.
#[derive(Debug, Default)]
pub struct Filter {
    /// The beginning of a possible sequence.
    held: Vec<u8>,
}

impl Filter {
    /// Adds the bytes to `out`, but for colours.
    pub fn take_out_colours(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for byte in bytes {
            self.held.push(*byte);
            match self.held[..] {
                [ESCAPE] | [ESCAPE, b'['] => {}
                [ESCAPE, b'[', .., b'0'..=b'9' | b';' | b':'] if self.held.len() < LONGEST => {}
                [ESCAPE, b'[', .., b'm'] => self.held.clear(),
                // The escape cuts the sequence short and begins another.
                [.., ESCAPE] => {
                    self.held.pop();
                    self.release(out);
                    self.held.push(ESCAPE);
                }
                _ => self.release(out),
            }
        }
    }

    /// Adds the bytes that were held back to `out`. Call this when colours are to stay in the stream from now on.
    pub fn release(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.held);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn filtered(bytes: &[u8]) -> Vec<u8> {
        let (mut filter, mut out) = (Filter::default(), Vec::new());
        bytes.chunks(3).for_each(|chunk| filter.take_out_colours(chunk, &mut out));
        filter.release(&mut out);
        out
    }

    #[test]
    fn colours_go_and_the_rest_stays() {
        assert_eq!(filtered(b"\x1b[1;31mred\x1b[m \x1b[2J\x1b[?25l\x1b7x"), b"red \x1b[2J\x1b[?25l\x1b7x");
        assert_eq!(filtered(b"\x1b\x1b[31mx\x1b["), b"\x1bx\x1b[");
        assert_eq!(filtered(b"\x1b[>4m\x1b[1 m"), b"\x1b[>4m\x1b[1 m", "no colours");
    }

    #[test]
    fn an_endless_sequence_is_not_held() {
        let mut endless = b"\x1b[".to_vec();
        endless.resize(1000, b'1');
        assert_eq!(filtered(&endless), endless);
    }

    proptest! {
        #[test]
        fn bytes_without_colours_are_unchanged(bytes in "[^m]*") {
            prop_assert_eq!(filtered(bytes.as_bytes()), bytes.as_bytes());
        }

        #[test]
        fn how_the_bytes_are_divided_does_not_matter(
            bytes in prop::collection::vec(any::<u8>(), 0..60),
            at in 0_usize..60,
        ) {
            let (mut filter, mut out) = (Filter::default(), Vec::new());
            let (first, second) = bytes.split_at(at.min(bytes.len()));
            filter.take_out_colours(first, &mut out);
            filter.take_out_colours(second, &mut out);
            filter.release(&mut out);
            prop_assert_eq!(out, filtered(&bytes));
        }
    }
}
