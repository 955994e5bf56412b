//! Measures what operations of Linux cost in the way in which `tests/bench` measures Bellwire's: the same count of
//! rounds, the same clock, the same lines on the serial line. The program is the first process of a machine with no
//! other program.
//!
//! The program is built like one of Bellwire's, for a target without a system, since an executable is the same for
//! both. It has no library: what it asks of Linux are system calls ([`call`]). It runs as `/init` and switches the
//! machine off when it is done or when anything failed.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod call;
#[cfg(target_os = "none")]
mod channel;
#[cfg(target_os = "none")]
mod device;
#[cfg(target_os = "none")]
mod entry;
#[cfg(target_os = "none")]
mod report;
#[cfg(target_os = "none")]
mod rows;

// Another package's file: its library needs Bellwire to run on.
#[path = "../../bench/src/cost.rs"]
#[cfg(target_os = "none")]
mod cost;

#[cfg(not(target_os = "none"))]
fn main() {}
