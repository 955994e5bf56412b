//! x86_64: the one instruction that can fault is `iretq`, when all registers have been popped.
use core::mem::offset_of;
use core::ptr::NonNull;

use crate::x86_64::TrapFrame;

const IRETQ: [u8; 2] = [0x48, 0xCF];

/// Rebuilds the frame that `iretq` was to return to, if that is what faulted.
///
/// The saved stack pointer says where it lay: `iretq` was about to read its rip. From there upwards it is unharmed; the
/// registers below are those that the fault's frame has, which overlaps it.
///
/// # Safety
///
/// `fault` must have been saved by an entry at an instruction of `resume`.
pub(super) unsafe fn undo_exit(fault: NonNull<TrapFrame>) -> Option<NonNull<TrapFrame>> {
    // SAFETY: the caller promises that it is saved there; the copy ends all uses of the place.
    let fault = unsafe { fault.read() };
    // SAFETY: an instruction of `resume` is readable, and the two bytes lie within its extent.
    let instruction = unsafe { *(fault.rip as *const [u8; 2]) };
    if instruction != IRETQ {
        return None;
    }
    let interrupted = (fault.rsp as usize - offset_of!(TrapFrame, rip)) as *mut TrapFrame;
    let interrupted = NonNull::new(interrupted)?;
    // SAFETY: `resume` had just popped the registers from there.
    let kept = unsafe { interrupted.read() };
    let whole = TrapFrame { rip: kept.rip, cs: kept.cs, rflags: kept.rflags, rsp: kept.rsp, ss: kept.ss, ..fault };
    // SAFETY: as above; the fault's frame below it isn't used any more.
    unsafe { interrupted.write(whole) };
    Some(interrupted)
}
