//! Floating point for handlers that ask for it.
//!
//! The entries save no floating-point state, because a kernel that is built without floating point changes none. A
//! handler that uses floating point (a copy loop with SSE, a cipher) runs that part in [`with_floating_point`]. This
//! function keeps the interrupted code's whole state, in the CPU's format, and initialises the unit.
//!
//! In a kernel that is built with floating point, the compiler chooses where to use it. Such a kernel sets
//! [`FloatingPointUse::Anywhere`](crate::FloatingPointUse), and every entry keeps the state.
mod entry_format;
mod images;

use core::arch::asm;
#[cfg(target_arch = "x86")]
use core::arch::x86::{__cpuid_count, CpuidResult};
#[cfg(target_arch = "x86_64")]
use core::arch::x86_64::{__cpuid_count, CpuidResult};

use x86::controlregs::{Cr0, Cr4, cr0, cr0_write, cr4};

pub(crate) use entry_format::{ENTRY_FORMAT, EntryFormat, Kind, assert_entry_format_enabled, has_entry_format};

/// The instructions that save and load a CPU's floating-point state (SDM 1, 8.1.10, 10.5 and 13.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FloatingPointFormat {
    /// FNSAVE and FRSTOR: x87 and MMX.
    Fnsave,
    /// FXSAVE and FXRSTOR: SSE too.
    Fxsave,
    /// XSAVE and XRSTOR: every component that XCR0 enables.
    Xsave {
        /// The components that XCR0 enables.
        components: u64,
        /// The bytes of their state.
        bytes: usize,
    },
}

/// CPUID 1: x87, FXSAVE (EDX), and XSAVE that the kernel has enabled (ECX). SDM 2A, CPUID.
const HAS_X87: u32 = 1 << 0;
const HAS_FXSAVE: u32 = 1 << 24;
const XSAVE_ENABLED: u32 = 1 << 27;

/// XCR0's bit for SSE, with which the state has MXCSR.
const SSE: u64 = 1 << 1;

/// MXCSR after reset: every exception masked, round to nearest (SDM 1, 10.2.3).
pub(crate) static CLEAN_MXCSR: u32 = 0x1F80;

/// Bytes of the FNSAVE image in 32-bit and 64-bit mode, of the FXSAVE image, and of what XSAVE adds before extensions.
const FNSAVE_BYTES: usize = 108;
pub(crate) const FXSAVE_BYTES: usize = 512;
pub(crate) const XSAVE_HEADER_BYTES: usize = 64;

impl FloatingPointFormat {
    /// Returns the best format that this CPU has and the kernel has enabled in CR4 and XCR0, or `None` without x87.
    ///
    /// The size is that of the components that XCR0 enables now (CPUID 0DH, SDM 1, 13.2).
    pub fn detect() -> Option<Self> {
        const FEATURES: u32 = 1;
        const EXTENDED_STATE: u32 = 0xD;
        let features = cpuid(FEATURES);
        if features.edx & HAS_X87 == 0 {
            return None;
        }
        if features.ecx & XSAVE_ENABLED != 0 {
            let bytes = cpuid(EXTENDED_STATE).ebx as usize;
            // SAFETY: the kernel has enabled XSAVE and with it `xgetbv`.
            let components = unsafe { extended_control() };
            return Some(Self::Xsave { components, bytes });
        }
        Some(if features.edx & HAS_FXSAVE != 0 { Self::Fxsave } else { Self::Fnsave })
    }

    /// Returns the bytes of a state. Its address must be a multiple of 64 (SDM 1, 13.4).
    pub const fn bytes(self) -> usize {
        match self {
            Self::Fnsave => FNSAVE_BYTES,
            Self::Fxsave => FXSAVE_BYTES,
            Self::Xsave { bytes, .. } => bytes,
        }
    }

    /// Returns whether the state has MXCSR, if the kernel has enabled SSE.
    ///
    /// A CPU with FXSAVE and without SSE (a Pentium II) has none, and `ldmxcsr` is undefined there.
    fn has_mxcsr(self) -> bool {
        const HAS_SSE: u32 = 1 << 25;
        match self {
            Self::Fnsave => false,
            Self::Fxsave => cpuid(1).edx & HAS_SSE != 0,
            Self::Xsave { components, .. } => components & SSE != 0,
        }
    }

    /// Returns whether MXCSR is loaded for the handler.
    ///
    /// # Safety
    ///
    /// The CPU is in ring 0.
    unsafe fn mxcsr(self) -> Mxcsr {
        // SAFETY: the caller promises ring 0, and a CPU with SSE has CR4.
        if self.has_mxcsr() && unsafe { cr4() }.contains(Cr4::CR4_ENABLE_SSE) { Mxcsr::Clean } else { Mxcsr::Untouched }
    }
}

/// What happens to MXCSR before the handler's part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mxcsr {
    /// It is loaded with its value after reset.
    Clean,
    /// Nothing: the CPU has none, or the kernel hasn't enabled it (CR4.OSFXSR), so that nobody can change it.
    Untouched,
}

/// Room for a state of `N` bytes.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct FloatingPointArea<const N: usize>([u8; N]);

impl<const N: usize> FloatingPointArea<N> {
    /// An unused area.
    pub const fn new() -> Self {
        Self([0; N])
    }

    /// Its bytes.
    pub const fn bytes(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

impl<const N: usize> Default for FloatingPointArea<N> {
    fn default() -> Self {
        Self::new()
    }
}

/// Runs `body` with a clean floating-point unit, and keeps the interrupted code's state in `area` meanwhile.
///
/// It works whether the unit is on or off (CR0.TS), and leaves it as it was. Clean is what FNINIT leaves, and MXCSR
/// with every exception masked and rounding to nearest; the other registers hold what they held.
///
/// ```no_run
/// use x86_entry::{FloatingPointArea, FloatingPointFormat, TrapFrame, with_floating_point};
///
/// static mut AREA: FloatingPointArea<4096> = FloatingPointArea::new();
///
/// fn handler(_: &mut TrapFrame, _vector: u8) {
///     let format = FloatingPointFormat::detect().expect("an x87"); // once, and kept, in a real kernel
///     // SAFETY: handlers run one at a time.
///     let area = unsafe { (*(&raw mut AREA)).bytes() };
///     // SAFETY: ring 0, interrupts off, and the kernel is built without floating point.
///     unsafe { with_floating_point(format, area, || { /* a copy loop in assembly, a cipher */ }) };
/// }
/// ```
///
/// # Panics
///
/// If the area is too small or not on a multiple of 64.
///
/// # Safety
///
/// 1. The kernel is built without floating point: otherwise the compiler may keep values in registers that this
///    function loads. `body` may contain assembly and functions with target features.
/// 2. The CPU is in ring 0, and interrupts are off until the function returns.
/// 3. `format` is the value that [`FloatingPointFormat::detect`] returned on this CPU.
pub unsafe fn with_floating_point<R>(format: FloatingPointFormat, area: &mut [u8], body: impl FnOnce() -> R) -> R {
    // SAFETY: the caller promises ring 0.
    let control = unsafe { cr0() };
    let off = Cr0::CR0_TASK_SWITCHED | Cr0::CR0_EMULATE_COPROCESSOR;
    // SAFETY: the caller promises ring 0; the new value switches floating point on and keeps all other bits.
    unsafe { cr0_write(control & !off) };
    // SAFETY: the caller promises ring 0.
    let mxcsr = unsafe { format.mxcsr() };
    // SAFETY: the unit is on. The caller promises the format, and a kernel without floating point.
    let result = unsafe { with_state_kept(format, mxcsr, area, body) };
    // SAFETY: the caller promises ring 0; this is the register's old value.
    unsafe { cr0_write(control) };
    result
}

/// Saves the state, initialises the unit, calls `body`, and loads the state.
unsafe fn with_state_kept<R>(
    format: FloatingPointFormat,
    mxcsr: Mxcsr,
    area: &mut [u8],
    body: impl FnOnce() -> R,
) -> R {
    assert!(area.len() >= format.bytes() && area.as_ptr().addr().is_multiple_of(64), "no room for the state");
    // SAFETY: the area has room, is aligned, and the caller promises that the CPU has the format.
    unsafe { save(format, area) };
    // SAFETY: the state is saved.
    unsafe { clean(mxcsr) };
    let result = body();
    // SAFETY: `save` has filled the area.
    unsafe { load(format, area) };
    result
}

unsafe fn save(format: FloatingPointFormat, area: &mut [u8]) {
    let place = area.as_mut_ptr();
    match format {
        // SAFETY: the caller promises room and format.
        FloatingPointFormat::Fnsave => unsafe { images::fnsave(place) },
        // SAFETY: as above.
        FloatingPointFormat::Fxsave => unsafe { images::fxsave(place) },
        FloatingPointFormat::Xsave { components, .. } => {
            // SAFETY: as above.
            unsafe { images::clear_header(place) };
            // SAFETY: as above.
            unsafe { images::xsave(place, components) }
        }
    }
}

unsafe fn load(format: FloatingPointFormat, area: &[u8]) {
    let place = area.as_ptr();
    match format {
        // SAFETY: the caller promises that `save` filled the area.
        FloatingPointFormat::Fnsave => unsafe { images::frstor(place) },
        // SAFETY: as above.
        FloatingPointFormat::Fxsave => unsafe { images::fxrstor(place) },
        // SAFETY: as above.
        FloatingPointFormat::Xsave { components, .. } => unsafe { images::xrstor(place, components) },
    }
}

/// Initialises x87, without raising a pending exception, and MXCSR, which holds the interrupted code's rounding and
/// masks.
unsafe fn clean(mxcsr: Mxcsr) {
    // SAFETY: the unit is on; the caller promises that its state is kept.
    unsafe { asm!("fninit", options(nomem, nostack)) };
    if mxcsr == Mxcsr::Clean {
        // SAFETY: the CPU has MXCSR, and it is enabled.
        unsafe { asm!("ldmxcsr [{}]", in(reg) &CLEAN_MXCSR, options(nostack, readonly)) };
    }
}

/// Reads a leaf of CPUID, and its first subleaf where it has several.
#[allow(unused_unsafe, reason = "the function is unsafe before Rust 1.94 and safe from then on")]
pub(crate) fn cpuid(leaf: u32) -> CpuidResult {
    // SAFETY: the CPU has the instruction. CPUs before the later 80486 lack it, and this crate's kernels don't run
    // there.
    unsafe { __cpuid_count(leaf, 0) }
}

/// Reads XCR0.
unsafe fn extended_control() -> u64 {
    let (low, high): (u32, u32);
    // SAFETY: the caller promises that XSAVE is enabled.
    unsafe { asm!("xgetbv", in("ecx") 0, out("eax") low, out("edx") high, options(nomem, nostack)) };
    u64::from(high) << 32 | u64::from(low)
}

#[cfg(test)]
mod tests;
