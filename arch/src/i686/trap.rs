//! What traps need to know of i686.

use crate::cpu::cpuid;
use crate::trap::{Bell, general_call, leave, leave_fast, state};
use crate::width::call_page;
use abi::{Message, Tag};
use core::ptr::NonNull;
use kernel::machine::Resume;
use x86_entry::{CpuData, Frame};

/// Where `sysexit` returns to.
pub(crate) const SYSENTER_RETURN: usize = call_page::RETURN_ADDRESS;
/// The CPU switches hardware tasks, for the gates that must not use the interrupted stack.
pub(crate) const TASK_SWITCHES: bool = true;

/// A call. Its message stays in the caller's frame: this width has too few registers for more.
#[inline(always)]
pub(crate) fn call(frame: NonNull<Frame>) -> ! {
    // SAFETY: the stub's frame is not borrowed yet.
    let frame = unsafe { frame.as_ref() };
    let (tag, handle) = (Tag(frame.eax), frame.edx);
    // SAFETY: this is a trap's first function.
    let (kernel, cpu) = unsafe { state() };
    match kernel.fast_call(cpu, tag, handle, |caller| caller.read_message().words) {
        Some(resume) => leave_fast(kernel, cpu, resume),
        // SAFETY: the borrows above end here.
        None => unsafe { general_call() },
    }
}

/// Nor does it make a difference here whether something has to be done first.
pub(crate) fn save_and_leave_with(message: Message) -> ! {
    // SAFETY: whoever called this has no use of the core any more.
    unsafe { leave_with(message) }
}

/// Resumes the thread that the core has chosen with a message, which has to be in its frame.
///
/// # Safety
/// Nobody uses the core any more.
pub(crate) unsafe fn leave_with(message: Message) -> ! {
    // SAFETY: the caller's promise.
    let (kernel, cpu) = unsafe { state() };
    kernel.save(Resume::With(message));
    leave(kernel, cpu)
}

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
