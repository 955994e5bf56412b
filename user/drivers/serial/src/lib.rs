//! The logic of the serial driver, apart from its loop, so that host tests can run it.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod look;
mod uart;

pub use look::NextLook;
pub use uart::{COM1, Fault, RING_BYTES, Uart, answers};
