//! x86_64: what the 64-bit mode has its own way of doing.

pub mod layout;
