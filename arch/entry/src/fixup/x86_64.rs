//! x86_64: `iretq` alone can fault, after all registers have been popped.
use core::mem::offset_of;
use core::ptr::NonNull;

use crate::x86_64::TrapFrame;

const IRETQ: [u8; 2] = [0x48, 0xCF];

/// Rebuilds the frame that was to be resumed, if `iretq` faulted.
///
/// The saved stack pointer is the address of that frame's rip. From rip upwards the frame is intact. The fields below
/// are overwritten by the fault's frame, which holds the popped registers.
///
/// # Safety
///
/// An entry saved `fault` at an instruction of `resume`.
pub(super) unsafe fn undo_exit(fault: NonNull<TrapFrame>) -> Option<NonNull<TrapFrame>> {
    // SAFETY: the caller promises a saved frame. The code below uses this copy alone.
    let fault = unsafe { fault.read() };
    // SAFETY: the address is one of `resume`, which is readable and ends with padding.
    let instruction = unsafe { *(fault.rip as *const [u8; 2]) };
    if instruction != IRETQ {
        return None;
    }
    let interrupted = (fault.rsp as usize - offset_of!(TrapFrame, rip)) as *mut TrapFrame;
    let interrupted = NonNull::new(interrupted)?;
    // SAFETY: `resume` had just popped the registers from there.
    let kept = unsafe { interrupted.read() };
    let whole = TrapFrame { rip: kept.rip, cs: kept.cs, rflags: kept.rflags, rsp: kept.rsp, ss: kept.ss, ..fault };
    // SAFETY: as above; the fault's frame, which it overlaps, was copied and isn't used any more.
    unsafe { interrupted.write(whole) };
    Some(interrupted)
}
