//! The logic of the clock driver, apart from its loop: what a host test can run.
#![no_std]
#![forbid(unsafe_code)]

mod chip;
mod rate;

pub use chip::{Chip, Ports, Power};
pub use rate::Rate;
