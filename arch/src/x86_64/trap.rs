//! What traps need to know of x86_64.

use crate::trap::Bell;
use x86_entry::{CpuData, Frame};

/// `syscall` saves the return address: there is no fixed one.
pub(crate) const SYSENTER_RETURN: usize = 0;
/// 64-bit mode has no hardware tasks.
pub(crate) const TASK_SWITCHES: bool = false;

/// RFLAGS.TF.
const TRAP_FLAG: u64 = 1 << 8;

/// Ends the single-stepping of interrupted code.
pub(crate) fn stop_single_step(frame: &mut Frame) {
    frame.rflags &= !TRAP_FLAG;
}

/// Makes `syscall` lead to the kernel. Every CPU with 64-bit mode has it.
///
/// # Safety
/// The kernel's segments are loaded.
pub(crate) unsafe fn enable_fast_calls(_data: &mut CpuData) {
    // SAFETY: the caller's promise.
    unsafe { x86_entry::enable_fast_calls::<Bell>() };
}
