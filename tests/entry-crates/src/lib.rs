//! The library of a kernel in two crates: the kernel's type, and a way out.
//!
//! The compiler makes a copy of a generic function in each crate that uses the function. A frame that can't be returned
//! to must fault as its own code's fault, whichever crate's copy of `resume` the return began in.
#![cfg_attr(target_os = "none", no_std)]

#[cfg(target_os = "none")]
mod kernel;
#[cfg(target_os = "none")]
pub use kernel::{TwoCrates, leave, resume_address};

#[cfg(all(target_os = "none", feature = "no-user-data"))]
pub mod no_user_data;
