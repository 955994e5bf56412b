//! (being built)
#![no_std]
#![forbid(unsafe_code)]
pub mod machine;
pub mod memory;
