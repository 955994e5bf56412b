//! Zeroing frames that the direct map doesn't show, through a page that shows one such frame at a time.

use core::ops::Range;

use kernel::frames::Frame;
use x86::tlb;

use crate::layout::ZERO_WINDOW;
use crate::memory::clear;
use crate::paging::{Flags, KernelTables, kernel_root};

/// Adds the table in which the window's entry stands.
pub(super) fn prepare(root: Frame, new_table: &mut impl FnMut() -> Option<Frame>) -> Option<()> {
    let mut tables = KernelTables::new(root);
    tables.map(ZERO_WINDOW, Frame(0), Flags::NO_EXECUTE, new_table)?;
    tables.clear(ZERO_WINDOW);
    Some(())
}

/// Fills some bytes with zeros of a frame that lies outside the direct map.
///
/// # Safety
/// The frame is RAM, nothing uses it, and the kernel's tables are installed; the bytes are whole words within a page.
pub(crate) unsafe fn zero_outside_direct_map(frame: Frame, bytes: Range<usize>) {
    let mut tables = KernelTables::new(kernel_root());
    let flags = Flags::WRITE | Flags::NO_EXECUTE;
    if tables.map(ZERO_WINDOW, frame, flags, &mut || None).is_some() {
        let start = (ZERO_WINDOW as *mut u8).wrapping_add(bytes.start);
        // SAFETY: the page shows the frame, which the caller vouches for; interrupts are off, so nothing else uses it.
        unsafe { clear(start, bytes.len()) };
        tables.clear(ZERO_WINDOW);
        // SAFETY: this is ring 0.
        unsafe { tlb::flush(ZERO_WINDOW) };
    }
}
