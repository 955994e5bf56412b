//! [`EntryFormat`]: the format in which the stubs keep the floating-point state, laid out for assembly.
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use super::{FloatingPointFormat, Mxcsr};

/// A format's number for the stubs, which compare it: the order counts.
#[derive(Clone, Copy)]
#[repr(u32)]
pub(crate) enum Kind {
    Fnsave = 1,
    Fxsave,
    Xsave,
}

/// A format as the stubs read it. All zeros stand for none.
#[repr(C)]
pub(crate) struct EntryFormat {
    pub(crate) bytes: AtomicUsize,
    pub(crate) kind: AtomicU32,
    pub(crate) low: AtomicU32,
    pub(crate) high: AtomicU32,
    pub(crate) has_mxcsr: AtomicU32,
}

/// The format that [`FloatingPointFormat::use_in_entries`] set.
pub(crate) static ENTRY_FORMAT: EntryFormat = EntryFormat {
    bytes: AtomicUsize::new(0),
    kind: AtomicU32::new(0),
    low: AtomicU32::new(0),
    high: AtomicU32::new(0),
    has_mxcsr: AtomicU32::new(0),
};

/// Returns whether the kernel has chosen a format.
pub(crate) fn has_entry_format() -> bool {
    ENTRY_FORMAT.kind.load(Ordering::Acquire) != 0
}

impl FloatingPointFormat {
    /// Has the entries of a kernel with [`FloatingPointUse::Anywhere`](crate::FloatingPointUse) keep the state in this
    /// format, on every CPU. To be called once, before the first interrupt.
    ///
    /// # Safety
    ///
    /// 1. The CPU is in ring 0, with interrupts off.
    /// 2. Every CPU has the format, enabled as it is on this CPU.
    pub unsafe fn use_in_entries(self) {
        let (kind, components) = match self {
            Self::Fnsave => (Kind::Fnsave, 0),
            Self::Fxsave => (Kind::Fxsave, 0),
            Self::Xsave { components, .. } => (Kind::Xsave, components),
        };
        // SAFETY: the caller promises ring 0.
        let mxcsr = unsafe { self.mxcsr() };
        ENTRY_FORMAT.bytes.store(self.bytes(), Ordering::Relaxed);
        ENTRY_FORMAT.low.store(components as u32, Ordering::Relaxed);
        ENTRY_FORMAT.high.store((components >> 32) as u32, Ordering::Relaxed);
        ENTRY_FORMAT.has_mxcsr.store((mxcsr == Mxcsr::Clean).into(), Ordering::Relaxed);
        ENTRY_FORMAT.kind.store(kind as u32, Ordering::Release);
    }
}
