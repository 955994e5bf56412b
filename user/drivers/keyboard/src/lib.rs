//! The logic of the keyboard and mouse driver, apart from its loop, so that host tests can run it.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod budget;
mod chip;
mod controller;
mod keys;
mod looks;
mod mouse;
mod record;
mod sequences;

pub use chip::{COMMAND, DATA, FIRST_PORT, Ports};
pub use controller::{Controller, Flow, Missing, Successor};
pub use keys::Keys;
pub use looks::Looks;
pub use mouse::Mouse;
pub use record::{Kept, Reader, Record, Store};
