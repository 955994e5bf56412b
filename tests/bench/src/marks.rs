//! Marks the measured stretches for a plugin of the emulator (`tests/counter`).
//!
//! The clock counts instructions, and the plugin counts what instructions cost beyond that. Both must mean the same
//! stretch, so the instructions that read the clock are also the marks: a segment prefix before `rdtsc`, which has no
//! effect (SDM 2A, 2.1.1), names the place. No instruction is added for a mark, so the measured code is the same with
//! and without the plugin.
//!
//! | mark | where |
//! |---|---|
//! | `cs rdtsc` | a round begins that ends at the other side |
//! | `ss rdtsc` | a round begins that ends where it began |
//! | `es rdtsc` | the other side; if no round of the second kind is going on, one back from there begins |
//! | `ds rdtsc` | back where it began |
//!
//! Two kinds of `nop`, outside of all rounds, tell the plugin which rounds belong to a row.

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
