//! The instructions that save and load floating-point state.
use core::arch::asm;

use super::{FXSAVE_BYTES, XSAVE_HEADER_BYTES};

/// Writes an instruction with the image's address as its operand. The 64-bit forms keep the last x87 instruction's
/// whole address (SDM 1, 10.5.1.1).
#[cfg(target_arch = "x86_64")]
macro_rules! on_image {
    ($instruction:literal) => {
        concat!($instruction, "64 [{}]")
    };
}

/// Writes an instruction with the image's address as its operand.
#[cfg(target_arch = "x86")]
macro_rules! on_image {
    ($instruction:literal) => {
        concat!($instruction, " [{}]")
    };
}

/// Saves x87 and MMX, and initialises the x87.
///
/// # Safety
///
/// 1. `place` has room for 108 bytes.
/// 2. The unit is switched on.
pub(super) unsafe fn fnsave(place: *mut u8) {
    // SAFETY: the caller promises the memory, and a unit that is on and has the instruction.
    unsafe { asm!("fnsave [{}]", in(reg) place, options(nostack)) };
}

/// Loads what [`fnsave`] saved.
///
/// FRSTOR first raises an unmasked exception that the handler left pending, as most x87 instructions do (SDM 1,
/// 8.3.12): `fnclex` drops such an exception.
///
/// # Safety
///
/// 1. `place` holds such an image.
/// 2. The unit is switched on.
pub(super) unsafe fn frstor(place: *const u8) {
    // SAFETY: the caller promises the memory, and a unit that is on and has the instruction.
    unsafe { asm!("fnclex", "frstor [{}]", in(reg) place, options(nostack, readonly)) };
}

/// Saves x87, MMX and SSE.
///
/// # Safety
///
/// 1. `place` has room for 512 bytes, and is a multiple of 16.
/// 2. The CPU has the instruction, and the unit is switched on.
pub(super) unsafe fn fxsave(place: *mut u8) {
    // SAFETY: the caller promises the memory, and a unit that is on and has the instruction.
    unsafe { asm!(on_image!("fxsave"), in(reg) place, options(nostack)) };
}

/// Loads what [`fxsave`] saved.
///
/// # Safety
///
/// 1. `place` holds such an image.
/// 2. The unit is switched on.
pub(super) unsafe fn fxrstor(place: *const u8) {
    // SAFETY: the caller promises the memory, and a unit that is on and has the instruction.
    unsafe { asm!(on_image!("fxrstor"), in(reg) place, options(nostack, readonly)) };
}

/// Clears the header of an image before [`xsave`], which doesn't write all of it: XRSTOR faults on reserved bits there
/// (SDM 1, 13.4.2 and 13.8).
///
/// A library's `memset` may use vector registers, and so change the state that is about to be saved.
///
/// # Safety
///
/// `place` has room for the header.
pub(super) unsafe fn clear_header(place: *mut u8) {
    // SAFETY: the caller promises the memory.
    unsafe {
        asm!(
            "add {place}, {header}",
            ".rept {words}",
            "mov dword ptr [{place}], 0",
            "add {place}, {word}",
            ".endr",
            place = inout(reg) place => _,
            header = const FXSAVE_BYTES,
            words = const XSAVE_HEADER_BYTES / size_of::<u32>(),
            word = const size_of::<u32>(),
            options(nostack),
        )
    };
}

/// Saves the given components of XCR0.
///
/// # Safety
///
/// 1. `place` has room for the components, with a header that [`clear_header`] has cleared, and is a multiple of 64.
/// 2. The kernel has enabled XSAVE, and the unit is switched on.
pub(super) unsafe fn xsave(place: *mut u8, components: u64) {
    let (low, high) = (components as u32, (components >> 32) as u32);
    // SAFETY: the caller promises the memory, and a unit that is on and has the instruction.
    unsafe { asm!(on_image!("xsave"), in(reg) place, in("eax") low, in("edx") high, options(nostack)) };
}

/// Loads what [`xsave`] saved.
///
/// # Safety
///
/// 1. `place` holds such an image.
/// 2. The unit is switched on.
pub(super) unsafe fn xrstor(place: *const u8, components: u64) {
    let (low, high) = (components as u32, (components >> 32) as u32);
    // SAFETY: the caller promises the memory, and a unit that is on and has the instruction.
    unsafe { asm!(on_image!("xrstor"), in(reg) place, in("eax") low, in("edx") high, options(nostack, readonly)) };
}
