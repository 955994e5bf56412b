//! [`Target`]: the Rust functions that stubs call, and those of [`KernelEntry`] among them.
use core::ptr::NonNull;

use crate::kernel_entry::keeps_state;
use crate::stub::CHECKS;
use crate::{KernelEntry, TrapFrame, TrapStack};

/// A Rust function that a stub calls.
pub(crate) trait Target: 'static {
    /// Whether [`Target::enter`] returns the frame that it got, always.
    const KEEPS_FRAME: bool = false;
    /// Whether the trap can be a fault of [`resume`](crate::resume), which becomes one of the code to resume.
    const MAY_BE_EXIT_FAULT: bool = true;
    /// Whether [`Target::handle`] looks at more of the frame than the vector. Where it doesn't, a frame of ring 0 needs
    /// no stack pointer.
    #[cfg(target_arch = "x86")]
    const SEES_FRAME: bool = true;

    /// Takes the frame, and returns the frame to resume.
    extern "C" fn enter(frame: NonNull<TrapFrame>) -> NonNull<TrapFrame>;

    /// Takes the frame that is then resumed, where [`Target::KEEPS_FRAME`].
    #[cfg(target_arch = "x86_64")]
    extern "C" fn handle(frame: NonNull<TrapFrame>) {
        Self::enter(frame);
    }

    /// Takes the frame that is then resumed, where [`Target::KEEPS_FRAME`]. The frame comes in ecx, so that the stub
    /// makes no room for it on the stack.
    #[cfg(target_arch = "x86")]
    extern "fastcall" fn handle(frame: NonNull<TrapFrame>) {
        Self::enter(frame);
    }
}

/// Encodes for the assembler's conditions whether a stub calls [`Target::handle`] on the interrupted stack, and goes
/// back from there: the kernel's own stack isn't needed, and no floating-point state is kept.
pub(crate) const fn is_direct<K: KernelEntry, T: Target>() -> usize {
    (T::KEEPS_FRAME && matches!(K::TRAP_STACK, TrapStack::PerThread) && keeps_state::<K>() == 0) as usize
}

/// Leads to [`KernelEntry::paranoid_trap`]. On i686, task gates and #DB's stub call that function themselves.
#[cfg(target_arch = "x86_64")]
pub(crate) struct Paranoid<K>(K);

#[cfg(target_arch = "x86_64")]
impl<K: KernelEntry> Target for Paranoid<K> {
    extern "C" fn enter(mut frame: NonNull<TrapFrame>) -> NonNull<TrapFrame> {
        // SAFETY: the stub passes the frame that it just saved on this gate's own stack; nothing else refers to it.
        crate::stub::paranoid_trap::<K>(unsafe { frame.as_mut() });
        frame
    }
}

/// Returns whether the frame that the kernel returns is checked: with the interrupted code's floating-point state on
/// the stack, it must be the interrupted code's.
const fn checks_returned_frame<K: KernelEntry>() -> bool {
    CHECKS == 1 && keeps_state::<K>() == 1
}

/// Returns the frame that the kernel returned, after a check that it may return that one.
#[inline(always)]
fn checked<K: KernelEntry>(frame: NonNull<TrapFrame>, next: NonNull<TrapFrame>) -> NonNull<TrapFrame> {
    if const { checks_returned_frame::<K>() } {
        assert_same(frame, next);
    }
    next
}

/// Asserts that the kernel returns the frame that it got.
fn assert_same(frame: NonNull<TrapFrame>, next: NonNull<TrapFrame>) {
    assert!(
        frame == next,
        "another frame is returned, with FloatingPointUse::Anywhere: it would be resumed with the interrupted code's \
         floating-point state. Switch to the other thread's stack inside the function, and return the frame that it got"
    );
}

/// Leads to [`KernelEntry::trap`].
pub(crate) struct Trap<K>(K);

impl<K: KernelEntry> Target for Trap<K> {
    #[inline(always)]
    extern "C" fn enter(frame: NonNull<TrapFrame>) -> NonNull<TrapFrame> {
        checked::<K>(frame, K::trap(frame))
    }
}

/// Leads to [`KernelEntry::system_call`].
pub(crate) struct Call<K>(K);

impl<K: KernelEntry> Target for Call<K> {
    #[inline(always)]
    extern "C" fn enter(frame: NonNull<TrapFrame>) -> NonNull<TrapFrame> {
        checked::<K>(frame, K::system_call(frame))
    }
}
