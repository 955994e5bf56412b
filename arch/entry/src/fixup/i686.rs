//! i686: the four segment pops and `iretd` can fault, after the general registers have been popped.
use core::mem::offset_of;
use core::ptr::NonNull;

use crate::i686::TrapFrame;
use crate::stub::is_on_way_to_ring_0;

/// The bytes of each instruction of `resume` that can fault, in order, and the offset in the frame that it reads.
const EXITS: [(&[u8], usize); 5] = [
    (&[0x1F], offset_of!(TrapFrame, ds)),
    (&[0x07], offset_of!(TrapFrame, es)),
    (&[0x0F, 0xA1], offset_of!(TrapFrame, fs)),
    (&[0x0F, 0xA9], offset_of!(TrapFrame, gs)),
    (&[0xCF], offset_of!(TrapFrame, eip)),
];

/// Rebuilds the frame that was to be resumed, if a segment pop or `iretd` faulted.
///
/// The instruction says to which field of the frame the stack pointer pointed. From that field upwards the frame is
/// intact. The fields below are overwritten by the fault's frame, which holds the popped registers.
///
/// A bad frame of ring 0 is the kernel's own fault: its `iretd` reads from the stack of ring 0.
///
/// # Safety
///
/// An entry saved `fault` at an instruction of `resume`.
pub(super) unsafe fn undo_exit(fault: NonNull<TrapFrame>) -> Option<NonNull<TrapFrame>> {
    // SAFETY: the caller promises a saved frame. The code below uses this copy alone.
    let fault = unsafe { fault.read() };
    let (_, reads) = EXITS.iter().find(|(bytes, _)| {
        let instruction = fault.eip as *const u8;
        // SAFETY: the address is one of `resume`, which is readable and ends with padding.
        *bytes == unsafe { core::slice::from_raw_parts(instruction, bytes.len()) }
    })?;
    if *reads == offset_of!(TrapFrame, eip) && is_on_way_to_ring_0(fault.eip as usize) {
        return None;
    }
    let interrupted = NonNull::new((fault.esp as usize - reads) as *mut TrapFrame)?;
    // SAFETY: `resume` had just popped the registers from there.
    let kept = unsafe { interrupted.read() };
    let mut whole = kept;
    (whole.vector, whole.error_code) = (fault.vector, fault.error_code);
    (whole.edi, whole.esi, whole.ebp, whole.ebx) = (fault.edi, fault.esi, fault.ebp, fault.ebx);
    (whole.edx, whole.ecx, whole.eax) = (fault.edx, fault.ecx, fault.eax);
    let popped = |offset| offset < *reads;
    if popped(offset_of!(TrapFrame, ds)) {
        whole.ds = fault.ds;
    }
    if popped(offset_of!(TrapFrame, es)) {
        whole.es = fault.es;
    }
    if popped(offset_of!(TrapFrame, fs)) {
        whole.fs = fault.fs;
    }
    if popped(offset_of!(TrapFrame, gs)) {
        whole.gs = fault.gs;
    }
    // SAFETY: as above; the fault's frame, which it overlaps, was copied and isn't used any more.
    unsafe { interrupted.write(whole) };
    Some(interrupted)
}
