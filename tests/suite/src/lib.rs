//! Shared by the conductor of the suite and its partners: their requests to each other, and code in assembly.
//!
//! The conductor (`suite`) is the first process. It runs the cases in a thread of middle priority, so that there are
//! threads above and below it, and prints a line for each on the kernel's log. Its first thread only watches. Partners
//! (`suite-partner`) are other processes that the conductor makes, each with a role.
#![cfg_attr(not(test), no_std)]

extern crate alloc;

pub mod bare;
pub mod code;
pub mod entry;
pub mod float;
pub mod held;
pub mod hostile;
pub mod image;
pub mod report;
pub mod role;
pub mod safe;
pub mod witness;
