//! Where things are in the upper half: all RAM from `0xFFFF_8000_0000_0000`, the image in the top 2 GiB, windows below
//! it.

/// The name of this width, as the targets have it.
pub const NAME: &str = "x86_64";

/// The difference between the image's addresses and the physical ones.
pub const KERNEL_BASE: usize = 0xFFFF_FFFF_8000_0000;

/// The address at which physical 0 appears.
pub const DIRECT_MAP: usize = 0xFFFF_8000_0000_0000;

/// The first physical address that the direct map doesn't show: what a frame number of 32 bits can name.
pub const DIRECT_MAP_END: u64 = 1 << 44;

/// The bits of physical addresses that are used: what a frame number of 32 bits can name.
pub const PHYSICAL_BITS: u8 = 44;

/// Where device memory is mapped on request.
pub const WINDOWS: core::ops::Range<usize> = 0xFFFF_FFFF_4000_0000..0xFFFF_FFFF_8000_0000;

/// The first physical address that the start code's page tables don't show in the direct map.
pub const EARLY_MAP_END: u64 = 1 << 32;

/// Gives the address at which the direct map shows a physical address, if it does.
pub fn direct(physical: u64) -> Option<*mut u8> {
    (physical < DIRECT_MAP_END).then(|| (DIRECT_MAP + physical as usize) as *mut u8)
}
