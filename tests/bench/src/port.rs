//! One port access, measured.

use core::arch::asm;

/// The port that firmware writes its progress to: reading it has no effect on any PC.
pub const PORT: u16 = 0x80;

/// The label of the call that asks for the row.
pub const MEASURE: u8 = 8;

/// Measures the cycles for reading the port, including those for reading the clock twice and loading `dx`.
///
/// # Safety
/// The process may use the port.
pub unsafe fn read() -> u32 {
    let (before, after): (u32, u32);
    // SAFETY: the caller may use the port, and to read it has no effect.
    unsafe {
        asm!(
            "ss rdtsc", "mov {before:e}, eax", "mov edx, {port}", "in al, dx", "ds rdtsc",
            before = out(reg) before, port = const PORT, out("eax") after, out("edx") _, options(nostack),
        );
    }
    after.wrapping_sub(before)
}

/// Does what the measured function does, without the access.
pub fn nothing() -> u32 {
    let (before, after): (u32, u32);
    // SAFETY: programs may read the time stamp counter.
    unsafe {
        asm!(
            "rdtsc", "mov {before:e}, eax", "mov edx, {port}", "rdtsc",
            before = out(reg) before, port = const PORT, out("eax") after, out("edx") _, options(nostack),
        );
    }
    after.wrapping_sub(before)
}
