//! Everything of Bellwire that the CPU and the chipset dictate; the portable core is the crate `kernel`.
//!
//! A folder calls and imports only folders below it. From the top: `start`, `trap`, `crash`, `state`, `machine`,
//! `context`, `current`, `log`, `clock`, `interrupts`, `firmware`, `fpu`, `paging`, `memory`, `cpu`, `io`.
//!
//! What differs between i686 and x86_64 stands in a file of that name beside what it is a part of, with the same items
//! on both.
#![cfg_attr(target_arch = "x86_64", feature(rust_preserve_none_cc))]
#![feature(optimize_attribute)]
#![cfg_attr(not(test), no_std)]

extern crate alloc;

pub mod clock;
mod context;
pub mod cpu;
pub mod crash;
mod current;
pub mod firmware;
pub mod fpu;
pub mod interrupts;
pub mod io;
pub mod log;
mod machine;
pub mod memory;
pub mod paging;
pub mod start;
mod state;
mod trap;

pub use context::ThreadContext;
pub use machine::Cpu;
pub use memory::layout;
