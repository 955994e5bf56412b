//! Faults of [`resume`](crate::resume), which become faults of the code that was to be resumed.
//!
//! A thread, its debugger or its fault handler may write a non-canonical address or a missing selector to a frame. Then
//! `iret` or, on i686, a segment pop faults in ring 0, halfway out. This isn't the kernel's fault. So the entry undoes
//! the exit: it rebuilds the frame where it lay, with the fault's vector and error code, and passes it to the kernel as
//! if the resumed code had faulted.
//!
//! No table of instructions is needed. [`resume`](crate::resume) has all of them, the assembler fixes its length, and
//! the bytes of the faulting instruction say which one it is.
use core::ptr::NonNull;

use crate::stub::is_in_resume;
use crate::target::Target;
use crate::{KernelEntry, TrapFrame, vector};

#[cfg(target_arch = "x86")]
mod i686;
#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(target_arch = "x86")]
use i686::undo_exit;
#[cfg(target_arch = "x86_64")]
use x86_64::undo_exit;

/// Leads to [`from_ring_0`].
pub(crate) struct FromRing0<K, T>(K, T);

impl<K: KernelEntry, T: Target> Target for FromRing0<K, T> {
    #[inline(always)]
    extern "C" fn enter(frame: NonNull<TrapFrame>) -> NonNull<TrapFrame> {
        from_ring_0::<K, T>(frame)
    }
}

/// Takes a trap of ring 0 from the stubs: undoes the exit if `resume` faulted, and calls the target.
pub(crate) extern "C" fn from_ring_0<K: KernelEntry, T: Target>(mut frame: NonNull<TrapFrame>) -> NonNull<TrapFrame> {
    // SAFETY: the stub passes the frame that it just saved, which nothing else refers to.
    let saved = unsafe { frame.as_ref() };
    if is_fault_of_a_selector(saved) && is_in_resume::<K>(saved.instruction_pointer()) {
        // SAFETY: an entry saved the frame at an instruction of `resume` that reads the frame to resume.
        if let Some(interrupted) = unsafe { undo_exit(frame) } {
            // SAFETY: `undo_exit` has written a frame there, and nothing else refers to it.
            take_back_gs::<K>(unsafe { interrupted.as_ref() });
            frame = interrupted;
        }
    }
    T::enter(frame)
}

/// Undoes the `swapgs` of `resume`, which runs right before `iretq` returns to ring 3.
#[cfg(target_arch = "x86_64")]
fn take_back_gs<K: KernelEntry>(interrupted: &TrapFrame) {
    if interrupted.from_user() && crate::kernel_entry::swaps_gs::<K>() == 1 {
        // SAFETY: the CPU is in ring 0. `resume` swapped the bases before its `iretq` faulted, and nothing has swapped
        // since.
        unsafe { x86::bits64::segmentation::swapgs() };
    }
}

/// Does nothing: on i686, GS is a segment register like the others.
#[cfg(target_arch = "x86")]
fn take_back_gs<K: KernelEntry>(_interrupted: &TrapFrame) {}

/// Returns whether the exception is one that loading a selector or returning to one raises (SDM 2A, IRET).
fn is_fault_of_a_selector(frame: &TrapFrame) -> bool {
    (vector::INVALID_TSS.number()..=vector::GENERAL_PROTECTION.number()).contains(&frame.vector())
}
