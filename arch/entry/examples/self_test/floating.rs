//! The formats in which entries keep floating-point state.
#[cfg(target_arch = "x86")]
use core::arch::x86::__cpuid;
#[cfg(target_arch = "x86_64")]
use core::arch::x86_64::__cpuid;

use x86::controlregs::{Cr4, Xcr0, cr4, cr4_write, xcr0_write};
use x86_entry::FloatingPointFormat;

/// CPUID 1: FXSAVE and SSE (EDX), and XSAVE (ECX). SDM 2A, CPUID.
const HAS_SSE: u32 = 1 << 24 | 1 << 25;
const HAS_XSAVE: u32 = 1 << 26;

/// Has the entries keep state by FNSAVE. 64-bit mode has FXSAVE always.
#[cfg(target_arch = "x86")]
pub fn use_fnsave() -> bool {
    use_in_entries(FloatingPointFormat::Fnsave)
}

/// Switches SSE on (SDM 3A 9.6.1), and has the entries keep its state. Returns whether the CPU has it.
pub fn use_fxsave() -> bool {
    if __cpuid(1).edx & HAS_SSE != HAS_SSE {
        return false;
    }
    // SAFETY: ring 0.
    let control = unsafe { cr4() };
    // SAFETY: ring 0; the CPU has SSE.
    unsafe { cr4_write((control | Cr4::CR4_ENABLE_SSE) & !Cr4::CR4_ENABLE_OS_XSAVE) };
    use_in_entries(FloatingPointFormat::Fxsave)
}

/// Switches XSAVE on (SDM 1, 13.3), and has the entries keep state by it. Returns whether the CPU has it.
pub fn use_xsave() -> bool {
    if __cpuid(1).ecx & HAS_XSAVE == 0 {
        return false;
    }
    // SAFETY: ring 0.
    let control = unsafe { cr4() };
    // SAFETY: ring 0; the CPU has both.
    unsafe { cr4_write(control | Cr4::CR4_ENABLE_SSE | Cr4::CR4_ENABLE_OS_XSAVE) };
    // SAFETY: ring 0; every CPU with XSAVE has these components.
    unsafe { xcr0_write(Xcr0::XCR0_FPU_MMX_STATE | Xcr0::XCR0_SSE_STATE) };
    use_in_entries(FloatingPointFormat::detect().expect("the CPU has floating point"))
}

fn use_in_entries(format: FloatingPointFormat) -> bool {
    line!("self-test: {format:?}");
    // SAFETY: ring 0; there is one CPU, and the unit is on.
    unsafe { format.use_in_entries() };
    true
}
