//! The kernel's variants, run one after the other: each choice that a kernel may make must work.
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering};

use x86_entry::{
    CallerStackPointer, EntryData, EntryDataLocation, FloatingPointUse, InterruptDescriptorTable, Smap, TrapFrame,
    TrapStack, UserGs,
};

use crate::kernel::{lead_direct, run, save_in_frame, save_on_stack};
use crate::{floating, width};

/// See [`Variant::SET_CURRENT`].
pub type SetCurrent = fn(&mut EntryData, NonNull<TrapFrame>);

/// See [`Variant::ENABLE_FAST_CALLS`].
pub type EnableFastCalls = unsafe fn(NonNull<EntryData>);

/// One choice of each constant of `KernelEntry`.
pub trait Variant: Sized + 'static {
    const NAME: &str;
    const TRAP_STACK: TrapStack;
    /// Makes a frame the current thread's, as `TRAP_STACK` needs it.
    const SET_CURRENT: SetCurrent;
    /// Leads `syscall` or `sysenter` to the kernel: to an entry that saves a whole frame, or to that for messages.
    const ENABLE_FAST_CALLS: EnableFastCalls = width::enable_fast_calls::<Self>;
    const DATA_LOCATION: EntryDataLocation;
    const USER_GS: UserGs = UserGs::Kept;
    const CALLER_STACK_POINTER: CallerStackPointer = CallerStackPointer::InRsp;
    const FLOATING_POINT_USE: FloatingPointUse = FloatingPointUse::OnRequest;
    /// Bytes of the fast call's entry at which a breakpoint is tried: a single step in a message call's entry skips
    /// what the debug exception has done at once.
    const SWEPT_BYTES: usize = 0;

    /// Leads a vector to a direct interrupt, where the variant may have one.
    fn lead_direct<S: Smap>(_table: &mut InterruptDescriptorTable) {}
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

/// The same, with calls that pass a message, and direct interrupts.
struct Messages;

impl Variant for Messages {
    const NAME: &str = "calls with messages";
    const TRAP_STACK: TrapStack = TrapStack::PerCpu;
    const SET_CURRENT: SetCurrent = save_in_frame::<Self>;
    const ENABLE_FAST_CALLS: EnableFastCalls = width::enable_message_calls::<Self>;
    const SWEPT_BYTES: usize = width::SWEPT_BYTES;
    const DATA_LOCATION: EntryDataLocation = EntryDataLocation::Static;
    const CALLER_STACK_POINTER: CallerStackPointer = CallerStackPointer::InR10;

    fn lead_direct<S: Smap>(table: &mut InterruptDescriptorTable) {
        lead_direct::<Self, S>(table);
    }
}

/// The same, with data at a fixed address.
struct MessagesAtFixedPlace;

impl Variant for MessagesAtFixedPlace {
    const NAME: &str = "calls with messages, data at a fixed address";
    const TRAP_STACK: TrapStack = TrapStack::PerCpu;
    const SET_CURRENT: SetCurrent = save_in_frame::<Self>;
    const ENABLE_FAST_CALLS: EnableFastCalls = width::enable_message_calls::<Self>;
    const SWEPT_BYTES: usize = width::SWEPT_BYTES;
    const DATA_LOCATION: EntryDataLocation = FIXED;
    const CALLER_STACK_POINTER: CallerStackPointer = CallerStackPointer::InR10;

    fn lead_direct<S: Smap>(table: &mut InterruptDescriptorTable) {
        lead_direct::<Self, S>(table);
    }
}

/// A kernel that uses floating point anywhere.
struct Floating;

impl Variant for Floating {
    const NAME: &str = "floating point anywhere";
    const TRAP_STACK: TrapStack = TrapStack::PerThread;
    const SET_CURRENT: SetCurrent = save_on_stack::<Self>;
    const DATA_LOCATION: EntryDataLocation = EntryDataLocation::Static;
    const FLOATING_POINT_USE: FloatingPointUse = FloatingPointUse::Anywhere;
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
    run::<Messages>,
    run::<MessagesAtFixedPlace>,
    #[cfg(target_arch = "x86")]
    || run_floating(floating::use_fnsave),
    || run_floating(floating::use_fxsave),
    || run_floating(floating::use_xsave),
    run::<StackPerThread>,
    run::<FixedPlace>,
    #[cfg(target_arch = "x86_64")]
    run::<GsPlace>,
    #[cfg(target_arch = "x86_64")]
    run::<GsPlaceAndStackPerThread>,
    #[cfg(target_arch = "x86_64")]
    run::<OwnGs>,
];

/// Runs the variant with floating point in one format, where the CPU has it.
fn run_floating(use_format: fn() -> bool) -> ! {
    if use_format() {
        run::<Floating>()
    }
    begin_next();
    unreachable!("further variants follow")
}

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
