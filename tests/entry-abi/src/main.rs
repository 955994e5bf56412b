//! Every known issue of interrupt entry as a test, against the compiler's `extern "x86-interrupt"` and `x86-entry`.
//!
//! The program is a kernel of its own, without address spaces: it boots by a multiboot loader and runs one row after
//! the other. Each row puts known values into the registers of an interrupted program, raises a trap, and compares the
//! registers that handler and program see. Any other trap ends in a stub that belongs to neither column ([`harness`]),
//! so a fault is a result like others.
//!
//! The command line chooses the column, `column=compiler` or `column=entry`, and the first row, `from=ROW`. Each row
//! prints
//!
//! ```text
//! begin 3
//! row 3: ok
//! ```
//!
//! or `broken: WHY`, or `none: WHY` where it doesn't apply to this machine. The last line is `done`.
#![cfg_attr(target_os = "none", no_std, no_main, feature(abi_x86_interrupt))]

#[cfg(target_os = "none")]
mod column;
#[cfg(target_os = "none")]
mod console;
#[cfg(target_os = "none")]
mod floats;
#[cfg(target_os = "none")]
mod harness;
#[cfg(target_os = "none")]
mod kernel;
#[cfg(target_os = "none")]
mod rows;
#[cfg(target_os = "none")]
mod segments;
#[cfg(target_os = "none")]
mod start;

#[cfg(not(target_os = "none"))]
fn main() {
    println!("This is a kernel: `just abi` builds and boots it.");
}
