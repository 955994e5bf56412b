//! Measures what Bellwire's operations cost, each in many rounds, and prints a line a row on the serial line.
//!
//! It runs beside the shipped programs, with every counter on, and checks that the kernel counted exactly the calls
//! that were measured: a bench that measured something else would show. Each row has a thread of its own that does
//! nothing else.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
extern crate alloc;

#[cfg(target_os = "none")]
mod rows;

#[cfg(target_os = "none")]
bellwire::main!(rows::run);

#[cfg(not(target_os = "none"))]
fn main() {}
