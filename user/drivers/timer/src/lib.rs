//! The logic of the timer service, apart from its loop: what a host test can run.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod schedule;

pub use schedule::{Full, LARGEST, Schedule};
