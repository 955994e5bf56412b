//! Physical memory while the kernel boots, and where things lie. The loader's map becomes sets of frames. Boot code
//! takes from them what stays for good, and the core gets the rest.

mod boot_memory;
mod bytes;
#[cfg_attr(target_arch = "x86", path = "memory/layout/i686.rs")]
#[cfg_attr(target_arch = "x86_64", path = "memory/layout/x86_64.rs")]
pub mod layout;
mod map;
mod run_set;

pub use boot_memory::{BootMemory, low_end};
pub use bytes::{clear, clear_bytes, copy, equal, fill};
pub use map::{MemoryMap, Region, RegionKind};
pub use run_set::RunSet;

use core::ops::Range;

/// The size of a frame.
pub const FRAME_BYTES: u64 = abi::PAGE_BYTES as u64;

/// The end of the memory that firmware, loaders and devices share in ways that no map tells in full.
pub const FIRST_MIB_BYTES: u64 = 0x10_0000;

/// The frames that lie wholly within a range of addresses.
pub fn frames_within(bytes: Range<u64>) -> Range<u32> {
    let first = frame_number(bytes.start.div_ceil(FRAME_BYTES));
    first..frame_number(bytes.end / FRAME_BYTES).max(first)
}

/// The frames that a range of addresses touches.
pub fn frames_touching(bytes: Range<u64>) -> Range<u32> {
    if bytes.is_empty() {
        return 0..0;
    }
    frame_number(bytes.start / FRAME_BYTES)..frame_number(bytes.end.div_ceil(FRAME_BYTES))
}

/// Converts to 32 bits. A larger number becomes the largest: the kernel can't use such frames.
fn frame_number(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The address of a frame's first byte.
pub fn address_of(frame: kernel::frames::Frame) -> u64 {
    u64::from(frame.0) * FRAME_BYTES
}
