//! The stubs: from a gate to Rust and back.
//!
//! Every gate leads to a stub. A stub pushes an error code where the CPU pushes none, pushes the vector, and jumps to
//! the common part of its kind. The common part saves all registers, sets flags, GS and segments for the kernel, moves
//! to the kernel's stack and calls Rust. All stubs leave by [`resume`].
//!
//! The compiler computes the offsets from the structures. The assembler resolves the variants (`.if` on constants), so
//! one text shows every variant, and a variant costs no instruction in the others.
use crate::kernel_entry::{DirectInterrupts, Entries};
use crate::target::Target;
use crate::vector::WITH_ERROR_CODE;
use crate::{Gate, KernelEntry};

/// Calls `{target}`, or `{target_keeping}`, which keeps the floating-point state around it. The stub has the operands.
macro_rules! call_rust {
    ($target:literal) => {
        concat!(".if {keeps_state}\n call {", $target, "_keeping}\n .else\n call {", $target, "}\n .endif")
    };
}

/// Pushes an error code where the CPU pushes none, and the vector, in the encoding by which [`is_paranoid`] recognises
/// a stub. The stub has the operands.
macro_rules! push_as_paranoid {
    () => {
        ".if {error_code} == 0\n .byte {push_word}\n .long 0\n .endif\n .byte {push_word}\n .long {vector}"
    };
}

mod check;
#[cfg(target_arch = "x86_64")]
pub(crate) use check::note_table;
pub(crate) use check::{CHECKS, paranoid_trap};

#[cfg(target_arch = "x86")]
mod i686;
#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(target_arch = "x86")]
pub use i686::*;
#[cfg(target_arch = "x86_64")]
pub use x86_64::*;

/// A stub's type. A gate holds a stub's address.
pub(crate) type Stub = unsafe extern "C" fn();

/// Makes consecutive, equally long stubs for the vectors from `FIRST` to `LAST`. Each pushes 0 unless the CPU pushes an
/// error code, pushes the vector, and jumps to the common part. So no vector needs a function and a name of its own.
///
/// The vector's push is written as bytes, because the assembler would encode a shorter one for some vectors.
macro_rules! naked_stubs {
    ($common:path) => {
        core::arch::naked_asm!(
            ".set .Lx86_entry_vector, {first}",
            ".rept {count}",
            "2:",
            ".set .Lx86_entry_has_code, 0",
            ".if .Lx86_entry_vector < 32",
            ".set .Lx86_entry_has_code, ({with_error_code} >> .Lx86_entry_vector) & 1",
            ".endif",
            ".if .Lx86_entry_has_code == 0",
            "push 0",
            ".endif",
            ".byte {push_word}",
            ".long .Lx86_entry_vector",
            "jmp {common}",
            ".org 2b + {bytes}, 0xCC",
            ".set .Lx86_entry_vector, .Lx86_entry_vector + 1",
            ".endr",
            first = const FIRST,
            count = const LAST as usize - FIRST as usize + 1,
            with_error_code = const WITH_ERROR_CODE,
            push_word = const PUSH_IMMEDIATE,
            bytes = const STUB_BYTES,
            common = sym $common,
        )
    };
}

/// The bytes of a stub: two pushes and a jump.
const STUB_BYTES: usize = 12;

/// The opcode of `push` with an immediate of 32 bits (SDM 2B, PUSH).
const PUSH_IMMEDIATE: u8 = 0x68;

/// Returns whether a gate leads to the stub of [`TableFiller::paranoid_gates`](crate::TableFiller::paranoid_gates) for
/// a vector without an error code.
///
/// The stub's own bytes tell: [`push_as_paranoid`] encodes both pushes with immediates of 32 bits, which no other stub
/// has. Addresses wouldn't do, because a generic stub exists once in each crate that uses it.
pub(crate) fn is_paranoid(gate: Gate, vector: u8) -> bool {
    let Some(address) = gate.address() else { return false };
    let beginning = [PUSH_IMMEDIATE, 0, 0, 0, 0, PUSH_IMMEDIATE, vector, 0, 0, 0];
    beginning.iter().enumerate().all(|(offset, &byte)| {
        let place = (address as usize).wrapping_add(offset) as *const u8;
        // SAFETY: a gate leads to code, which is mapped. The reads end at the first byte that differs, and code that
        // begins with the bytes so far doesn't end before the next one.
        byte == unsafe { place.read() }
    })
}

/// Returns the address of a vector's stub in the block for `FIRST` to `LAST` that leads to the target `T`.
pub(crate) fn stub_of<K: KernelEntry, T: Target, S: Entries, const FIRST: u8, const LAST: u8>(vector: u8) -> usize {
    stubs::<K, T, S, FIRST, LAST> as *const () as usize + usize::from(vector - FIRST) * STUB_BYTES
}

#[unsafe(naked)]
unsafe extern "C" fn stubs<K: KernelEntry, T: Target, S: Entries, const FIRST: u8, const LAST: u8>() {
    naked_stubs!(common::<K, T, S>)
}

/// Returns the address of a vector's direct stub in the block for `FIRST` to `LAST`.
pub(crate) fn direct_stub<K: DirectInterrupts, S: Entries, const FIRST: u8, const LAST: u8>(vector: u8) -> usize {
    direct_stubs::<K, S, FIRST, LAST> as *const () as usize + usize::from(vector - FIRST) * STUB_BYTES
}

#[unsafe(naked)]
unsafe extern "C" fn direct_stubs<K: DirectInterrupts, S: Entries, const FIRST: u8, const LAST: u8>() {
    naked_stubs!(direct_common::<K, S>)
}
