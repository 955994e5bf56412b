//! [`Smap`]: the entries for CPUs with and without SMAP.

/// Whether the entries clear EFLAGS.AC for SMAP. The kernel chooses when it fills the IDT: code is never patched.
///
/// An interrupt leaves EFLAGS.AC unchanged, and SMAP protects nothing while AC is set (SDM 3A 4.6.1): the entries must
/// clear the flag. A kernel that never sets CR4.SMAP may use [`WithoutSmap`] on every CPU.
pub trait Smap: 'static {
    /// The kind of entries (SDM 2A, CLAC): one for both on i686, where no entry needs `clac`, so that the stubs exist
    /// once.
    #[doc(hidden)]
    type Entries: Entries;
}

/// A kind of entries: `[(); 1]` begins with `clac` (SDM 2A, CLAC), `[(); 0]` doesn't. An array's name is short in a
/// stub's symbol.
#[doc(hidden)]
pub trait Entries: 'static {
    /// Whether the entries clear EFLAGS.AC (SDM 2A, CLAC).
    const CLEARS_AC: usize;
}

impl<const CLEARS_AC: usize> Entries for [(); CLEARS_AC] {
    const CLEARS_AC: usize = CLEARS_AC;
}

/// Entries for a CPU with SMAP (SDM 2A, CLAC; SDM 3A 4.6.1): they begin with `clac`.
#[derive(Clone, Copy, Debug)]
pub struct WithSmap;

/// Entries for a CPU without SMAP, where `clac` is an invalid opcode (SDM 2A, CLAC).
#[derive(Clone, Copy, Debug)]
pub struct WithoutSmap;

impl Smap for WithSmap {
    type Entries = [(); cfg!(target_arch = "x86_64") as usize];
}

impl Smap for WithoutSmap {
    type Entries = [(); 0];
}
