//! Non-maskable interrupts that came while the kernel or the idle loop ran.
//!
//! They may come between any two instructions, so all that is done at once is to count them here; the next way out of the
//! kernel posts them. The idle loop looks at the count before it halts.

use core::sync::atomic::{AtomicU32, Ordering};

/// How many came and weren't posted yet.
pub(crate) static PENDING: AtomicU32 = AtomicU32::new(0);

/// One came in ring 0.
pub(crate) fn note() {
    PENDING.fetch_add(1, Ordering::Relaxed);
}

/// How many wait to be posted.
#[inline(always)]
pub(crate) fn pending() -> u32 {
    PENDING.load(Ordering::Relaxed)
}

/// Takes those that wait.
pub(crate) fn take() -> u32 {
    PENDING.swap(0, Ordering::Relaxed)
}
