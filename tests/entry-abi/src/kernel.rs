//! This kernel's settings for `x86-entry`.
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering};

use x86_entry::{FloatingPointUse, KernelEntry, TrapFrame};

use crate::rows;

/// Traps on the interrupted thread's stack, as most kernels keep them.
pub struct Ours;

/// This kernel with the GS base swapped at entry.
#[cfg(target_arch = "x86_64")]
pub struct Swapping;

/// The registers that the target's compiler uses.
const FLOATING_POINT_USE: FloatingPointUse =
    if cfg!(feature = "hard-float") { FloatingPointUse::Anywhere } else { FloatingPointUse::OnRequest };

/// How often [`KernelEntry::before_handler`] and [`KernelEntry::after_handler`] ran.
pub static ENTERED: AtomicUsize = AtomicUsize::new(0);
pub static LEFT: AtomicUsize = AtomicUsize::new(0);

// SAFETY: `segments` and `harness` load the standard selectors and a TSS with a stack; frames are resumed as they were
// saved, or as a row changed them, and the harness catches what comes of that.
unsafe impl KernelEntry for Ours {
    const FLOATING_POINT_USE: FloatingPointUse = FLOATING_POINT_USE;
    const SYSENTER_RETURN_ADDRESS: usize = rows::calls::RETURN;

    extern "C" fn trap(_: NonNull<TrapFrame>) -> NonNull<TrapFrame> {
        panic!("every vector has a handler of its own")
    }

    extern "C" fn system_call(frame: NonNull<TrapFrame>) -> NonNull<TrapFrame> {
        rows::calls::take(frame)
    }

    extern "C" fn paranoid_trap(frame: &mut TrapFrame) {
        panic!("nothing of the kind is expected: {frame:x?}")
    }

    fn before_handler(_: &mut TrapFrame) {
        ENTERED.fetch_add(1, Ordering::Relaxed);
    }

    fn after_handler(_: &mut TrapFrame) {
        LEFT.fetch_add(1, Ordering::Relaxed);
    }
}

// SAFETY: as above; the row that uses it sets both GS bases.
#[cfg(target_arch = "x86_64")]
unsafe impl KernelEntry for Swapping {
    const FLOATING_POINT_USE: FloatingPointUse = FLOATING_POINT_USE;
    const USER_GS: x86_entry::UserGs = x86_entry::UserGs::Swapped;

    extern "C" fn trap(_: NonNull<TrapFrame>) -> NonNull<TrapFrame> {
        panic!("every vector has a handler of its own")
    }

    extern "C" fn paranoid_trap(frame: &mut TrapFrame) {
        panic!("nothing of the kind is expected: {frame:x?}")
    }
}
