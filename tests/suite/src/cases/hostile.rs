//! What hostile programs try: each ends as that program's fault or as no effect, with everybody else unharmed. The
//! techniques are those of published holes in the entry code of other kernels; `docs/entry-hostile.md` has the table.
//!
//! Each case runs beside a witness, see [`crate::scene`].

pub mod fast_entry;
pub mod leftovers;
pub mod random;
pub mod returns;
pub mod selectors;

/// A stack pointer that nobody uses.
const STACK: usize = 0x1000;

/// The selector in CS.
fn own_code_segment() -> usize {
    let selector: usize;
    // SAFETY: reads a register.
    unsafe { core::arch::asm!("mov {0:e}, cs", out(reg) selector, options(nomem, nostack, preserves_flags)) };
    selector & 0xFFFF
}

/// The selector in SS.
fn own_stack_segment() -> usize {
    let selector: usize;
    // SAFETY: reads a register.
    unsafe { core::arch::asm!("mov {0:e}, ss", out(reg) selector, options(nomem, nostack, preserves_flags)) };
    selector & 0xFFFF
}

/// Whether i686's fast call is `sysenter`.
fn has_sysenter() -> bool {
    suite::float::cpuid(1)[3] & 1 << 11 != 0
}
