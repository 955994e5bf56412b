//! The kernels that make the mistakes.
use core::arch::asm;
use core::ptr::NonNull;

#[cfg(target_arch = "x86_64")]
use x86_entry::UserGs;
use x86_entry::vector::NON_MASKABLE_INTERRUPT;
use x86_entry::{EntryDataLocation, FloatingPointUse, KernelEntry, TrapFrame, TrapStack};

use crate::unexpected;

/// A kernel with every default.
pub struct Plain;

// SAFETY: `load_tables` loads the crate's own segments and the CPU's data before any trap; `trap` ends the run. The
// breakpoint in `paranoid_trap` is a mistake that panics.
unsafe impl KernelEntry for Plain {
    extern "C" fn trap(frame: NonNull<TrapFrame>) -> NonNull<TrapFrame> {
        // SAFETY: the entry has just saved it there.
        unexpected(unsafe { frame.as_ref() })
    }

    extern "C" fn paranoid_trap(frame: &mut TrapFrame) {
        if frame.vector() != NON_MASKABLE_INTERRUPT.number() {
            unexpected(frame)
        }
        // SAFETY: the handler doesn't return.
        unsafe { asm!("int3") };
    }
}

/// A kernel that says that it uses floating point.
pub struct Floating;

// SAFETY: its gate is loaded for one mistake. The frame that it returns is never resumed.
unsafe impl KernelEntry for Floating {
    const FLOATING_POINT_USE: FloatingPointUse = FloatingPointUse::Anywhere;

    extern "C" fn trap(_frame: NonNull<TrapFrame>) -> NonNull<TrapFrame> {
        NonNull::dangling()
    }

    extern "C" fn paranoid_trap(frame: &mut TrapFrame) {
        unexpected(frame)
    }
}

/// A kernel whose data lie elsewhere.
pub struct Elsewhere;

// SAFETY: none of its gates is loaded.
unsafe impl KernelEntry for Elsewhere {
    const DATA_LOCATION: EntryDataLocation = EntryDataLocation::Fixed(64 << 20);

    extern "C" fn trap(frame: NonNull<TrapFrame>) -> NonNull<TrapFrame> {
        frame
    }

    extern "C" fn paranoid_trap(frame: &mut TrapFrame) {
        Plain::paranoid_trap(frame);
    }
}

/// A kernel with a stack a CPU.
pub struct OneStack;

// SAFETY: none of its gates is loaded.
unsafe impl KernelEntry for OneStack {
    const TRAP_STACK: TrapStack = TrapStack::PerCpu;

    extern "C" fn trap(frame: NonNull<TrapFrame>) -> NonNull<TrapFrame> {
        frame
    }

    extern "C" fn paranoid_trap(frame: &mut TrapFrame) {
        unexpected(frame)
    }
}

/// A kernel that swaps GS bases.
#[cfg(target_arch = "x86_64")]
pub struct Swapping;

// SAFETY: none of its gates is loaded.
#[cfg(target_arch = "x86_64")]
unsafe impl KernelEntry for Swapping {
    const USER_GS: UserGs = UserGs::Swapped;

    extern "C" fn trap(frame: NonNull<TrapFrame>) -> NonNull<TrapFrame> {
        frame
    }

    extern "C" fn paranoid_trap(frame: &mut TrapFrame) {
        unexpected(frame)
    }
}
