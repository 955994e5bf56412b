//! From the loader's 32-bit entry to Rust in the higher half.
//!
//! In order: `header` is what the loader reads, `check` refuses a CPU that can't run the kernel, and the width's own
//! part maps low memory twice (where it is, and at the kernel's base), turns paging on and calls [`crate::begin()`].

use core::cell::UnsafeCell;

mod check;
pub mod copy;
mod header;
pub mod stack;
#[cfg(target_arch = "x86")]
#[path = "start/i686.rs"]
mod width;
#[cfg(target_arch = "x86_64")]
#[path = "start/x86_64.rs"]
mod width;

/// What makes a physical address of a kernel symbol, in the modulo-2^32 arithmetic of 32-bit code.
const TO_PHYSICAL: u32 = 0u32.wrapping_sub(arch::layout::KERNEL_BASE as u32);

/// A page of early page-table entries, filled by the start code and left when the final tables are on.
#[repr(C, align(4096))]
struct EarlyTable<const PAGES: usize>(UnsafeCell<[[u64; 512]; PAGES]>);

// SAFETY: only the start code and `copy` write it, on the one CPU that runs; no reference to the content is ever made.
unsafe impl<const PAGES: usize> Sync for EarlyTable<PAGES> {}

impl<const PAGES: usize> EarlyTable<PAGES> {
    const fn new() -> Self {
        Self(UnsafeCell::new([[0; 512]; PAGES]))
    }
}
