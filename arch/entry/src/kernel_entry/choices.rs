//! The choices that a kernel makes for its entries.
use crate::KernelEntry;

/// The stack on which a trap's Rust code runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrapStack {
    /// The current thread's kernel stack ([`EntryData::set_thread_stack`](crate::EntryData::set_thread_stack)):
    /// TSS.rsp0 or esp0 is its top. The frame is saved there, and Rust runs below it.
    PerThread,
    /// The CPU's only kernel stack ([`EntryData::set_cpu_stack`](crate::EntryData::set_cpu_stack)). TSS.rsp0 or esp0 is
    /// the end of the current thread's frame ([`EntryData::set_current_frame`](crate::EntryData::set_current_frame)): a
    /// trap is saved straight into that frame.
    ///
    /// A trap from ring 0 moves to this stack too if its frame was saved in the current frame (an idle context that is
    /// laid out like a thread) or right below the current frame (a faulting return). Any other trap from ring 0 stays
    /// on the stack that it interrupted.
    PerCpu,
}

/// Where the stubs find a CPU's [`EntryData`](crate::EntryData).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryDataLocation {
    /// In a static of this crate. The machine has one CPU.
    Static,
    /// At a constant virtual address, where each CPU maps data of its own.
    Fixed(usize),
    /// At the kernel's GS base (x86_64). The entries swap the base, as with [`UserGs::Swapped`], and need what it
    /// needs.
    GsBase,
}

impl EntryDataLocation {
    /// Encodes the variant for the assembler's conditions.
    pub(crate) const fn kind(self) -> usize {
        match self {
            Self::Static => 0,
            Self::Fixed(_) => 1,
            Self::GsBase => 2,
        }
    }

    /// Returns the fixed address as a displacement of 32 bits, which the CPU sign-extends (SDM 1 3.7.5).
    pub(crate) const fn address(self) -> isize {
        match self {
            Self::Fixed(address) => {
                assert!(
                    address.is_multiple_of(align_of::<crate::EntryData>()),
                    "a fixed place must be aligned as EntryData is"
                );
                assert!(is_displacement(address), "a fixed place must be reachable by a 32-bit displacement");
                let end = address.checked_add(size_of::<crate::EntryData>() - 1);
                assert!(
                    matches!(end, Some(end) if is_displacement(end)),
                    "the end of data at a fixed place must be reachable by a 32-bit displacement too"
                );
                address as isize
            }
            Self::Static | Self::GsBase => 0,
        }
    }
}

/// Returns whether an address is the sign extension of its lower 32 bits (SDM 1 3.7.5).
const fn is_displacement(address: usize) -> bool {
    address as isize as i32 as isize == address as isize
}

/// Whether the entries exchange the GS base with `swapgs` (x86_64; SDM 2B, SWAPGS).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserGs {
    /// Ring 3's GS base stays in use, unless [`EntryDataLocation::GsBase`] asks for the kernel's.
    Kept,
    /// Every way in from ring 3 and every way back runs `swapgs` (SDM 2B, SWAPGS). Such a kernel needs [paranoid
    /// gates](crate::TableFiller::paranoid_gates): a table without them panics when it is loaded.
    Swapped,
}

/// Where a kernel's own code uses floating-point registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FloatingPointUse {
    /// Inside [`with_floating_point`](crate::with_floating_point) alone. The kernel is built without floating point
    /// (soft float), and the entries leave the registers as they are.
    OnRequest,
    /// Anywhere: the kernel is built for x87, SSE or AVX, and the compiler decides. The entries save the interrupted
    /// code's state on the stack before they call Rust, and load it when Rust has returned.
    ///
    /// 1. `TRAP_STACK` is [`TrapStack::PerThread`], and each stack has room for the state.
    /// 2. The floating-point unit is switched on, and
    ///    [`FloatingPointFormat::use_in_entries`](crate::FloatingPointFormat::use_in_entries) ran before the first
    ///    interrupt.
    /// 3. The functions of [`KernelEntry`] return the frame that they got: another frame would be resumed with the
    ///    wrong state. Debug builds, and the feature `checks`, panic then. A kernel with several threads switches from
    ///    one thread's stack to the other's inside the function: each thread's state lies on its stack.
    /// 4. [`resume`](crate::resume) loads no state: it begins a thread that no entry has interrupted, and resumes no
    ///    other.
    ///
    /// Every entry clears CR0.TS, which i686's task switches set: a handler of #NM has nothing to do.
    Anywhere,
}

/// Where `syscall` finds the caller's stack pointer (x86_64; SDM 3A 5.8.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallerStackPointer {
    /// In rsp. The entry parks it in [`EntryData`](crate::EntryData).
    InRsp,
    /// In r10, where the caller put it. This spares a store and a load.
    InR10,
}

/// Encodes for the assembler's conditions whether the entries swap the GS base.
#[cfg(target_arch = "x86_64")]
pub(crate) const fn swaps_gs<K: KernelEntry>() -> usize {
    (matches!(K::USER_GS, UserGs::Swapped) || matches!(K::DATA_LOCATION, EntryDataLocation::GsBase)) as usize
}

/// Encodes for the assembler's conditions whether the stubs keep the floating-point state.
pub(crate) const fn keeps_state<K: KernelEntry>() -> usize {
    let keeps = matches!(K::FLOATING_POINT_USE, FloatingPointUse::Anywhere);
    assert!(!keeps || matches!(K::TRAP_STACK, TrapStack::PerThread), "only a thread's own stack can keep its state");
    keeps as usize
}
