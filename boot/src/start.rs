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

/// The difference from a kernel symbol's address to its physical address, in the modulo-2^32 arithmetic of 32-bit code.
const TO_PHYSICAL: u32 = 0u32.wrapping_sub(arch::layout::KERNEL_BASE as u32);

/// Bytes of an entry of a page table, and how many entries a table has (SDM 3A 4.4.2, 4.5).
const ENTRY_BYTES: usize = size_of::<u64>();
const ENTRIES: usize = 512;
/// The flags of an entry that shows a large page: present, writable, 2 MiB (SDM 3A 4.4.2, 4.5).
const LARGE_PAGE: u32 = 0x83;
const LARGE_PAGE_BYTES: usize = 2 << 20;

const CR4_PAE: u32 = 1 << 5;
/// Paging, and write protection in ring 0 too.
const CR0_PG_WP: u32 = 1 << 31 | 1 << 16;

/// The selectors of both widths' early descriptor tables: code, then data.
const CODE_SELECTOR: u32 = 1 << 3;
const DATA_SELECTOR: u32 = 2 << 3;

/// Pages of early page-table entries. The start code fills them, and the CPU uses them until the final tables are on.
#[repr(C, align(4096))]
struct EarlyTable<const PAGES: usize>(UnsafeCell<[[u64; ENTRIES]; PAGES]>);

// SAFETY: only the start code and `copy` write it, on the one CPU that runs; no reference to the content is ever made.
unsafe impl<const PAGES: usize> Sync for EarlyTable<PAGES> {}

impl<const PAGES: usize> EarlyTable<PAGES> {
    const fn new() -> Self {
        Self(UnsafeCell::new([[0; ENTRIES]; PAGES]))
    }
}
