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

/// Defines a kernel with one choice of its own. Its traps are those of [`Plain`]: no table leads to its gates, but on
/// i686 the tasks of segments that it has loaded lead to its `paranoid_trap`.
macro_rules! kernel_with_choice {
    ($(#[$about:meta])* $name:ident: $choice:ident: $type:ty = $value:expr) => {
        $(#[$about])*
        pub struct $name;

        // SAFETY: no gate of its is loaded, and its tasks do what those of `Plain` do.
        unsafe impl KernelEntry for $name {
            const $choice: $type = $value;

            extern "C" fn trap(frame: NonNull<TrapFrame>) -> NonNull<TrapFrame> {
                Plain::trap(frame)
            }

            extern "C" fn paranoid_trap(frame: &mut TrapFrame) {
                Plain::paranoid_trap(frame)
            }
        }
    };
}

kernel_with_choice! {
    /// A kernel whose data lie elsewhere.
    Elsewhere: DATA_LOCATION: EntryDataLocation = EntryDataLocation::Fixed(64 << 20)
}

kernel_with_choice! {
    /// A kernel with a stack a CPU.
    OneStack: TRAP_STACK: TrapStack = TrapStack::PerCpu
}

#[cfg(target_arch = "x86_64")]
kernel_with_choice! {
    /// A kernel that swaps GS bases.
    Swapping: USER_GS: UserGs = UserGs::Swapped
}
