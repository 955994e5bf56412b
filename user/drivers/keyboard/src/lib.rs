//! The logic of the keyboard and mouse driver, apart from its loop, so that host tests can run it.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod budget;
mod chip;
mod controller;
mod keys;
mod looks;
mod missing;
mod mouse;
mod record;
mod sequences;
mod successor;

pub use chip::{COMMAND, DATA, FIRST_PORT, Ports};
pub use controller::{Controller, Flow};
pub use keys::Keys;
pub use looks::Looks;
pub use missing::Missing;
pub use mouse::Mouse;
pub use record::{Kept, Reader, Record, Store};
pub use successor::Successor;
