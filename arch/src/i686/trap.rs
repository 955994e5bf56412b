//! What traps need to know of i686.

use crate::cpu::cpuid;
use crate::trap::Bell;
use crate::width::call_page;
use core::ptr::NonNull;
use x86_entry::{CpuData, Frame};

/// Where `sysexit` returns to.
pub(crate) const SYSENTER_RETURN: usize = call_page::RETURN_ADDRESS;
/// The CPU switches hardware tasks, for the gates that must not use the interrupted stack.
pub(crate) const TASK_SWITCHES: bool = true;

/// EFLAGS.TF.
const TRAP_FLAG: u32 = 1 << 8;

/// Ends the single-stepping of interrupted code.
pub(crate) fn stop_single_step(frame: &mut Frame) {
    frame.eflags &= !TRAP_FLAG;
}

/// Whether the CPU has a `sysenter` that works: the Pentium Pro says that it has one (SDM 2B, SYSENTER).
pub fn has_sysenter() -> bool {
    cpuid().get_feature_info().is_some_and(|flags| {
        let version = (flags.family_id(), flags.model_id(), flags.stepping_id());
        flags.has_sysenter_sysexit() && !(version.0 == 6 && (version.1, version.2) < (3, 3))
    })
}

/// Makes `sysenter` lead to the kernel, if the CPU has it.
///
/// # Safety
/// The kernel's segments are loaded; `data` is the stubs' own.
pub(crate) unsafe fn enable_fast_calls(data: &mut CpuData) {
    if has_sysenter() {
        // SAFETY: the caller's promise, and the CPU has the instruction.
        unsafe { x86_entry::enable_fast_calls::<Bell>(NonNull::from(data)) };
    }
}
