//! Everything of Bellwire that the CPU and the chipset dictate; the portable core is the crate `kernel`.
//!
//! What differs between i686 and x86_64 stands in the module of that name, and reaches the rest as `width`, with the same
//! items on both.
#![cfg_attr(target_arch = "x86_64", feature(rust_preserve_none_cc))]
#![feature(optimize_attribute)]
#![cfg_attr(not(test), no_std)]

extern crate alloc;

#[cfg(target_arch = "x86")]
#[path = "i686/mod.rs"]
mod width;
#[cfg(target_arch = "x86_64")]
#[path = "x86_64/mod.rs"]
mod width;

pub mod acpi;
pub mod apic;
pub mod cell;
mod context;
pub mod controller;
pub mod cpu;
pub mod crash;
pub mod fpu;
pub mod io_permission;
pub mod ioapic;
pub mod journal;
mod machine;
mod machine_check;
pub mod madt;
pub mod memory;
pub mod msi;
mod nmi;
pub mod paging;
pub mod pic;
pub mod pit;
pub mod port;
pub mod route;
pub mod rulers;
pub mod scale;
pub mod screen;
pub mod serial;
mod stack;
mod stamp;
pub mod start;
pub mod time;
mod trap;
pub mod window;

pub use context::Context;
pub use machine::Cpu;
pub use width::layout;
