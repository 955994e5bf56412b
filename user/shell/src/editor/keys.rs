//! Decoding of a terminal's bytes to keys: UTF-8, controls, and the escape sequences of ECMA-48 and xterm.

/// A key that means something to the editor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    Character(char),
    Return,
    Tab,
    Backspace,
    Delete,
    Left,
    Right,
    WordLeft,
    WordRight,
    Home,
    End,
    Up,
    Down,
    /// Ctrl-K.
    CutToEnd,
    /// Ctrl-U.
    CutToStart,
    /// Ctrl-W, Alt-Backspace.
    CutWordLeft,
    /// Alt-D.
    CutWordRight,
    /// Ctrl-Y.
    Paste,
    /// Ctrl-L.
    Clear,
    /// Ctrl-R.
    Search,
    /// Ctrl-C.
    Interrupt,
    /// Ctrl-D.
    EndOfInput,
    /// Ctrl-G.
    Abort,
}

/// The position in a sequence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Outside,
    Escape,
    /// Behind `ESC O`, which some terminals send for cursor keys.
    SingleShift,
    /// Behind `ESC [`: the first parameter and the last one.
    Control {
        first: u16,
        last: u16,
        count: u8,
    },
    /// Within a character of several bytes: what they say so far, and how many are missing.
    Character {
        code: u32,
        missing: u8,
        least: u32,
    },
}

/// A decoder of bytes to keys.
#[derive(Clone, Copy, Debug, Default)]
pub struct Decoder {
    state: State,
    last: u8,
}

impl Decoder {
    /// Takes a byte, and returns the key that it completes, if it completes one.
    pub fn feed(&mut self, byte: u8) -> Option<Key> {
        let last = core::mem::replace(&mut self.last, byte);
        match core::mem::take(&mut self.state) {
            State::Escape => self.after_escape(byte),
            State::SingleShift => control_sequence(byte, 0, 0),
            State::Control { first, last, count } => self.in_control(byte, first, last, count),
            State::Character { code, missing, least } => self.in_character(byte, code, missing, least),
            // A terminal that sends CR and LF at a line's end has ended one line.
            State::Outside if byte == b'\n' && last == b'\r' => None,
            State::Outside => self.outside(byte),
        }
    }

    fn outside(&mut self, byte: u8) -> Option<Key> {
        Some(match byte {
            0x01 => Key::Home,
            0x02 => Key::Left,
            0x03 => Key::Interrupt,
            0x04 => Key::EndOfInput,
            0x05 => Key::End,
            0x06 => Key::Right,
            0x07 => Key::Abort,
            0x08 | 0x7F => Key::Backspace,
            b'\t' => Key::Tab,
            b'\r' | b'\n' => Key::Return,
            0x0B => Key::CutToEnd,
            0x0C => Key::Clear,
            0x0E => Key::Down,
            0x10 => Key::Up,
            0x12 => Key::Search,
            0x15 => Key::CutToStart,
            0x17 => Key::CutWordLeft,
            0x19 => Key::Paste,
            0x1B => return self.wait(State::Escape),
            b' '..=b'~' => Key::Character(char::from(byte)),
            // The first byte of UTF-8 (RFC 3629), with the least code that needs that many bytes.
            0xC2..=0xDF => {
                return self.wait(State::Character { code: u32::from(byte & 0x1F), missing: 1, least: 0x80 });
            }
            0xE0..=0xEF => {
                return self.wait(State::Character { code: u32::from(byte & 0x0F), missing: 2, least: 0x800 });
            }
            0xF0..=0xF4 => {
                return self.wait(State::Character { code: u32::from(byte & 0x07), missing: 3, least: 0x1_0000 });
            }
            0x80.. => Key::Character(char::REPLACEMENT_CHARACTER),
            _ => return None,
        })
    }

    fn wait(&mut self, state: State) -> Option<Key> {
        self.state = state;
        None
    }

    fn after_escape(&mut self, byte: u8) -> Option<Key> {
        match byte {
            b'[' => self.wait(State::Control { first: 0, last: 0, count: 0 }),
            b'O' => self.wait(State::SingleShift),
            0x1B => self.wait(State::Escape),
            b'b' | b'B' => Some(Key::WordLeft),
            b'f' | b'F' => Some(Key::WordRight),
            b'd' | b'D' => Some(Key::CutWordRight),
            0x08 | 0x7F => Some(Key::CutWordLeft),
            // Other characters with Alt mean nothing; controls keep their meaning.
            b' '..=b'~' => None,
            _ => self.outside(byte),
        }
    }

    fn in_control(&mut self, byte: u8, first: u16, last: u16, count: u8) -> Option<Key> {
        let first = if count == 0 { last } else { first };
        match byte {
            b'0'..=b'9' => {
                let last = last.saturating_mul(10).saturating_add(u16::from(byte - b'0'));
                self.wait(State::Control { first, last, count })
            }
            b';' => self.wait(State::Control { first, last: 0, count: count.saturating_add(1) }),
            b' '..=b'?' => self.wait(State::Control { first, last, count }),
            b'@'..=b'~' => control_sequence(byte, first, if count == 0 { 0 } else { last }),
            // A control within a sequence ends it, and keeps its meaning.
            _ => self.outside(byte),
        }
    }

    fn in_character(&mut self, byte: u8, code: u32, missing: u8, least: u32) -> Option<Key> {
        if byte & 0b1100_0000 != 0b1000_0000 {
            // The character was cut short. The byte that cut it short is more likely meant.
            return self.outside(byte);
        }
        let code = code << 6 | u32::from(byte & 0x3F);
        if missing > 1 {
            return self.wait(State::Character { code, missing: missing - 1, least });
        }
        let character = char::from_u32(code).filter(|_| code >= least).unwrap_or(char::REPLACEMENT_CHARACTER);
        (!character.is_control()).then_some(Key::Character(character))
    }
}

/// Returns the key of a control sequence. `modifier` is xterm's second parameter: 1 more than a set of bits.
fn control_sequence(last: u8, first: u16, modifier: u16) -> Option<Key> {
    const SHIFT: u16 = 1;
    let is_modified = modifier.saturating_sub(1) & !SHIFT != 0;
    Some(match (last, first) {
        (b'A', _) => Key::Up,
        (b'B', _) => Key::Down,
        (b'C', _) if is_modified => Key::WordRight,
        (b'C', _) => Key::Right,
        (b'D', _) if is_modified => Key::WordLeft,
        (b'D', _) => Key::Left,
        (b'H', _) | (b'~', 1 | 7) => Key::Home,
        (b'F', _) | (b'~', 4 | 8) => Key::End,
        (b'~', 3) => Key::Delete,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn keys(bytes: &[u8]) -> Vec<Key> {
        let mut decoder = Decoder::default();
        bytes.iter().filter_map(|byte| decoder.feed(*byte)).collect()
    }

    #[test]
    fn cursor_keys_of_several_terminals() {
        for home in ["\x1b[H", "\x1bOH", "\x1b[1~", "\x1b[7~", "\x01", "\x1b[1;2H"] {
            assert_eq!(keys(home.as_bytes()), [Key::Home], "{home:?}");
        }
        assert_eq!(keys(b"\x1b[A\x1bOB\x1b[3~\x1b[F"), [Key::Up, Key::Down, Key::Delete, Key::End]);
        for left in ["\x1b[1;5D", "\x1b[1;3D", "\x1bb", "\x1bB"] {
            assert_eq!(keys(left.as_bytes()), [Key::WordLeft], "{left:?}");
        }
        assert_eq!(keys(b"\x1b[1;2D"), [Key::Left], "Shift alone changes nothing");
    }

    #[test]
    fn other_sequences_are_swallowed_whole() {
        assert_eq!(keys(b"\x1b[5~\x1b[24;80R\x1b[?25hx\x1bxy"), [Key::Character('x'), Key::Character('y')]);
        assert_eq!(keys(b"\x1b[1\r"), [Key::Return]);
        assert_eq!(keys(b"\x1b\x1b[A"), [Key::Up]);
    }

    #[test]
    fn characters_are_utf8() {
        let text = "aß€😀";
        assert_eq!(keys(text.as_bytes()), text.chars().map(Key::Character).collect::<Vec<_>>());
        let replacement = Key::Character(char::REPLACEMENT_CHARACTER);
        assert_eq!(keys(b"\xC3a\xFF"), [Key::Character('a'), replacement]);
        assert_eq!(keys(b"\xE0\x80\x80\xED\xA0\x80"), [replacement, replacement], "too long, and a surrogate");
        assert_eq!(keys(b"\xC2\x9B5~"), [Key::Character('5'), Key::Character('~')], "a control of C1 is dropped");
    }

    #[test]
    fn each_way_of_ending_a_line_ends_one() {
        let returns = |bytes| keys(bytes).iter().filter(|key| **key == Key::Return).count();
        assert_eq!(returns(b"a\rb\nc\r\nd\r"), 4);
        assert_eq!(returns(b"\r\r\n\n"), 3);
    }
}
