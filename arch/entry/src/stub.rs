//! The stubs: from a gate to Rust and back.
//!
//! Every gate leads to a stub. A stub pushes an error code where the CPU pushes none, pushes the vector, and jumps to
//! the common part of its kind. The common part saves all registers, sets flags, GS and segments for the kernel, moves
//! to the kernel's stack and calls Rust. All stubs leave by [`resume`].
//!
//! The compiler computes the offsets from the structures. The assembler resolves the variants (`.if` on constants), so
//! one text shows every variant, and a variant costs no instruction in the others.
use crate::KernelEntry;
use crate::kernel_entry::{DirectInterrupts, Smap, Target};

/// Calls `{target}`, or `{target_keeping}`, which keeps the floating-point state around it. The stub has the operands.
macro_rules! call_rust {
    ($target:literal) => {
        concat!(".if {keeps_state}\n call {", $target, "_keeping}\n .else\n call {", $target, "}\n .endif")
    };
}

mod check;
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

/// The stubs that lead to the target `T`.
pub(crate) struct Stubs<K, T, S>(K, T, S);

macro_rules! sixteen {
    ($stub:ident: $($high:literal)*) => {
        [$(
            $stub::<K, T, S, { $high * 16 }>, $stub::<K, T, S, { $high * 16 + 1 }>,
            $stub::<K, T, S, { $high * 16 + 2 }>, $stub::<K, T, S, { $high * 16 + 3 }>,
            $stub::<K, T, S, { $high * 16 + 4 }>, $stub::<K, T, S, { $high * 16 + 5 }>,
            $stub::<K, T, S, { $high * 16 + 6 }>, $stub::<K, T, S, { $high * 16 + 7 }>,
            $stub::<K, T, S, { $high * 16 + 8 }>, $stub::<K, T, S, { $high * 16 + 9 }>,
            $stub::<K, T, S, { $high * 16 + 10 }>, $stub::<K, T, S, { $high * 16 + 11 }>,
            $stub::<K, T, S, { $high * 16 + 12 }>, $stub::<K, T, S, { $high * 16 + 13 }>,
            $stub::<K, T, S, { $high * 16 + 14 }>, $stub::<K, T, S, { $high * 16 + 15 }>,
        )*]
    };
}

impl<K: KernelEntry, T: Target, S: Smap> Stubs<K, T, S> {
    /// A stub for each vector.
    pub(crate) const ALL: [Stub; 256] = sixteen!(stub: 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
    /// The stubs of the lowest 48 vectors.
    pub(crate) const LOWEST: [Stub; 48] = sixteen!(stub: 0 1 2);
}

/// The first vector that has a [`direct_stub`].
pub(crate) const FIRST_DIRECT: u8 = 32;

/// Returns the address of a vector's direct stub. Direct stubs are consecutive and equally long: no table is needed.
pub(crate) fn direct_stub<K: DirectInterrupts, S: Smap>(vector: u8) -> usize {
    direct_stubs::<K, S> as *const () as usize + usize::from(vector - FIRST_DIRECT) * DIRECT_STUB_BYTES
}

/// The bytes of a direct stub: two pushes and a jump.
const DIRECT_STUB_BYTES: usize = 12;

/// The direct stubs from [`FIRST_DIRECT`] on. Each pushes 0 and the vector. The vector's push is written as bytes,
/// because the assembler would encode a shorter one for some vectors.
#[unsafe(naked)]
unsafe extern "C" fn direct_stubs<K: DirectInterrupts, S: Smap>() {
    core::arch::naked_asm!(
        ".set .Ldirect_vector, {first}",
        ".rept {count}",
        "2:",
        "push 0",
        ".byte {push_word}",
        ".long .Ldirect_vector",
        "jmp {common}",
        ".org 2b + {bytes}, 0xCC",
        ".set .Ldirect_vector, .Ldirect_vector + 1",
        ".endr",
        first = const FIRST_DIRECT,
        count = const 256 - FIRST_DIRECT as usize,
        push_word = const PUSH_IMMEDIATE,
        bytes = const DIRECT_STUB_BYTES,
        common = sym direct_common::<K, S>,
    )
}

/// The opcode of `push` with an immediate of 32 bits (SDM 2B, PUSH).
const PUSH_IMMEDIATE: u8 = 0x68;
