//! The logic of the timer service, apart from its loop, so that host tests can run it.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod schedule;

pub use schedule::{Full, LARGEST, Schedule};
