//! What services say to each other, beyond the kernel's own calls: requests and answers as they travel in a
//! message's label and words.
//!
//! Each service's requests are one enum, so that a server is a `match`. Labels are unique over all services, since
//! one server may speak several of these (the keyboard driver is a stream of keys and a mouse). All words are used
//! with 32 bits, so the same bytes travel on both widths. A word that is too large for what it stands for is refused,
//! not cut: a request isn't decoded, and an answer is [`Error::BadArgument`].
//!
//! A reply's label is [`DONE`], [`REFUSED`], [`ABSENT`], [`OVER_LIMIT`] or [`FORBIDDEN`].

mod clock;
mod console;
mod edu;
mod keyboard;
mod mouse;
mod pci;
mod power;
mod programs;
mod stream;
mod supervision;
mod timer;

use crate::{ClientRight, Error, Result};
use abi::join;

pub use clock::{ClockRequest, DateTime, Ticks};
pub use console::{ColourPolicy, ConsoleMode, ConsoleRequest, ConsoleSize};
pub use edu::{EduCounts, EduRequest};
pub use keyboard::{KeyLayout, KeyboardRequest};
pub use mouse::{Buttons, MouseRequest, MouseState};
pub use pci::{PciAddress, PciBar, PciFunction, PciId, PciRequest, PciSignal};
pub use power::PowerRequest;
pub use programs::{Control, ProgramName, ProgramState, ProgramStatus, ProgramsRequest};
pub use stream::{CHUNK_BYTES, Chunk, StreamRequest};
pub use supervision::SupervisionRequest;
pub use timer::TimerRequest;

/// A reply's label: the request was carried out, the words are the answer.
pub const DONE: u8 = 0;

/// A reply's label: the server doesn't know the request, or its words are out of range.
pub const REFUSED: u8 = 1;

/// A reply's label: nobody serves this, because the device isn't there or the program was stopped. `init` answers so in
/// the program's place, at once; [`crate::Endpoint::request`] makes [`crate::Error::Unsupported`] of it.
pub const ABSENT: u8 = 2;

/// A reply's label: the server grants one client no more of this at a time. [`crate::Endpoint::request`] makes
/// [`crate::Error::OverLimit`] of it.
pub const OVER_LIMIT: u8 = 3;

/// A reply's label: the client hasn't the right that the request takes. [`crate::Endpoint::request`] makes
/// [`crate::Error::MissingRight`] of it.
pub const FORBIDDEN: u8 = 4;

/// What a reply's label says: [`crate::Error::BadArgument`] if the server refuses the request, and
/// [`crate::Error::Unsupported`] if there is none. [`crate::Endpoint::request`] looks by itself.
pub fn outcome(label: u8) -> Result<()> {
    match label {
        DONE => Ok(()),
        ABSENT => Err(Error::Unsupported),
        OVER_LIMIT => Err(Error::OverLimit),
        FORBIDDEN => Err(Error::MissingRight),
        _ => Err(Error::BadArgument),
    }
}

/// Returns a word that another program has sent as what it stands for, if it isn't too large.
fn narrow<T: TryFrom<usize>>(word: usize) -> Result<T> {
    T::try_from(word).map_err(|_| Error::BadArgument)
}

/// Returns the 64-bit quantity that two words carry, if neither is too large.
fn wide(low: usize, high: usize) -> Result<u64> {
    narrow::<u32>(low)?;
    narrow::<u32>(high)?;
    Ok(join(low, high))
}

/// A request of some service, as it travels in a call.
pub trait Request: Sized {
    /// The call's label and words.
    fn encode(self) -> (u8, [usize; 4]);

    /// The request that a call's label and words carry, if it is one of this service's. A word that is too large for
    /// what it stands for makes it none.
    fn decode(label: u8, words: [usize; 4]) -> Option<Self>;

    /// The right that the request takes, if not every client may make it. A request takes the right `control` if it
    /// changes what all clients of the service share.
    fn takes(&self) -> Option<ClientRight> {
        None
    }
}

#[cfg(test)]
mod tests;
