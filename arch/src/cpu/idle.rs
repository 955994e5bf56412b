//! What the CPU does when no thread is ready.

use crate::cpu::nmi::PENDING;
use core::arch::naked_asm;

/// What the idle loop raises to have non-maskable interrupts posted: no device's vector.
pub(crate) const DELIVER_VECTOR: u8 = 0xEF;

/// Bytes of the loop.
const BYTES: usize = 32;

/// The address of the count, which 64-bit code names relative to the instruction pointer.
#[cfg(target_arch = "x86")]
macro_rules! compare_pending {
    () => {
        "cmp dword ptr [{pending}], 0"
    };
}
#[cfg(target_arch = "x86_64")]
macro_rules! compare_pending {
    () => {
        "cmp dword ptr [rip + {pending}], 0"
    };
}

/// Waits for interrupts. An interrupt of the kernel's own delivers a non-maskable one that came before. One that comes
/// between the comparison and the halt makes its handler send the CPU back to the comparison (see [`restart`]).
#[unsafe(naked)]
unsafe extern "C" fn idle() -> ! {
    naked_asm!(
        "2:",
        "cli",
        compare_pending!(),
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

/// Gives the address at which the loop begins.
pub(crate) fn address() -> usize {
    idle as *const () as usize
}

/// Gives the address at which code goes on that a non-maskable interrupt stopped at `instruction`: the start of the
/// loop for an instruction of the loop, the same instruction for any other.
pub(crate) fn restart(instruction: usize) -> usize {
    if instruction.wrapping_sub(address()) < BYTES { address() } else { instruction }
}
