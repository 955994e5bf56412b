//! x86_64: what the 64-bit mode has its own way of doing.

mod context;
pub(crate) mod idle;
pub mod layout;
mod registers;
pub(crate) mod segments;
mod trap;

pub(crate) use registers::write_registers;
pub(crate) use trap::{
    SYSENTER_RETURN, TASK_SWITCHES, call, enable_fast_calls, leave_with, resume_current, save_and_leave_with,
    stop_single_step,
};

use crate::memory::BootMemory;
use core::ops::Range;
use kernel::frames::Frame;

/// Adds to the kernel's half what this width alone has: nothing.
pub(crate) fn prepare_kernel_half(_memory: &mut BootMemory, _root: Frame) -> Option<()> {
    Some(())
}

/// Never has anything to do: the direct map shows every frame.
///
/// # Safety
/// None of its own; it stands for the i686 function of that name.
pub(crate) unsafe fn zero_outside_direct_map(_frame: Frame, _bytes: Range<usize>) {}
