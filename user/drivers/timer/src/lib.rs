//! The logic of the timer service, apart from its loop, so that host tests can run it.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod limits;
mod schedule;

pub use limits::{Client, EXPIRIES_OF_ALL, EXPIRIES_OF_CLIENT, FEW_EXPIRIES, REQUESTS, Weight, is_seldom_enough};
pub use schedule::{Full, LARGEST, Schedule};
