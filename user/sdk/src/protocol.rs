//! What services say to each other, beyond the kernel's own calls: requests and answers as they travel in a
//! message's label and words.
//!
//! Each service's requests are one enum, so that a server is a `match`. Labels are unique over all services, since
//! one server may speak several of these (the keyboard driver is a stream of keys and a mouse). All words are used
//! with 32 bits, so the same bytes travel on both widths.
//!
//! A reply's label is [`DONE`], [`REFUSED`], [`ABSENT`] or [`OVER_LIMIT`].

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

/// What a reply's label says: [`crate::Error::BadArgument`] if the server refuses the request, and
/// [`crate::Error::Unsupported`] if there is none. [`crate::Endpoint::request`] looks by itself.
pub fn outcome(label: u8) -> crate::Result<()> {
    match label {
        DONE => Ok(()),
        ABSENT => Err(crate::Error::Unsupported),
        OVER_LIMIT => Err(crate::Error::OverLimit),
        _ => Err(crate::Error::BadArgument),
    }
}

/// A request of some service, as it travels in a call.
pub trait Request: Sized {
    /// The call's label and words.
    fn encode(self) -> (u8, [usize; 4]);

    /// The request that a call's label and words carry, if it is one of this service's.
    fn decode(label: u8, words: [usize; 4]) -> Option<Self>;
}
