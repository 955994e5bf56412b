//! The kernel's half on x86_64: nothing besides what both widths have.

use crate::memory::BootMemory;
use core::ops::Range;
use kernel::frames::Frame;

/// Adds to the kernel's half what this width alone has: nothing.
pub(crate) fn prepare_kernel_half(_memory: &mut BootMemory, _root: Frame) -> Option<()> {
    Some(())
}

/// Does nothing: the direct map shows every frame.
///
/// # Safety
/// None: the function stands for the one of that name on i686.
pub(crate) unsafe fn zero_outside_direct_map(_frame: Frame, _bytes: Range<usize>) {}
