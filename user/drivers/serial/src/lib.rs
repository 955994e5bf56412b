//! The logic of the serial driver, apart from its loop: what a host test can run.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod uart;

pub use uart::{Fault, RING_BYTES, Uart, answers};
