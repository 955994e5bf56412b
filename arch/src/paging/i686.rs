//! The kernel's half on i686: what the 32-bit direct map leaves to do.

pub(crate) mod call_page;
mod zero_window;

use crate::memory::BootMemory;
use kernel::frames::Frame;

pub(crate) use zero_window::zero_outside_direct_map;

/// Adds to the kernel's half what this width alone has: the call page, and the page through which frames beyond the
/// direct map are zeroed.
pub(crate) fn prepare_kernel_half(memory: &mut BootMemory, root: Frame) -> Option<()> {
    zero_window::prepare(root, &mut || memory.take(1))?;
    call_page::map(memory, root)
}
