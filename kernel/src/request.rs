//! A system call's arguments, and how it ends for its caller.

use crate::dispatch::Next;
use crate::tables::Link;
use abi::{Error, Message};

/// A call's arguments.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    /// The thread that calls.
    pub caller: Link,
    /// Its process.
    pub process: Link,
    /// The handle register.
    pub handle: u32,
    /// The message registers.
    pub message: Message,
}

/// Why a call failed. The type is small, since every call can fail in a dozen places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub error: Error,
    /// The badge of the process that is in the way, or 0. It is the first word of the answer.
    pub badge: u16,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self { error, badge: 0 }
    }
}

/// How a call ends for its caller.
pub(crate) enum Outcome {
    /// It returns nothing: the message's words stay what they were.
    Done,
    /// It returns with this word, and zeros.
    Word(usize),
    /// It returns with these words.
    Return([usize; 4]),
    /// It returns with these words and a label.
    Labelled(u8, [usize; 4]),
    /// The caller's message registers are set already, or will be when its wait ends. This says which thread runs next.
    Next(Next),
}

pub(crate) type CallResult = Result<Outcome, Refusal>;

/// A call that returns one word.
pub(crate) fn word(value: usize) -> CallResult {
    Ok(Outcome::Word(value))
}

/// A call that returns nothing.
pub(crate) const DONE: CallResult = Ok(Outcome::Done);
