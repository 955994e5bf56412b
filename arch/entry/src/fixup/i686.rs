//! i686: the four segment pops can fault and `iretd`, when the general registers have been popped.
use core::mem::offset_of;
use core::ptr::NonNull;

use crate::i686::TrapFrame;

/// The exit instructions that can fault, in their order, as bytes and as the offset that each is about to read.
const EXITS: [(&[u8], usize); 5] = [
    (&[0x1F], offset_of!(TrapFrame, ds)),
    (&[0x07], offset_of!(TrapFrame, es)),
    (&[0x0F, 0xA1], offset_of!(TrapFrame, fs)),
    (&[0x0F, 0xA9], offset_of!(TrapFrame, gs)),
    (&[0xCF], offset_of!(TrapFrame, eip)),
];

/// Rebuilds the frame that was to be returned to, if a segment pop or `iretd` is what faulted.
///
/// No stack pointer is saved for ring 0, but it was right above what the CPU pushed, and the instruction says which
/// field of the frame it pointed to. From there upwards that frame is unharmed; the registers below are those that the
/// fault's frame has, which overlaps it.
///
/// # Safety
///
/// `fault` must have been saved by an entry at an instruction of `resume`.
pub(super) unsafe fn undo_exit(fault: NonNull<TrapFrame>) -> Option<NonNull<TrapFrame>> {
    let stack_pointer = fault.as_ptr() as usize + TrapFrame::ESP;
    // SAFETY: the caller promises that it is saved there; what lies at its missing `esp` and `ss` is memory too. The copy
    // ends all uses of the place.
    let fault = unsafe { fault.read() };
    let (_, reads) = EXITS.iter().find(|(bytes, _)| {
        let instruction = fault.eip as *const u8;
        // SAFETY: an instruction of `resume` is readable, and padding follows the last.
        *bytes == unsafe { core::slice::from_raw_parts(instruction, bytes.len()) }
    })?;
    let interrupted = NonNull::new((stack_pointer - reads) as *mut TrapFrame)?;
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
    // SAFETY: as above; the fault's frame below it isn't used any more.
    unsafe { interrupted.write(whole) };
    Some(interrupted)
}
