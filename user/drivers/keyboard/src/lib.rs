//! The logic of the keyboard and mouse driver, apart from its loop: what a host test can run.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod controller;
mod keys;
mod mouse;

pub use controller::{COMMAND, Controller, DATA};
pub use keys::Keys;
pub use mouse::Mouse;
