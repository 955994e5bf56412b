//! The logic of the clock driver, apart from its loop, so that host tests can run it.
#![no_std]
#![forbid(unsafe_code)]

mod chip;
mod rate;

pub use chip::{Chip, FIRST_PORT, Ports, Power};
pub use rate::Rate;
