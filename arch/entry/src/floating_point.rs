//! Floating point for handlers that ask for it.
//!
//! The entries save no floating-point state: a kernel built without it never disturbs any. A handler that wants to use
//! it (a copy loop with SSE, a cipher) says so by running that part in [`with_floating_point`], which keeps all of the
//! interrupted code's state, in the format that the CPU has, and hands out a clean unit.
//!
//! A kernel that is built with floating point can't say where it uses it: the compiler does, for a copy as for a sum. It
//! says [`FloatingPointUse::Anywhere`](crate::FloatingPointUse) once, and every way into its code keeps the state.
mod entry_format;
mod images;

use core::arch::asm;
#[cfg(target_arch = "x86")]
use core::arch::x86::{__cpuid_count, CpuidResult};
#[cfg(target_arch = "x86_64")]
use core::arch::x86_64::{__cpuid_count, CpuidResult};

use x86::controlregs::{Cr0, Cr4, cr0, cr0_write, cr4};

pub(crate) use entry_format::{ENTRY_FORMAT, EntryFormat, Kind};

/// By which instructions a CPU's floating-point state is saved and loaded (SDM 1, 8.1.10, 10.5 and 13.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FloatingPointFormat {
    /// FNSAVE and FRSTOR: x87 and MMX.
    Fnsave,
    /// FXSAVE and FXRSTOR: SSE too.
    Fxsave,
    /// XSAVE and XRSTOR: every component that XCR0 enables.
    Xsave {
        /// What XCR0 enables.
        components: u64,
        /// The bytes that they take.
        bytes: usize,
    },
}

/// CPUID 1: x87, FXSAVE (EDX), and XSAVE that the kernel has enabled (ECX). SDM 2A, CPUID.
const HAS_X87: u32 = 1 << 0;
const HAS_FXSAVE: u32 = 1 << 24;
const XSAVE_ENABLED: u32 = 1 << 27;

/// XCR0's bit for SSE: MXCSR is there.
const SSE: u64 = 1 << 1;

/// MXCSR after reset: every exception masked, round to nearest (SDM 1, 10.2.3).
pub(crate) static CLEAN_MXCSR: u32 = 0x1F80;

/// Bytes of the FNSAVE image in 32-bit and 64-bit mode, of the FXSAVE image, and of what XSAVE adds before extensions.
const FNSAVE_BYTES: usize = 108;
pub(crate) const FXSAVE_BYTES: usize = 512;
pub(crate) const XSAVE_HEADER_BYTES: usize = 64;

impl FloatingPointFormat {
    /// The best format that this CPU has and its kernel has enabled in CR4 and XCR0; `None` without x87.
    ///
    /// The size is that of the components which XCR0 enables now (CPUID 0DH, SDM 1, 13.2).
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

    /// The bytes that a state takes; they must lie on a multiple of 64 (SDM 1, 13.4).
    pub const fn bytes(self) -> usize {
        match self {
            Self::Fnsave => FNSAVE_BYTES,
            Self::Fxsave => FXSAVE_BYTES,
            Self::Xsave { bytes, .. } => bytes,
        }
    }

    /// Whether the state has MXCSR, given that the kernel has enabled what it can.
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

    /// What MXCSR is loaded with for the handler.
    ///
    /// # Safety
    ///
    /// Ring 0.
    unsafe fn mxcsr(self) -> Mxcsr {
        // SAFETY: the caller promises ring 0, and a CPU with SSE has CR4.
        if self.has_mxcsr() && unsafe { cr4() }.contains(Cr4::CR4_ENABLE_SSE) { Mxcsr::Clean } else { Mxcsr::Untouched }
    }
}

/// What happens to MXCSR before the handler's part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mxcsr {
    /// It is as after reset.
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
/// It works whether the unit is on or off (CR0.TS), and leaves it as it was. Clean is what FNINIT leaves, and MXCSR with
/// every exception masked and rounding to nearest; the other registers hold what they held.
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
/// The kernel must be built without floating point: otherwise the compiler may keep values of its own in registers that
/// this loads. (`body` may have parts that aren't, in assembly or with target features.) Ring 0, with interrupts off
/// until it returns, and `format` must be what [`FloatingPointFormat::detect`] gave on this CPU.
pub unsafe fn with_floating_point<R>(format: FloatingPointFormat, area: &mut [u8], body: impl FnOnce() -> R) -> R {
    // SAFETY: the caller promises ring 0.
    let control = unsafe { cr0() };
    let off = Cr0::CR0_TASK_SWITCHED | Cr0::CR0_EMULATE_COPROCESSOR;
    // SAFETY: as above; only floating point is switched on.
    unsafe { cr0_write(control & !off) };
    // SAFETY: the caller promises ring 0.
    let mxcsr = unsafe { format.mxcsr() };
    // SAFETY: the unit is on, and the caller promises the rest.
    let result = unsafe { with_state_kept(format, mxcsr, area, body) };
    // SAFETY: as above; the register was so.
    unsafe { cr0_write(control) };
    result
}

/// Saves, cleans, calls, loads.
unsafe fn with_state_kept<R>(
    format: FloatingPointFormat,
    mxcsr: Mxcsr,
    area: &mut [u8],
    body: impl FnOnce() -> R,
) -> R {
    assert!(area.len() >= format.bytes() && area.as_ptr().addr().is_multiple_of(64), "no room for the state");
    // SAFETY: the area has room, is aligned, and the caller promises that the CPU has the format.
    unsafe { save(format, area) };
    // SAFETY: the state is kept.
    unsafe { clean(mxcsr) };
    let result = body();
    // SAFETY: the area holds what `save` put there.
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
            // XSAVE merges into the header, and XRSTOR refuses reserved bits in it (SDM 1, 13.4.2 and 13.8).
            area[FXSAVE_BYTES..][..XSAVE_HEADER_BYTES].fill(0);
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

/// `fninit` raises no pending exception; MXCSR may hold the interrupted code's rounding and unmasked exceptions.
unsafe fn clean(mxcsr: Mxcsr) {
    // SAFETY: the unit is on; the caller promises that its state is kept.
    unsafe { asm!("fninit", options(nomem, nostack)) };
    if mxcsr == Mxcsr::Clean {
        // SAFETY: the CPU has MXCSR, and it is enabled.
        unsafe { asm!("ldmxcsr [{}]", in(reg) &CLEAN_MXCSR, options(nostack, readonly)) };
    }
}

/// A leaf of CPUID, and its first part where it has several.
#[allow(unused_unsafe, reason = "the function is unsafe before Rust 1.94 and safe from then on")]
fn cpuid(leaf: u32) -> CpuidResult {
    // SAFETY: every CPU that has an x87 to ask about, from the 80486's later models on, has the instruction.
    unsafe { __cpuid_count(leaf, 0) }
}

/// XCR0.
unsafe fn extended_control() -> u64 {
    let (low, high): (u32, u32);
    // SAFETY: the caller promises that XSAVE is enabled.
    unsafe { asm!("xgetbv", in("ecx") 0, out("eax") low, out("edx") high, options(nomem, nostack)) };
    u64::from(high) << 32 | u64::from(low)
}

#[cfg(test)]
mod tests;
