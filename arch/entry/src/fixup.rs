//! Faults of ring 0: those of a return to ring 3 belong to the code that was returned to.
//!
//! `iret` and, on i686, segment pops read what a thread, its debugger or its fault handler may have put into a frame: a
//! non-canonical address, a selector that is gone. They then fault in ring 0, half-way out. The kernel must not take
//! that for its own fault, so the entry undoes the exit: the frame is rebuilt where it lay, with the fault's vector and
//! error code, and goes to the kernel as if the interrupted code had faulted.
//!
//! There is no table of such instructions that could go stale: [`resume`](crate::resume) has them all, its extent is
//! fixed by the assembler, and the faulting byte itself says which it is.
use core::ptr::NonNull;

use crate::kernel_entry::Target;
use crate::stub::{RESUME_BYTES, resume};
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

/// Where a stub goes that interrupted ring 0.
pub(crate) extern "C" fn from_ring_0<K: KernelEntry, T: Target>(mut frame: NonNull<TrapFrame>) -> NonNull<TrapFrame> {
    // SAFETY: the stub passes the frame that it just saved, which nothing else refers to.
    let saved = unsafe { frame.as_ref() };
    if is_fault_of_a_selector(saved) && is_in_resume::<K>(saved.instruction_pointer()) {
        // SAFETY: the frame is of a fault in `resume`.
        if let Some(interrupted) = unsafe { undo_exit(frame) } {
            // SAFETY: it was just rebuilt there.
            take_back_gs::<K>(unsafe { interrupted.as_ref() });
            frame = interrupted;
        }
    }
    T::enter(frame)
}

/// Undoes the `swapgs` that `resume` does right before it returns to ring 3.
#[cfg(target_arch = "x86_64")]
fn take_back_gs<K: KernelEntry>(interrupted: &TrapFrame) {
    if interrupted.from_user() && matches!(K::USER_GS, crate::UserGs::Swapped) {
        // SAFETY: ring 0, and the GS base is ring 3's, since its return was all but done.
        unsafe { x86::bits64::segmentation::swapgs() };
    }
}

/// There is nothing to take back: GS is a segment register like the others.
#[cfg(target_arch = "x86")]
fn take_back_gs<K: KernelEntry>(_interrupted: &TrapFrame) {}

/// Whether it is one of the exceptions that loading a selector or returning to one raises.
fn is_fault_of_a_selector(frame: &TrapFrame) -> bool {
    (vector::INVALID_TSS.number()..=vector::GENERAL_PROTECTION.number()).contains(&frame.vector())
}

/// Whether an instruction is one of the exit path's.
pub(crate) fn is_in_resume<K: KernelEntry>(instruction: usize) -> bool {
    instruction.wrapping_sub(resume::<K> as *const () as usize) < RESUME_BYTES
}
