//! (being built)
#![no_std]

pub mod protocol;
