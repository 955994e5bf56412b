//! What tells a plugin of the emulator (`tests/counter`) where the measured stretches are.
//!
//! The clock counts instructions, and the plugin what these leave out. Both must mean the same stretch, so the
//! instructions that read the clock are also the marks: a segment prefix before `rdtsc`, which changes nothing (SDM 2A,
//! 2.1.1), says what is read there. No instruction is there for a mark's sake, and the code that is measured is the
//! same whether somebody counts or not.
//!
//! | mark | where |
//! |---|---|
//! | `cs rdtsc` | a round begins that ends at the other side |
//! | `ss rdtsc` | a round begins that ends where it began |
//! | `es rdtsc` | the other side; if no round of the second kind is going on, one back from there begins |
//! | `ds rdtsc` | back where it began |
//!
//! Which rounds belong to a row is told outside of all rounds, by two kinds of `nop` that do nothing either.

use core::arch::asm;

/// The rounds that follow belong to the next row.
pub fn row_begins() {
    // SAFETY: `nop dword ptr [eax + 0x42454C00]` does nothing (SDM 2B, NOP).
    unsafe { asm!(".byte 0x0F, 0x1F, 0x80", ".long 0x42454C00", options(nomem, nostack, preserves_flags)) };
}

/// The rounds that follow belong to none.
pub fn row_ends() {
    // SAFETY: `nop dword ptr [eax + 0x42454C01]` does nothing.
    unsafe { asm!(".byte 0x0F, 0x1F, 0x80", ".long 0x42454C01", options(nomem, nostack, preserves_flags)) };
}
