//! Input that was typed and not read yet.

use alloc::collections::VecDeque;
use bellwire::protocol::Chunk;

/// How many bytes the shell takes from the console before a command reads them. Further bytes stay at the sender, and
/// Ctrl-C behind them isn't seen.
const AHEAD: usize = 4096;

const CONTROL_C: u8 = 0x03;

/// The treatment of bytes as they are typed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// The bytes are read one by one. None is fetched before it is wanted.
    #[default]
    Read,
    /// A command runs that reads none. The bytes are fetched, and Ctrl-C interrupts the command.
    Watched,
}

/// Input that has been fetched, and whether there may be more at the console.
#[derive(Debug, Default)]
pub struct TypedAhead {
    bytes: VecDeque<u8>,
    mode: Mode,
    more: More,
    interrupt: Interrupt,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum More {
    /// There is none until the console says so.
    No,
    /// There may be some. So it is at the start, too: the console may have told an earlier shell.
    #[default]
    Perhaps,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Interrupt {
    #[default]
    None,
    Typed,
}

impl TypedAhead {
    /// Notes that the console has input. Call this when the console says so.
    pub fn announce(&mut self) {
        self.more = More::Perhaps;
    }

    /// Returns whether to ask the console for input now.
    pub fn wants_more(&self) -> bool {
        let room = match self.mode {
            Mode::Read => self.bytes.is_empty(),
            Mode::Watched => self.bytes.len() < AHEAD,
        };
        room && self.more == More::Perhaps
    }

    /// Adds what the console answered. An empty answer says that it has no more.
    pub fn push(&mut self, chunk: Chunk) {
        if chunk.is_empty() {
            self.more = More::No;
        }
        self.bytes.extend(chunk.bytes());
        self.look_for_interrupt();
    }

    /// Changes the mode, and forgets an interruption of the last command.
    pub fn set_mode(&mut self, mode: Mode) {
        self.mode = mode;
        self.interrupt = Interrupt::None;
        self.look_for_interrupt();
    }

    /// Returns whether Ctrl-C was typed since the mode was set.
    pub fn is_interrupted(&self) -> bool {
        self.interrupt == Interrupt::Typed
    }

    /// Takes the next bytes, `most` at most.
    pub fn take(&mut self, most: usize) -> Chunk {
        let count = self.bytes.len().min(most);
        let chunk: Chunk = self.bytes.iter().copied().take(count).collect();
        self.bytes.drain(..chunk.bytes().len());
        chunk
    }

    /// Looks for Ctrl-C. It takes back what was typed before it, as terminals have always done.
    fn look_for_interrupt(&mut self) {
        if self.mode == Mode::Watched
            && let Some(at) = self.bytes.iter().rposition(|byte| *byte == CONTROL_C)
        {
            self.bytes.drain(..=at);
            self.interrupt = Interrupt::Typed;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(mode: Mode, bytes: &[u8]) -> TypedAhead {
        let mut typed = TypedAhead::default();
        typed.set_mode(mode);
        bytes.chunks(5).for_each(|chunk| typed.push(Chunk::new(chunk)));
        typed
    }

    #[test]
    fn nothing_is_fetched_before_it_is_wanted() {
        let mut typed = typed(Mode::Read, b"");
        assert!(typed.wants_more(), "an earlier shell may have been told");
        typed.push(Chunk::default());
        assert!(!typed.wants_more());
        typed.announce();
        assert!(typed.wants_more());
        typed.push(Chunk::new(b"ab"));
        assert!(!typed.wants_more());
        assert_eq!(typed.take(1).bytes(), b"a");
        assert!(!typed.wants_more());
        assert_eq!(typed.take(12).bytes(), b"b");
        assert!(typed.wants_more());
    }

    #[test]
    fn control_c_is_a_byte_to_who_reads() {
        let mut typed = typed(Mode::Read, b"a\x03b");
        assert!(!typed.is_interrupted());
        assert_eq!(typed.take(12).bytes(), b"a\x03b");
    }

    #[test]
    fn control_c_interrupts_and_forgets_what_was_typed_before() {
        let mut typed = typed(Mode::Watched, b"ps\r\x03 help\r \x03echo\r");
        assert!(typed.is_interrupted());
        assert_eq!(typed.take(12).bytes(), b"echo\r");
        typed.set_mode(Mode::Read);
        assert!(!typed.is_interrupted());
    }

    #[test]
    fn a_control_c_that_was_fetched_before_the_command_began_counts() {
        let mut typed = typed(Mode::Read, b"\x03e");
        typed.set_mode(Mode::Watched);
        assert!(typed.is_interrupted());
        assert_eq!(typed.take(12).bytes(), b"e");
    }

    #[test]
    fn what_is_typed_ahead_has_an_end() {
        let mut typed = typed(Mode::Watched, &[b'x'; AHEAD - 1]);
        assert!(typed.wants_more());
        typed.push(Chunk::new(b"yz"));
        assert!(!typed.wants_more());
    }
}
