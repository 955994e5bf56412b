//! Measures whether operations cost the same on a large system: makes more and more processes, threads, sources,
//! handles and timers, and measures some rows at each step, in the same machine.
//!
//! The program is the first process, in place of `init`. The threads, plans and the device are those of the other
//! benches. Lines on the kernel's log: `scale: population PERCENT PROCESSES THREADS SOURCES HANDLES TIMERS`, `scale:
//! row PERCENT NAME MINIMUM MEDIAN`, and at last `scale: done`.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod device;
#[cfg(target_os = "none")]
mod population;
#[cfg(target_os = "none")]
mod scale;
#[cfg(target_os = "none")]
mod sides;

#[cfg(target_os = "none")]
bellwire::main!(scale::run);

#[cfg(not(target_os = "none"))]
fn main() {}
