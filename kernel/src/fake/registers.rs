//! A thread's registers: the general ones by name, and the message registers beside them.
//!
//! On real hardware the message registers are some of the general ones. The core never relies on which, so here they
//! stand apart, and a test can tell a message from a register that somebody wrote by name.

use super::Space;
use crate::frames::Frame;
use crate::machine::{Context, Resume};
use abi::{Message, Register, Tag};

/// What kind of code runs with these registers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// None: they were never set up.
    #[default]
    Unset,
    /// A program.
    User,
    /// The kernel's idle loop.
    Idle,
}

/// Registers of a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registers {
    /// What they run.
    pub mode: Mode,
    /// The general registers, by number.
    pub general: [usize; 19],
    /// The message registers.
    pub message: Message,
    /// The handle register.
    pub handle: u32,
    /// The floating-point state area.
    pub floating_point: Option<Frame>,
    /// The address space in which they run, once they were told.
    pub space: Option<Space>,
    /// Which of the machine's switches made them the ones that run; 0 for none.
    pub mark: u64,
}

/// The flags that user mode may change.
const USER_FLAGS: usize = 0x0004_0CD5;

impl Context for Registers {
    const EMPTY: Self = Self {
        mode: Mode::Unset,
        general: [0; 19],
        message: Message { tag: abi::Tag(0), words: [0; 4] },
        handle: 0,
        floating_point: None,
        space: None,
        mark: 0,
    };

    fn start(&mut self, entry: usize, stack: usize) {
        *self = Self { mode: Mode::User, ..Self::EMPTY };
        self.general[Register::Ip as usize] = entry;
        self.general[Register::Sp as usize] = stack;
        self.general[Register::Flags as usize] = 0x202;
    }

    fn start_idle(&mut self) {
        *self = Self { mode: Mode::Idle, ..Self::EMPTY };
    }

    fn message(&self) -> Message {
        self.message
    }

    fn word(&self, index: usize) -> usize {
        self.message.words[index]
    }

    fn set_word(&mut self, index: usize, word: usize) {
        self.message.words[index] = word;
    }

    fn set_tag(&mut self, tag: Tag) {
        self.message.tag = tag;
    }

    fn handle(&self) -> u32 {
        self.handle
    }

    fn set_message(&mut self, message: Message) {
        self.message = message;
    }

    /// As a machine does that passes messages in the CPU's registers: the caller has to put it where it belongs.
    fn deliver(&mut self, message: Message) -> Resume {
        Resume::With(message)
    }

    fn register(&self, register: Register) -> Option<usize> {
        self.general.get(register as usize).copied()
    }

    fn set_register(&mut self, register: Register, value: usize) -> Option<()> {
        let in_user_space = !matches!(register, Register::Ip | Register::FsBase) || value < abi::USER_END;
        let slot = self.general.get_mut(register as usize).filter(|_| in_user_space)?;
        *slot = match register {
            Register::Flags => (*slot & !USER_FLAGS) | (value & USER_FLAGS),
            _ => value,
        };
        Some(())
    }

    fn attach_floating_point(&mut self, area: Frame) {
        self.floating_point = Some(area);
    }
}
