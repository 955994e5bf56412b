//! Editing of the line that is being typed.
//!
//! Works on any terminal and on the console's plain screen alike, because what it writes is text, backspaces and
//! line ends alone: no escape sequence.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;

/// The longest line; more is answered with a bell.
const LONGEST: usize = 256;
/// How many lines are remembered.
const REMEMBERED: usize = 32;

const CONTROL_C: u8 = 0x03;
const BELL: u8 = 0x07;
const BACKSPACE: u8 = 0x08;
const CONTROL_U: u8 = 0x15;
const ESCAPE: u8 = 0x1B;
const DELETE: u8 = 0x7F;

/// How typing a line ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// With Return.
    Line(String),
    /// With Ctrl-C.
    Interrupted,
}

/// A line that is being typed, and those typed before.
#[derive(Debug, Default)]
pub struct Editor {
    line: Vec<u8>,
    history: VecDeque<Vec<u8>>,
    /// How many lines back the line shown was taken from; 0 for a new one.
    back: usize,
    sequence: Sequence,
    last: u8,
}

/// How far into an escape sequence the bytes are.
#[derive(Debug, Default)]
enum Sequence {
    #[default]
    Outside,
    AfterEscape,
    AfterBracket,
}

impl Editor {
    /// Takes a byte that was typed, and writes what the terminal is to show to `echo`.
    pub fn feed(&mut self, byte: u8, echo: &mut Vec<u8>) -> Option<Outcome> {
        let last = core::mem::replace(&mut self.last, byte);
        match (&self.sequence, byte) {
            (Sequence::AfterEscape, b'[' | b'O') => self.sequence = Sequence::AfterBracket,
            (Sequence::AfterBracket, b'0'..=b'?') => {}
            (Sequence::AfterBracket, _) => {
                self.sequence = Sequence::Outside;
                match byte {
                    b'A' => self.recall(self.back + 1, echo),
                    b'B' => self.recall(self.back.saturating_sub(1), echo),
                    _ => {}
                }
            }
            (_, ESCAPE) => self.sequence = Sequence::AfterEscape,
            // A terminal that ends lines with both has ended one line.
            (_, b'\n') if last == b'\r' => {}
            (_, b'\r' | b'\n') => {
                echo.extend_from_slice(b"\r\n");
                return Some(Outcome::Line(self.take_line()));
            }
            (_, CONTROL_C) => {
                echo.extend_from_slice(b"^C\r\n");
                self.line.clear();
                self.back = 0;
                return Some(Outcome::Interrupted);
            }
            (_, BACKSPACE | DELETE) => self.rub_out_one(echo),
            (_, CONTROL_U) => self.rub_out(echo),
            (_, b' '..) => self.insert(byte, echo),
            _ => self.sequence = Sequence::Outside,
        }
        None
    }

    fn insert(&mut self, byte: u8, echo: &mut Vec<u8>) {
        self.sequence = Sequence::Outside;
        if self.line.len() == LONGEST {
            echo.push(BELL);
        } else {
            self.line.push(byte);
            echo.push(byte);
        }
    }

    fn take_line(&mut self) -> String {
        let line = core::mem::take(&mut self.line);
        self.back = 0;
        if !line.is_empty() && self.history.front() != Some(&line) {
            self.history.truncate(REMEMBERED - 1);
            self.history.push_front(line.clone());
        }
        String::from_utf8_lossy(&line).into_owned()
    }

    /// Shows the line so many back in place of the one being typed.
    fn recall(&mut self, back: usize, echo: &mut Vec<u8>) {
        if back > self.history.len() {
            return;
        }
        self.rub_out(echo);
        self.back = back;
        if let Some(line) = back.checked_sub(1).and_then(|index| self.history.get(index)) {
            self.line.clone_from(line);
            echo.extend_from_slice(line);
        }
    }

    fn rub_out(&mut self, echo: &mut Vec<u8>) {
        while !self.line.is_empty() {
            self.rub_out_one(echo);
        }
    }

    /// Takes the last character away, with all the bytes that it has in UTF-8.
    fn rub_out_one(&mut self, echo: &mut Vec<u8>) {
        while let Some(byte) = self.line.pop() {
            let continues = byte & 0b1100_0000 == 0b1000_0000;
            if !continues {
                echo.extend_from_slice(b"\x08 \x08");
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn type_all(editor: &mut Editor, bytes: &[u8]) -> (Vec<Outcome>, Vec<u8>) {
        let mut echo = Vec::new();
        let outcomes = bytes.iter().filter_map(|byte| editor.feed(*byte, &mut echo)).collect();
        (outcomes, echo)
    }

    fn lines(bytes: &[u8]) -> Vec<Outcome> {
        type_all(&mut Editor::default(), bytes).0
    }

    fn line(text: &str) -> Outcome {
        Outcome::Line(text.into())
    }

    #[test]
    fn each_way_of_ending_a_line_ends_one() {
        assert_eq!(lines(b"a\rb\nc\r\nd\r"), [line("a"), line("b"), line("c"), line("d")]);
    }

    #[test]
    fn mistakes_are_rubbed_out() {
        let (outcomes, echo) = type_all(&mut Editor::default(), b"\x7Fpx\x08s\r");
        assert_eq!(outcomes, [line("ps")]);
        assert_eq!(echo, b"px\x08 \x08s\r\n");
        assert_eq!(lines("ä\x7Fb\x15c\r".as_bytes()), [line("c")]);
    }

    #[test]
    fn control_c_forgets_the_line() {
        assert_eq!(lines(b"abc\x03d\r"), [Outcome::Interrupted, line("d")]);
    }

    #[test]
    fn up_and_down_walk_through_history() {
        let mut editor = Editor::default();
        type_all(&mut editor, b"one\rtwo\r");
        assert_eq!(type_all(&mut editor, b"\x1b[A\r").0, [line("two")]);
        assert_eq!(type_all(&mut editor, b"\x1b[A\x1b[A\x1b[A\x1b[B!\r").0, [line("two!")]);
        assert_eq!(type_all(&mut editor, b"x\x1b[A\x1b[By\r").0, [line("y")]);
    }

    #[test]
    fn other_escape_sequences_are_swallowed_whole() {
        assert_eq!(lines(b"a\x1b[5~\x1b[1;5Cb\r"), [line("ab")]);
        assert_eq!(lines(b"\x1bx\r"), [line("x")]);
    }

    #[test]
    fn a_line_has_an_end() {
        let (outcomes, echo) = type_all(&mut Editor::default(), &[b'x'; LONGEST + 1]);
        assert_eq!((outcomes.len(), echo.last()), (0, Some(&BELL)));
    }
}
