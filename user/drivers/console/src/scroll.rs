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

/// Whether more bytes may follow those that are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The last key is whole.
    OfInput,
    /// The last bytes may be the begin of a key.
    Open,
}

/// Looks at the first item of the input. Bytes at an open end that a key may begin with which scrolls aren't part of
/// the input yet.
pub fn next(typed: &mut VecDeque<u8>, end: End) -> Next {
    let scrolls = |typed: &VecDeque<u8>, at: usize| {
        SEQUENCES.iter().find(|(sequence, _)| typed.range(at..).take(sequence.len()).eq(sequence.iter()))
    };
    let may_scroll = |typed: &VecDeque<u8>, at: usize| {
        SEQUENCES.iter().any(|(sequence, _)| typed.range(at..).eq(sequence.iter().take(typed.len() - at)))
    };
    if typed.is_empty() {
        return Next::Nothing;
    }
    if let Some((sequence, scroll)) = scrolls(typed, 0) {
        typed.drain(..sequence.len());
        return Next::Scroll(*scroll);
    }
    let is_next = |at: &usize| scrolls(typed, *at).is_some() || end == End::Open && may_scroll(typed, *at);
    match (0..typed.len()).find(is_next).unwrap_or(typed.len()) {
        0 => Next::Nothing,
        count => Next::Bytes(count),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scrolling_keys_are_taken_out() {
        let mut typed: VecDeque<u8> = b"\x1b[5~ab\x1b[A\x1b[6;2~\x1b[6".iter().copied().collect();
        assert_eq!(next(&mut typed, End::OfInput), Next::Scroll(Scroll::Back));
        assert_eq!(next(&mut typed, End::OfInput), Next::Bytes(5));
        typed.drain(..5);
        assert_eq!(next(&mut typed, End::OfInput), Next::Scroll(Scroll::Forward));
        assert_eq!(next(&mut typed, End::OfInput), Next::Bytes(3));
        typed.clear();
        assert_eq!(next(&mut typed, End::OfInput), Next::Nothing);
    }

    #[test]
    fn an_open_end_is_left_where_it_may_scroll() {
        let mut typed: VecDeque<u8> = b"a\x1b[5~\x1b[6".iter().copied().collect();
        assert_eq!(next(&mut typed, End::Open), Next::Bytes(1));
        typed.drain(..1);
        assert_eq!(next(&mut typed, End::Open), Next::Scroll(Scroll::Back));
        assert_eq!(next(&mut typed, End::Open), Next::Nothing);
        assert_eq!(next(&mut typed, End::OfInput), Next::Bytes(3));
        typed.extend(b";5~");
        assert_eq!(next(&mut typed, End::Open), Next::Bytes(6), "a key that doesn't scroll");
    }
}
