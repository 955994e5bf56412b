//! The saved registers that the next way out of the kernel resumes: those of the thread that runs.

use crate::cpu::bell::Bell;
use core::ptr::NonNull;
use x86_entry::{TrapFrame, entry_data};

/// Gives the frame of the thread that runs.
#[inline(always)]
pub(crate) fn current_frame() -> NonNull<TrapFrame> {
    // SAFETY: `start` sets a frame before the first trap, and `switch` only ever sets others.
    unsafe { NonNull::new_unchecked(frame_in_use()) }
}

/// Tells whether the next way out of the kernel resumes this frame.
pub(crate) fn is_current(frame: &TrapFrame) -> bool {
    core::ptr::eq(frame_in_use(), frame)
}

#[inline(always)]
fn frame_in_use() -> *mut TrapFrame {
    let data = entry_data::<Bell>();
    // SAFETY: the data is static, and no reference to it lives across this read.
    data.map_or(core::ptr::null_mut(), |data| unsafe { data.as_ref() }.current_frame())
}
