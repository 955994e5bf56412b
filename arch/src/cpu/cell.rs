//! Storage that belongs to one CPU.
//!
//! The kernel runs with interrupts off, and each CPU has a core of its own. So its state needs no lock, only that it
//! isn't borrowed twice. A lock would check that at each trap; this cell makes it a duty of the few callers of
//! [`CpuCell::borrow`], which are trap entries and the start of the kernel.

use core::cell::UnsafeCell;

/// A value that only its own CPU touches, with interrupts off.
///
/// It begins a cache line, so that what a trap touches of it doesn't depend on where the linker puts it.
#[repr(C, align(64))]
pub struct CpuCell<T>(UnsafeCell<T>);

// SAFETY: `borrow` is the only way to the value besides its address, and its callers vouch for exclusion.
unsafe impl<T> Sync for CpuCell<T> {}

impl<T> CpuCell<T> {
    /// Wraps a value.
    pub const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// Gives the address of the value, for descriptors and assembly.
    pub const fn address(&self) -> *mut T {
        self.0.get()
    }

    /// Borrows the value.
    ///
    /// # Safety
    /// Interrupts are off, and no other borrow of this cell is in use until this one no longer is.
    #[inline(always)]
    #[expect(clippy::mut_from_ref, reason = "exclusion is the caller's promise")]
    pub const unsafe fn borrow(&self) -> &mut T {
        // SAFETY: the caller vouches that this borrow is the only one in use.
        unsafe { &mut *self.0.get() }
    }
}
