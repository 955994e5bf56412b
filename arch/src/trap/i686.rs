//! The parts of trap handling that i686 has its own way of doing: how calls come in, and how threads are resumed.

use super::leave::{leave, leave_fast};
use super::{direct_interrupt, slow_call};
use crate::cpu::bell::Bell;
use crate::cpu::features::has_sysenter;
use crate::current::current_frame;
use crate::paging::call_page;
use crate::state::state;
use abi::{Message, Tag};
use core::ptr::NonNull;
use kernel::fast::{FastCall, Origin};
use kernel::machine::Resume;
use x86_entry::{DirectInterrupts, EntryData, MessageCalls, TrapFrame, resume_with_message};

/// The address to which `sysexit` returns.
pub(crate) const SYSENTER_RETURN_ADDRESS: usize = call_page::RETURN_ADDRESS;
/// The CPU switches hardware tasks, for the gates that must not use the interrupted stack.
pub(crate) const TASK_SWITCHES: bool = true;

/// Handles a call by the gate, or one that is single-stepped. Such a call takes the slow path, and returns by `iret`.
pub(crate) fn call(mut frame: NonNull<TrapFrame>) -> ! {
    // SAFETY: the stub's frame is not borrowed yet.
    unsafe { frame.as_mut() }.require_iret();
    // SAFETY: this is a trap's first function.
    unsafe { slow_call() }
}

// SAFETY: as for `KernelEntry`; `switch` and `load_extras` see to FS and GS.
unsafe impl MessageCalls for Bell {
    #[unsafe(naked)]
    unsafe extern "C" fn message_call() -> ! {
        choose_path!(call_from_frame, slow_call)
    }
}

// SAFETY: as for `KernelEntry`; every vector may come.
unsafe impl DirectInterrupts for Bell {
    #[optimize(speed)]
    unsafe extern "fastcall" fn direct_interrupt(vector: u32) -> ! {
        direct_interrupt(vector as u8)
    }
}

/// Handles a fast call. Its message stays in the caller's frame: i686 has too few registers to carry it.
#[optimize(speed)]
extern "fastcall" fn call_from_frame<const CALL: u8>(tag: u32, handle: u32) -> ! {
    // SAFETY: this is a trap's first function.
    let (kernel, cpu) = unsafe { state() };
    let call = FastCall::ALL[CALL as usize];
    match kernel.fast_call(cpu, call, Tag(tag), handle, Origin::Saved) {
        Some(resume) => leave_fast(kernel, cpu, resume),
        // SAFETY: the borrows above end here.
        None => unsafe { slow_call() },
    }
}

/// Leaves with a message when something has to be done first. On i686 that is the ordinary way out.
pub(crate) fn save_and_leave_with(message: Message) -> ! {
    // SAFETY: the caller of this function doesn't use the core any more.
    unsafe { leave_with(message) }
}

/// Resumes the thread that the core has chosen with a message, which has to be in its frame.
///
/// # Safety
/// The core isn't borrowed any more.
pub(crate) unsafe fn leave_with(message: Message) -> ! {
    // SAFETY: the caller's promise.
    let (kernel, cpu) = unsafe { state() };
    kernel.save(Resume::With(message));
    leave(kernel, cpu)
}

/// Resumes the thread that the core has chosen with its saved registers.
///
/// # Safety
/// The core has switched to a thread, and nothing on the stack is needed any more.
#[inline(always)]
pub(crate) unsafe fn resume_current() -> ! {
    // SAFETY: the caller's promise.
    unsafe { resume_with_message::<Bell>(current_frame().as_ptr().wrapping_add(1)) }
}

/// Makes `sysenter` lead to the kernel, if the CPU has it.
///
/// # Safety
/// The kernel's segments are loaded; `data` is the stubs' own.
pub(crate) unsafe fn enable_fast_calls(data: &mut EntryData) {
    if has_sysenter() {
        // SAFETY: the caller's promise, and the CPU has the instruction.
        unsafe { x86_entry::enable_message_calls::<Bell>(NonNull::from(data)) };
    }
}
