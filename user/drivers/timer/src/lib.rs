//! The logic of the timer service, apart from its loop, so that host tests can run it.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod limits;
mod schedule;

pub use limits::{EXPIRIES_PER_SECOND, REQUESTS, REQUESTS_PER_CLIENT, Weight, is_within_limits};
pub use schedule::{Full, LARGEST, Schedule};
