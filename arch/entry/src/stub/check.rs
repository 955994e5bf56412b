//! What debug builds check before a frame is resumed: mistakes that would show later, and elsewhere.
use core::arch::asm;
use core::ptr::NonNull;

use x86::dtables::DescriptorTablePointer;

use crate::TrapFrame;

/// Whether [`check_resume`] is called: in debug builds of this crate, and with the feature `checks`.
pub(super) const CHECKS: usize = cfg!(any(debug_assertions, feature = "checks")) as usize;

/// The flag that lets interrupts in.
const INTERRUPT_FLAG: usize = 1 << 9;

/// The offset in both widths' TSS of rsp0 or esp0 (SDM 3A figures 7-2 and 7-11).
const RING_0_STACK: usize = 4;

/// Panics if a frame can't be resumed with the CPU as it is.
pub(super) extern "C" fn check_resume(frame: NonNull<TrapFrame>) {
    assert!(
        flags() & INTERRUPT_FLAG == 0,
        "a frame is resumed with interrupts on: a handler that switches them on must switch them off before it returns"
    );
    // SAFETY: `resume`'s caller promises a valid frame, and nothing changes it now.
    let saved = unsafe { frame.as_ref() };
    #[cfg(target_arch = "x86")]
    assert!(
        saved.from_user() || resumes_beside(frame.as_ptr() as usize, saved.stack_pointer()),
        "a frame of ring 0 whose stack pointer leads into the frame: the way out would overwrite the frame"
    );
    if saved.from_user() {
        assert!(
            ring_0_stack() != 0,
            "a return to ring 3 without a kernel stack: `EntryData::set_thread_stack` or `set_current_frame` (by \
             TrapStack), or the kernel's own TSS, must set rsp0 or esp0 first"
        );
    }
}

/// Returns whether the words that the way out writes below the stack pointer of ring 0 lie beside the frame, or are the
/// frame's own.
#[cfg(target_arch = "x86")]
fn resumes_beside(frame: usize, stack_pointer: usize) -> bool {
    let words = stack_pointer.wrapping_sub(TrapFrame::RESUME_BYTES);
    let end = frame + size_of::<TrapFrame>();
    words == frame + core::mem::offset_of!(TrapFrame, eip) || words >= end || stack_pointer <= frame
}

fn flags() -> usize {
    let flags: usize;
    #[cfg(target_arch = "x86_64")]
    // SAFETY: this reads the flags, by way of the stack.
    unsafe {
        asm!("pushfq", "pop {}", out(reg) flags, options(preserves_flags))
    };
    #[cfg(target_arch = "x86")]
    // SAFETY: this reads the flags, by way of the stack.
    unsafe {
        asm!("pushfd", "pop {}", out(reg) flags, options(preserves_flags))
    };
    flags
}

/// Returns rsp0 or esp0 of the TSS in the task register, 0 if there is none.
fn ring_0_stack() -> usize {
    // SAFETY: the CPU is in ring 0.
    let selector = unsafe { x86::task::tr() }.bits();
    if selector == 0 {
        return 0;
    }
    let mut table = DescriptorTablePointer::<u64>::default();
    // SAFETY: the CPU is in ring 0.
    unsafe { x86::dtables::sgdt(&mut table) };
    let tss = tss_address(table.base.wrapping_add(usize::from(selector) / size_of::<u64>()));
    let place = tss.wrapping_byte_add(RING_0_STACK);
    // SAFETY: the CPU has loaded the TSS, and reads this field at the next trap of ring 3.
    unsafe { place.read_unaligned() }
}

/// Returns the address in a TSS's descriptor (SDM 3A figures 7-3 and 7-4).
fn tss_address(descriptor: *const u64) -> *const usize {
    // SAFETY: the task register selects the descriptor, which the CPU has read.
    let low = unsafe { descriptor.read() };
    let address = low >> 16 & 0xFF_FFFF | low >> 56 << 24;
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a 64-bit TSS has two words of descriptor.
    let address = address | unsafe { descriptor.wrapping_add(1).read() } << 32;
    address as *const usize
}
