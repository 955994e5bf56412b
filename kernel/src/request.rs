//! A system call's arguments, and how it ends for its caller.

use crate::dispatch::Next;
use crate::tables::Link;
use abi::{Error, Message};

/// A call's arguments.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    /// Who calls.
    pub caller: Link,
    /// Its process.
    pub process: Link,
    /// The handle register.
    pub handle: u32,
    /// The message registers.
    pub message: Message,
}

/// Why a call failed. Small, since every call can fail in a dozen places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub error: Error,
    /// Who is in the way, by the badge of its exits; 0 for nobody. The first word of the answer.
    pub badge: u16,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self { error, badge: 0 }
    }
}

/// How a call ends for its caller.
pub(crate) enum Outcome {
    /// It returns nothing: the words stay what they were.
    Done,
    /// It returns with this word, and zeros.
    Word(usize),
    /// It returns with these words.
    Return([usize; 4]),
    /// It returns with these words and a label.
    Labelled(u8, [usize; 4]),
    /// Its message registers are set already, or will be when what it waits for happens. This says who runs next.
    Next(Next),
}

pub(crate) type CallResult = Result<Outcome, Refusal>;

/// A call that returns one word.
pub(crate) fn word(value: usize) -> CallResult {
    Ok(Outcome::Word(value))
}

/// A call that returns nothing.
pub(crate) const DONE: CallResult = Ok(Outcome::Done);
