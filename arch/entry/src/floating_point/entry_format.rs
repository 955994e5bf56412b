//! [`EntryFormat`]: the format in which the stubs keep the floating-point state, laid out for assembly.
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use x86::controlregs::{Cr4, cr4};

use super::{FloatingPointFormat, Mxcsr, extended_control};

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

/// Asserts that this CPU has what the stubs' instructions need, as the CPU has that ran
/// [`FloatingPointFormat::use_in_entries`]: without it every entry of this CPU is an invalid opcode.
///
/// # Safety
///
/// The CPU is in ring 0, and has CR4.
pub(crate) unsafe fn assert_entry_format_enabled() {
    let is_xsave = ENTRY_FORMAT.kind.load(Ordering::Acquire) == Kind::Xsave as u32;
    // 64-bit entries load MXCSR whatever the format is.
    let has_mxcsr = cfg!(target_arch = "x86_64") || ENTRY_FORMAT.has_mxcsr.load(Ordering::Relaxed) != 0;
    if !is_xsave && !has_mxcsr {
        return;
    }
    // SAFETY: the caller promises ring 0 and the register.
    let control = unsafe { cr4() };
    let has_xsave = control.contains(Cr4::CR4_ENABLE_OS_XSAVE);
    let components = || {
        let [low, high] = [&ENTRY_FORMAT.low, &ENTRY_FORMAT.high].map(|half| u64::from(half.load(Ordering::Relaxed)));
        // SAFETY: XSAVE is enabled.
        unsafe { extended_control() == high << 32 | low }
    };
    assert!(
        (!has_mxcsr || control.contains(Cr4::CR4_ENABLE_SSE)) && (!is_xsave || has_xsave && components()),
        "the CPU lacks the floating-point format of FloatingPointFormat::use_in_entries: CR4 (OSFXSR, OSXSAVE) and \
         XCR0 must be set on each CPU as on the one that chose it, before its table is loaded"
    );
}

impl FloatingPointFormat {
    /// Has the entries of a kernel with [`FloatingPointUse::Anywhere`](crate::FloatingPointUse) keep the state in this
    /// format, on every CPU. To be called once, before the first interrupt.
    ///
    /// # Safety
    ///
    /// 1. The CPU is in ring 0, with interrupts off.
    /// 2. Every CPU has the format, enabled as it is on this CPU.
    ///    [`InterruptDescriptorTable::load`](crate::InterruptDescriptorTable::load) checks this on each CPU.
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
