//! What the CPU does when no thread is ready, on i686.

use crate::cpu::nmi::PENDING;
use crate::trap::DELIVER_VECTOR;
use core::arch::naked_asm;

/// Bytes of the loop.
const BYTES: usize = 32;

/// Waits for interrupts. A non-maskable one that came is delivered by an interrupt of the kernel's own; should it come
/// between the look and the halt, its handler sends the CPU back to the look (see [`restart`]).
#[unsafe(naked)]
unsafe extern "C" fn idle() -> ! {
    naked_asm!(
        "2:",
        "cli",
        "cmp dword ptr [{pending}], 0",
        "jne 3f",
        "sti",
        "hlt",
        "jmp 2b",
        "3:",
        "int {deliver}",
        "jmp 2b",
        ".org 2b + {bytes}, 0xCC",
        pending = sym PENDING,
        deliver = const DELIVER_VECTOR,
        bytes = const BYTES,
    )
}

/// Where the loop begins.
pub(crate) fn address() -> usize {
    idle as *const () as usize
}

/// Where code goes on that a non-maskable interrupt stopped at `instruction`: the loop from its start, anything else where
/// it was.
pub(crate) fn restart(instruction: usize) -> usize {
    if instruction.wrapping_sub(address()) < BYTES { address() } else { instruction }
}
