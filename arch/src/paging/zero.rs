//! Filling frames with zeros, in the direct map or outside.

use core::ops::Range;

use kernel::frames::Frame;

use crate::layout;
use crate::memory::{address_of, clear};

/// Fills some bytes of a frame with zeros.
///
/// # Safety
/// The frame is RAM, and nothing uses it; the bytes are whole words within a page.
pub unsafe fn zero(frame: Frame, bytes: Range<usize>) {
    match layout::direct(address_of(frame)) {
        // SAFETY: the direct map shows all RAM up to its end, page-aligned, and the caller vouches for frame and bytes.
        Some(start) => unsafe { clear(start.wrapping_add(bytes.start), bytes.len()) },
        // SAFETY: as above.
        None => unsafe { super::width::zero_outside_direct_map(frame, bytes) },
    }
}
