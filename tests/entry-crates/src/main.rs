//! A kernel in two crates: this one has the start, the program and the other way out.
//!
//! A program in ring 3 takes breakpoints. At each the kernel puts a code segment that doesn't exist into the program's
//! frame and resumes it, by the library's copy of `resume` and then by this crate's. Both returns must come back as the
//! program's own fault.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
#[path = "../../../arch/entry/examples/support/mod.rs"]
#[macro_use]
mod support;
#[cfg(target_os = "none")]
#[path = "../../../arch/entry/examples/support/panic.rs"]
mod panic;
#[cfg(target_os = "none")]
mod program;
#[cfg(target_os = "none")]
use program::kernel_main;

#[cfg(not(target_os = "none"))]
fn main() {
    println!("This is a kernel: the tests of interrupt entry build and boot it.");
}
