//! Filling frames with zeros, wherever they are.

use kernel::memory::Frame;

use crate::layout;
use crate::memory::{address_of, clear};

/// Fills a frame with zeros.
///
/// # Safety
/// The frame is RAM, and nothing uses it.
pub unsafe fn zero(frame: Frame) {
    match layout::direct(address_of(frame)) {
        // SAFETY: the direct map shows all RAM up to its end, page-aligned, and the caller vouches for the frame.
        Some(start) => unsafe { clear(start, abi::PAGE_BYTES) },
        // SAFETY: as above.
        None => unsafe { crate::width::zero_outside_direct_map(frame) },
    }
}
