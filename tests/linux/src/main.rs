//! Measures what operations of Linux cost, as the first process of a machine with nothing else on it, in the way in
//! which `tests/bench` measures Bellwire's: as many rounds, the same clock, the same lines on the serial line.
//!
//! It is built like a program of Bellwire, for a target without a system, and has no library: an executable is the same
//! on both, and what it asks of Linux are system calls ([`call`]). It runs as `/init` and switches the machine off when
//! it is done, or when anything failed.
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
