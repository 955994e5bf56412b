//! The kernel as the entries see it, and the library's copy of the way out.
use core::ptr::NonNull;

use x86_entry::{KernelEntry, TrapFrame, resume};

unsafe extern "Rust" {
    /// Takes a trap: the kernel's other crate defines it.
    safe fn take(frame: NonNull<TrapFrame>) -> !;
}

/// The kernel, with every default.
#[derive(Debug)]
pub struct TwoCrates;

// SAFETY: the other crate loads the crate's segments and sets the CPU's data up before any trap. `take` resumes frames
// of ring 3 alone, and `paranoid_trap` ends the run.
unsafe impl KernelEntry for TwoCrates {
    extern "C" fn trap(frame: NonNull<TrapFrame>) -> NonNull<TrapFrame> {
        take(frame)
    }

    extern "C" fn paranoid_trap(frame: &mut TrapFrame) {
        panic!("in ring 0: {frame:?}")
    }
}

/// Resumes a frame by this crate's copy of [`resume`].
///
/// # Safety
///
/// All that [`resume`] requires.
#[inline(never)]
pub unsafe fn leave(frame: NonNull<TrapFrame>) -> ! {
    // SAFETY: the caller promises it.
    unsafe { resume::<TwoCrates>(frame) }
}

/// Returns the address of this crate's copy of [`resume`].
#[inline(never)]
pub fn resume_address() -> usize {
    resume::<TwoCrates> as *const () as usize
}
