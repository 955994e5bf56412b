//! The stubs: from a gate to Rust and back.
//!
//! Every gate leads to a stub of two pushes (an error code where the CPU has none, the vector) and a jump to the common
//! part of its kind, which saves all registers, cleans what interrupted code may have left behind (direction flag,
//! AC, GS, segments), finds the stack and calls Rust. All of them leave by [`resume`].
//!
//! Offsets are constants of the structures; labels and variants are resolved by the assembler (`.if` on constants), so
//! that one text shows every variant and none of them costs an instruction where it isn't wanted.
use crate::Kernel;
use crate::kernel::{Smap, Target};

/// Calls a function, or the other one that keeps the floating-point state around it. The operands are the stub's.
macro_rules! call_rust {
    ($target:literal) => {
        concat!(".if {keeps_state}\n call {", $target, "_keeping}\n .else\n call {", $target, "}\n .endif")
    };
}

#[cfg(target_arch = "x86_64")]
#[path = "stub/x86_64/mod.rs"]
mod width;
#[cfg(target_arch = "x86")]
#[path = "stub/i686/mod.rs"]
mod width;

pub use width::*;

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

impl<K: Kernel, T: Target, S: Smap> Stubs<K, T, S> {
    /// One stub a vector.
    pub(crate) const ALL: [Stub; 256] = sixteen!(stub: 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
}
