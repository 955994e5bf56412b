//! Measures what Bellwire's operations cost, each in many rounds, and prints a line for each row on the serial line.
//!
//! The program runs beside the shipped programs, with every counter on. It checks that the kernel counted exactly the
//! measured calls, so a bench that measures something else fails. Each row has a thread of its own that does nothing
//! else.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
extern crate alloc;

#[cfg(target_os = "none")]
mod rows;

#[cfg(target_os = "none")]
bellwire::main!(rows::run);

#[cfg(not(target_os = "none"))]
fn main() {}
