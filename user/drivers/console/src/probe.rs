//! A question to the terminal at the serial line. Its answer says how large it is, and that it understands escape
//! sequences.

/// The sequences that save the cursor, move it as far down and right as possible, ask for its place, and move it back
/// (DECSC, CUP, DSR 6, DECRC). Every terminal knows them.
const QUESTION: &[u8] = b"\x1b7\x1b[999;999H\x1b[6n\x1b8";

/// The plausible numbers of rows. An answer beyond these limits isn't believed.
const ROWS: core::ops::RangeInclusive<u16> = 2..=999;
const COLUMNS: core::ops::RangeInclusive<u16> = 20..=999;

/// A terminal's size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// The terminal's rows.
    pub rows: u16,
    /// The terminal's columns.
    pub columns: u16,
}

/// Waits for the answer, `ESC [ rows ; columns R`, among what is typed.
#[derive(Debug, Default)]
pub struct Probe {
    /// The question is to be sent.
    is_due: bool,
    state: State,
}

#[derive(Debug, Default)]
enum State {
    /// Nothing was asked, or the question was answered.
    #[default]
    Idle,
    /// The question was asked, and no answer has begun.
    Asked,
    Escape,
    Rows(u16),
    Columns(u16, u16),
}

impl Probe {
    /// Has the terminal asked by the next [`Probe::question`]. However often this is called until then, the question is
    /// sent once.
    pub fn request(&mut self) {
        self.is_due = true;
    }

    /// Returns the question, if it is to be sent, and begins to wait for the answer. Call this where there is room for
    /// it.
    pub fn question(&mut self) -> Option<&'static [u8]> {
        if !self.is_due {
            return None;
        }
        *self = Self { is_due: false, state: State::Asked };
        Some(QUESTION)
    }

    /// Looks at a byte from the terminal. Returns the size at the answer's last byte.
    pub fn look(&mut self, byte: u8) -> Option<Size> {
        let with = |number: u16| number.saturating_mul(10).saturating_add(u16::from(byte.wrapping_sub(b'0')));
        let state = core::mem::take(&mut self.state);
        self.state = match (state, byte) {
            (State::Idle, _) => State::Idle,
            (_, 0x1B) => State::Escape,
            (State::Escape, b'[') => State::Rows(0),
            (State::Rows(rows), b'0'..=b'9') => State::Rows(with(rows)),
            (State::Rows(rows), b';') => State::Columns(rows, 0),
            (State::Columns(rows, columns), b'0'..=b'9') => State::Columns(rows, with(columns)),
            (State::Columns(rows, columns), b'R') if ROWS.contains(&rows) && COLUMNS.contains(&columns) => {
                return Some(Size { rows, columns });
            }
            _ => State::Asked,
        };
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn sizes(bytes: &[u8]) -> Vec<Size> {
        let mut probe = Probe::default();
        probe.request();
        assert!(probe.question().is_some());
        bytes.iter().filter_map(|byte| probe.look(*byte)).collect()
    }

    #[test]
    fn the_answer_is_found_among_keys() {
        assert_eq!(sizes(b"ps\r\x1b[A\x1b\x1b[24;80Rps\r\x1b[1;2R"), [Size { rows: 24, columns: 80 }], "one answer");
        assert!(sizes(b"[24;80R\x1b[24R\x1b[0;0R\x1b[99999;99999R\x1b[24;80").is_empty());
    }

    #[test]
    fn nobody_answers_before_the_question() {
        let mut probe = Probe::default();
        probe.request();
        assert!(b"\x1b[24;80R".iter().all(|byte| probe.look(*byte).is_none()));
    }

    #[test]
    fn the_question_is_sent_once_however_often_it_was_wanted() {
        let mut probe = Probe::default();
        assert_eq!(probe.question(), None, "nobody has asked for it");
        (0..1000).for_each(|_| probe.request());
        assert_eq!((probe.question(), probe.question()), (Some(QUESTION), None));
    }
}
