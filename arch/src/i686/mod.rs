//! i686: what 32-bit x86 with PAE has its own way of doing.

pub(crate) mod call_page;
mod context;
pub(crate) mod idle;
pub mod layout;
mod registers;
pub(crate) mod segments;
mod trap;
mod zero_window;

use crate::memory::BootMemory;
use kernel::frames::Frame;

pub(crate) use registers::write_registers;
pub(crate) use trap::{
    SYSENTER_RETURN, TASK_SWITCHES, call, enable_fast_calls, leave_with, resume_current, save_and_leave_with,
    stop_single_step,
};
pub(crate) use zero_window::zero_outside_direct_map;

/// Adds to the kernel's half what this width alone has: the call page, and the page through which frames beyond the
/// direct map are zeroed.
pub(crate) fn prepare_kernel_half(memory: &mut BootMemory, root: Frame) -> Option<()> {
    zero_window::prepare(root, &mut || memory.take(1))?;
    call_page::map(memory, root)
}
