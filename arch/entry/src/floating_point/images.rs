//! The instructions that save and load floating-point state.
use core::arch::asm;

/// An instruction with the image's address as its operand; the 64-bit forms keep the last x87 instruction's whole address
/// (SDM 1, 10.5.1.1).
#[cfg(target_arch = "x86_64")]
macro_rules! on_image {
    ($instruction:literal) => {
        concat!($instruction, "64 [{}]")
    };
}

/// An instruction with the image's address as its operand.
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
/// Room for 108 bytes, and the unit is on.
pub(super) unsafe fn fnsave(place: *mut u8) {
    // SAFETY: the caller's promise.
    unsafe { asm!("fnsave [{}]", in(reg) place, options(nostack)) };
}

/// Loads what [`fnsave`] saved.
///
/// FRSTOR waits first, as most x87 instructions do: an unmasked exception that the handler left pending would be raised
/// now, in ring 0 (SDM 1, 8.3.12).
///
/// # Safety
///
/// An image of it, and the unit is on.
pub(super) unsafe fn frstor(place: *const u8) {
    // SAFETY: the caller's promise.
    unsafe { asm!("fnclex", "frstor [{}]", in(reg) place, options(nostack, readonly)) };
}

/// Saves x87, MMX and SSE.
///
/// # Safety
///
/// Room for 512 bytes on a multiple of 16, the CPU has the instruction, and the unit is on.
pub(super) unsafe fn fxsave(place: *mut u8) {
    // SAFETY: the caller's promise.
    unsafe { asm!(on_image!("fxsave"), in(reg) place, options(nostack)) };
}

/// Loads what [`fxsave`] saved.
///
/// # Safety
///
/// An image of it, and the unit is on.
pub(super) unsafe fn fxrstor(place: *const u8) {
    // SAFETY: the caller's promise.
    unsafe { asm!(on_image!("fxrstor"), in(reg) place, options(nostack, readonly)) };
}

/// Saves the components of XCR0 that are asked for.
///
/// # Safety
///
/// Room for them on a multiple of 64, with a zeroed header; the kernel has enabled XSAVE, and the unit is on.
pub(super) unsafe fn xsave(place: *mut u8, components: u64) {
    let (low, high) = (components as u32, (components >> 32) as u32);
    // SAFETY: the caller's promise.
    unsafe { asm!(on_image!("xsave"), in(reg) place, in("eax") low, in("edx") high, options(nostack)) };
}

/// Loads what [`xsave`] saved.
///
/// # Safety
///
/// An image of it, and the unit is on.
pub(super) unsafe fn xrstor(place: *const u8, components: u64) {
    let (low, high) = (components as u32, (components >> 32) as u32);
    // SAFETY: the caller's promise.
    unsafe { asm!(on_image!("xrstor"), in(reg) place, in("eax") low, in("edx") high, options(nostack, readonly)) };
}
