//! Views of RAM by its physical address while the kernel boots: in the direct map, or through a window beyond it.

use core::ops::Range;
use core::ptr::NonNull;

use arch::layout;
use arch::paging::window::{self, Caching};

/// Returns a view of RAM that nothing writes, or `None` if the RAM can't be mapped.
pub fn bytes(physical: Range<u64>) -> Option<&'static [u8]> {
    // SAFETY: a shared view of a module, which nothing writes until it is handed over.
    unsafe { bytes_mut(physical) }.map(|bytes| &*bytes)
}

/// Returns a view of RAM that the caller fills, or `None` if the RAM can't be mapped.
///
/// # Safety
/// The range is RAM, and nothing else refers to it while the result lives.
pub unsafe fn bytes_mut(physical: Range<u64>) -> Option<&'static mut [u8]> {
    let length = usize::try_from(physical.end.checked_sub(physical.start)?).ok()?;
    if length == 0 {
        return Some(&mut []);
    }
    let start = if physical.end <= layout::DIRECT_MAP_END {
        NonNull::new(layout::direct(physical.start)?)?
    } else {
        // SAFETY: RAM may be mapped cached, as the direct map does.
        unsafe { window::map(physical.start, length, Caching::WriteBack) }?
    };
    // SAFETY: all of the range is mapped there, and the caller vouches that this is the only reference to it.
    Some(unsafe { core::slice::from_raw_parts_mut(start.as_ptr(), length) })
}
