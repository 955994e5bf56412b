//! The keys that scroll the screen, which are taken out of the keyboard's input.

use alloc::collections::VecDeque;

/// A direction to scroll, by most of a screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scroll {
    /// To earlier output.
    Back,
    /// Towards the latest output.
    Forward,
}

/// The sequences that the keyboard's driver sends for Page Up and Page Down, with Shift or without.
const SEQUENCES: [(&[u8], Scroll); 4] = [
    (b"\x1b[5~", Scroll::Back),
    (b"\x1b[5;2~", Scroll::Back),
    (b"\x1b[6~", Scroll::Forward),
    (b"\x1b[6;2~", Scroll::Forward),
];

/// The first item of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// A key that scrolls. It has been taken out.
    Scroll(Scroll),
    /// This many bytes of other keys, which are still there.
    Bytes(usize),
    /// The input is empty.
    Nothing,
}

/// Looks at the first item of the input. The driver gives the bytes of a key together, so no key is cut in two at the
/// end.
pub fn next(typed: &mut VecDeque<u8>) -> Next {
    let scrolls = |typed: &VecDeque<u8>, at: usize| {
        SEQUENCES.iter().find(|(sequence, _)| typed.range(at..).take(sequence.len()).eq(sequence.iter()))
    };
    if typed.is_empty() {
        return Next::Nothing;
    }
    if let Some((sequence, scroll)) = scrolls(typed, 0) {
        typed.drain(..sequence.len());
        return Next::Scroll(*scroll);
    }
    let end = (1..typed.len()).find(|at| scrolls(typed, *at).is_some());
    Next::Bytes(end.unwrap_or(typed.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scrolling_keys_are_taken_out() {
        let mut typed: VecDeque<u8> = b"\x1b[5~ab\x1b[A\x1b[6;2~\x1b[6".iter().copied().collect();
        assert_eq!(next(&mut typed), Next::Scroll(Scroll::Back));
        assert_eq!(next(&mut typed), Next::Bytes(5));
        typed.drain(..5);
        assert_eq!(next(&mut typed), Next::Scroll(Scroll::Forward));
        assert_eq!(next(&mut typed), Next::Bytes(3));
        typed.clear();
        assert_eq!(next(&mut typed), Next::Nothing);
    }
}
