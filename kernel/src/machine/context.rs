//! A thread's saved registers, as the core reads and writes them.

use crate::frames::Frame;
use abi::{Message, Register, Tag};

/// How the thread that runs next goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a message that isn't passed on is lost"]
pub enum Resume {
    /// With its saved registers.
    Saved,
    /// With its saved registers, but with this message in the message registers.
    With(Message),
}

/// A thread's saved registers.
pub trait Context {
    /// Registers of a thread that was never set up; all zeros, so that tables of them need no image.
    const EMPTY: Self;

    /// Sets up a user thread: everything zero but instruction and stack pointer, interrupts on.
    fn start(&mut self, entry: usize, stack: usize);
    /// Sets up the idle loop in kernel mode, with interrupts on.
    fn start_idle(&mut self);
    /// The message in the message registers.
    fn message(&self) -> Message;
    /// One of the message's four words.
    fn word(&self, index: usize) -> usize;
    /// Replaces one of the message's four words.
    fn set_word(&mut self, index: usize, word: usize);
    /// Replaces the message's tag.
    fn set_tag(&mut self, tag: Tag);
    /// The handle register.
    fn handle(&self) -> u32;
    /// Replaces the message registers.
    fn set_message(&mut self, message: Message);
    /// Gives a message to the thread that runs next: by its saved registers, or by the CPU's, where they can hold it on
    /// the way out of the kernel.
    fn deliver(&mut self, message: Message) -> Resume;
    /// A register by name, if this width has it.
    fn register(&self, register: Register) -> Option<usize>;
    /// Changes a register; only what user mode may have is taken over (flags, canonical addresses).
    /// Returns nothing if this width doesn't have it or the value can't be taken.
    fn set_register(&mut self, register: Register, value: usize) -> Option<()>;
    /// Gives the thread its floating-point state area, in its initial state.
    fn attach_floating_point(&mut self, area: Frame);
}
