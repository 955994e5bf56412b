//! What the conductor of the suite and its partners share: what they ask of each other, and code that no compiler
//! writes.
//!
//! The conductor (`suite`) is the first process. It runs the cases, one line each on the kernel's log, in a thread of
//! middle priority, so that there are threads above and below it; its first thread only watches. Partners
//! (`suite-partner`) are other processes that it makes, each with a role.
#![cfg_attr(not(test), no_std)]

extern crate alloc;

pub mod code;
pub mod entry;
pub mod float;
pub mod held;
pub mod image;
pub mod report;
pub mod role;
pub mod witness;
