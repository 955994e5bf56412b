//! Where things are in the kernel's GiB: `0xC000_0000` shows physical 0 and on, 768 MiB of it; windows come above.

/// The name of this width, as the targets have it.
pub const NAME: &str = "i686";

/// The difference between the image's addresses and the physical ones.
pub const KERNEL_BASE: usize = 0xC000_0000;

/// The address at which physical 0 appears.
pub const DIRECT_MAP: usize = 0xC000_0000;

/// The first physical address that the direct map doesn't show: more RAM than that is reached through a window.
pub const DIRECT_MAP_END: u64 = 0x3000_0000;

/// The bits of physical addresses that are used: more RAM would need more records of frames than the direct map holds.
pub const PHYSICAL_BITS: u8 = 36;

/// The addresses at which device memory, and memory that the direct map doesn't show, is mapped on request.
pub const WINDOWS: core::ops::Range<usize> = 0xF000_0000..0xFF00_0000;

/// The first physical address that the start code's page tables, or later the direct map, doesn't show.
pub const EARLY_MAP_END: u64 = DIRECT_MAP_END;

/// Where a frame outside the direct map appears while it is filled; one page, this CPU's own.
pub const ZERO_WINDOW: usize = 0xFFFF_C000;

/// Gives the address at which the direct map shows a physical address, if it does.
pub fn direct(physical: u64) -> Option<*mut u8> {
    (physical < DIRECT_MAP_END).then(|| (DIRECT_MAP + physical as usize) as *mut u8)
}
