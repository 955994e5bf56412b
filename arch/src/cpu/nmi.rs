//! Non-maskable interrupts that came while the kernel or the idle loop ran.
//!
//! They may come between any two instructions, so their handler only counts them here. The next way out of the kernel
//! posts them to the core. The idle loop looks at the count before it halts.

use core::sync::atomic::{AtomicU32, Ordering};

/// The number of interrupts that aren't posted yet.
pub(crate) static PENDING: AtomicU32 = AtomicU32::new(0);

/// Counts an interrupt that came in ring 0.
pub(crate) fn note() {
    PENDING.fetch_add(1, Ordering::Relaxed);
}

/// Gives the number of interrupts that aren't posted yet.
#[inline(always)]
pub(crate) fn pending() -> u32 {
    PENDING.load(Ordering::Relaxed)
}

/// Takes the interrupts that aren't posted yet, and returns their number.
pub(crate) fn take() -> u32 {
    PENDING.swap(0, Ordering::Relaxed)
}
