//! The kernel's variants, run one after the other: each choice that a kernel may make must work.
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering};

use x86_entry::{CallerStackPointer, EntryData, EntryDataLocation, TrapFrame, TrapStack, UserGs};

use crate::kernel::{run, save_in_frame, save_on_stack};

/// See [`Variant::SET_CURRENT`].
pub type SetCurrent = fn(&mut EntryData, NonNull<TrapFrame>);

/// One choice of each constant of `KernelEntry`.
pub trait Variant: 'static {
    const NAME: &str;
    const TRAP_STACK: TrapStack;
    /// Makes a frame the current thread's, as `TRAP_STACK` needs it.
    const SET_CURRENT: SetCurrent;
    const DATA_LOCATION: EntryDataLocation;
    const USER_GS: UserGs = UserGs::Kept;
    const CALLER_STACK_POINTER: CallerStackPointer = CallerStackPointer::InRsp;
}

/// Memory behind the image that nothing else uses.
const FIXED: EntryDataLocation = EntryDataLocation::Fixed(16 << 20);

/// A stack a CPU, its data in a static.
struct StackPerCpu;

impl Variant for StackPerCpu {
    const NAME: &str = "a stack a CPU";
    const TRAP_STACK: TrapStack = TrapStack::PerCpu;
    const SET_CURRENT: SetCurrent = save_in_frame::<Self>;
    const DATA_LOCATION: EntryDataLocation = EntryDataLocation::Static;
    const CALLER_STACK_POINTER: CallerStackPointer = CallerStackPointer::InR10;
}

/// A stack a thread.
struct StackPerThread;

impl Variant for StackPerThread {
    const NAME: &str = "a stack a thread";
    const TRAP_STACK: TrapStack = TrapStack::PerThread;
    const SET_CURRENT: SetCurrent = save_on_stack::<Self>;
    const DATA_LOCATION: EntryDataLocation = EntryDataLocation::Static;
}

/// Data at a fixed address.
struct FixedPlace;

impl Variant for FixedPlace {
    const NAME: &str = "data at a fixed address";
    const TRAP_STACK: TrapStack = TrapStack::PerCpu;
    const SET_CURRENT: SetCurrent = save_in_frame::<Self>;
    const DATA_LOCATION: EntryDataLocation = FIXED;
}

/// Data at the GS base, a stack a CPU.
#[cfg(target_arch = "x86_64")]
struct GsPlace;

#[cfg(target_arch = "x86_64")]
impl Variant for GsPlace {
    const NAME: &str = "data at the GS base, a stack a CPU";
    const TRAP_STACK: TrapStack = TrapStack::PerCpu;
    const SET_CURRENT: SetCurrent = save_in_frame::<Self>;
    const DATA_LOCATION: EntryDataLocation = EntryDataLocation::GsBase;
}

/// Data at the GS base, a stack a thread: most kernels' choice.
#[cfg(target_arch = "x86_64")]
struct GsPlaceAndStackPerThread;

#[cfg(target_arch = "x86_64")]
impl Variant for GsPlaceAndStackPerThread {
    const NAME: &str = "data at the GS base, a stack a thread";
    const TRAP_STACK: TrapStack = TrapStack::PerThread;
    const SET_CURRENT: SetCurrent = save_on_stack::<Self>;
    const DATA_LOCATION: EntryDataLocation = EntryDataLocation::GsBase;
    const USER_GS: UserGs = UserGs::Swapped;
    const CALLER_STACK_POINTER: CallerStackPointer = CallerStackPointer::InR10;
}

/// GS for the kernel's own use.
#[cfg(target_arch = "x86_64")]
struct OwnGs;

#[cfg(target_arch = "x86_64")]
impl Variant for OwnGs {
    const NAME: &str = "data at a fixed address, GS swapped";
    const TRAP_STACK: TrapStack = TrapStack::PerThread;
    const SET_CURRENT: SetCurrent = save_on_stack::<Self>;
    const DATA_LOCATION: EntryDataLocation = FIXED;
    const USER_GS: UserGs = UserGs::Swapped;
}

const ALL: &[fn() -> !] = &[
    run::<StackPerCpu>,
    run::<StackPerThread>,
    run::<FixedPlace>,
    #[cfg(target_arch = "x86_64")]
    run::<GsPlace>,
    #[cfg(target_arch = "x86_64")]
    run::<GsPlaceAndStackPerThread>,
    #[cfg(target_arch = "x86_64")]
    run::<OwnGs>,
];

static BEGUN: AtomicUsize = AtomicUsize::new(0);

/// Goes on with the next variant; returns if there is none.
pub fn begin_next() {
    if let Some(run) = ALL.get(BEGUN.fetch_add(1, Ordering::Relaxed)) {
        run()
    }
}

/// The count of variants.
pub fn count() -> usize {
    ALL.len()
}
