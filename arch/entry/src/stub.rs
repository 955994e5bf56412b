//! The stubs: from a gate to Rust and back.
//!
//! Every gate leads to a stub of two pushes (an error code where the CPU has none, the vector) and a jump to the common
//! part of its kind, which saves all registers, cleans what interrupted code may have left behind (direction flag,
//! AC, GS, segments), finds the stack and calls Rust. All of them leave by [`resume`].
//!
//! Offsets are constants of the structures; labels and variants are resolved by the assembler (`.if` on constants), so
//! that one text shows every variant and none of them costs an instruction where it isn't wanted.
use crate::KernelEntry;
use crate::kernel_entry::{DirectInterrupts, Smap, Target};

/// Calls a function, or the other one that keeps the floating-point state around it. The operands are the stub's.
macro_rules! call_rust {
    ($target:literal) => {
        concat!(".if {keeps_state}\n call {", $target, "_keeping}\n .else\n call {", $target, "}\n .endif")
    };
}

#[cfg(target_arch = "x86")]
mod i686;
#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(target_arch = "x86")]
pub use i686::*;
#[cfg(target_arch = "x86_64")]
pub use x86_64::*;

/// A stub's type, as a gate takes its address.
pub(crate) type Stub = unsafe extern "C" fn();

/// The stubs of all vectors for one kind of common part.
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
    /// One stub a vector.
    pub(crate) const ALL: [Stub; 256] = sixteen!(stub: 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
    /// Those of the lowest vectors.
    pub(crate) const LOWEST: [Stub; 48] = sixteen!(stub: 0 1 2);
}

/// The first vector that has a [`direct_stub`].
pub(crate) const FIRST_DIRECT: u8 = 32;

/// The address of a vector's direct stub: they lie one after the other, so that no table of them is needed.
pub(crate) fn direct_stub<K: DirectInterrupts, S: Smap>(vector: u8) -> usize {
    direct_stubs::<K, S> as *const () as usize + usize::from(vector - FIRST_DIRECT) * DIRECT_STUB_BYTES
}

/// The bytes of a direct stub: two pushes and a jump.
const DIRECT_STUB_BYTES: usize = 12;

/// The direct stubs from [`FIRST_DIRECT`] on. They push what the others push; the vector's push is spelled out, since the
/// assembler would take a shorter one for some vectors.
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
