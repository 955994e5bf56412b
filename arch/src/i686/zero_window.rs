//! Zeroing frames that the direct map doesn't show: through one page that shows one such frame at a time.

use kernel::memory::Frame;
use x86::tlb;

use super::layout::ZERO_WINDOW;
use crate::memory::clear;
use crate::paging::{Flags, KernelTables, kernel_root};

/// Makes the table ready that the window's entry stands in.
pub(super) fn prepare(root: Frame, new_table: &mut impl FnMut() -> Option<Frame>) -> Option<()> {
    let mut tables = KernelTables::new(root);
    tables.map(ZERO_WINDOW, Frame(0), Flags::NO_EXECUTE, new_table)?;
    tables.clear(ZERO_WINDOW);
    Some(())
}

/// Fills a frame with zeros that lies outside the direct map.
///
/// # Safety
/// The frame is RAM, nothing uses it, and the kernel's tables are installed.
pub(crate) unsafe fn zero_outside_direct_map(frame: Frame) {
    let mut tables = KernelTables::new(kernel_root());
    let flags = Flags::WRITE | Flags::NO_EXECUTE;
    if tables.map(ZERO_WINDOW, frame, flags, &mut || None).is_some() {
        // SAFETY: the page shows the frame, which the caller vouches for; interrupts are off, so nothing else uses it.
        unsafe { clear(ZERO_WINDOW as *mut u8, abi::PAGE_BYTES) };
        tables.clear(ZERO_WINDOW);
        // SAFETY: this is ring 0.
        unsafe { tlb::flush(ZERO_WINDOW) };
    }
}
