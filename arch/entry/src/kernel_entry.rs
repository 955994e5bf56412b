//! [`KernelEntry`]: the choices that a kernel makes for its entries, and the functions that take its traps.
use core::ptr::NonNull;

use crate::segments::Selectors;
use crate::stub::CHECKS;
use crate::{GlobalDescriptorTable, TrapFrame};

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

/// How a kernel is entered: its choices as constants, and the functions that take its traps.
///
/// The entries call every function with interrupts off. `trap` and `system_call` get a pointer, not a reference,
/// because the frame may lie in a structure that other code of the kernel borrows.
///
/// # Safety
///
/// 1. The constants describe what is loaded: `SELECTORS` selects descriptors of the loaded GDT, and TSS.rsp0 or esp0 is
///    what [`TrapStack`] says.
/// 2. The [`EntryData`](crate::EntryData) at `DATA_LOCATION` is set up, and its TSS is in the task register, before the
///    first trap from ring 3, if the kernel makes any of these choices: [`TrapStack::PerCpu`], [paranoid
///    gates](crate::TableFiller::paranoid_gates), fast or message calls. A kernel without them may keep a GDT and a TSS
///    of its own: the stubs read none of the crate's data, and the CPU reads rsp0 or esp0 in the kernel's TSS.
/// 3. A frame that a function returns is valid to resume: an entry saved the frame, or the kernel built it so that its
///    selectors, flags and pointers give ring 3 no privilege, or so that ring 0 can soundly run from it.
/// 4. `trap` is sound to call for each vector whose gate leads to it.
/// 5. `paranoid_trap` is sound to call between any two instructions of the kernel, and raises no exception: the `iret`
///    of a fault's handler would unblock NMIs (SDM 3A 6.7.1), and the next one would overwrite this one's stack. Debug
///    builds, and the feature `checks`, panic when such a handler returns. `paranoid_trap` returns or ends the run, and
///    calls [`resume`](crate::resume) for no frame: the interrupted code of the kernel must go on.
/// 6. Each function, handler and hook that switches interrupts on switches them off before it returns or calls
///    [`resume`](crate::resume). An interrupt on the way out would find registers of ring 3, with `swapgs` its GS base
///    too. Debug builds, and the feature `checks`, check this.
/// 7. A kernel whose entries swap the GS base (x86_64: [`UserGs::Swapped`] or [`EntryDataLocation::GsBase`]) leads NMI,
///    #DB and #MC to [paranoid gates](crate::TableFiller::paranoid_gates), in each table that is loaded while ring 3
///    may run. `EntryData::set_kernel_gs_base` alone sets the base, after the gates' stacks are set: these gates load
///    the base that it stored. Debug builds, and the feature `checks`, compare the two.
/// 8. On i686, a kernel with paranoid gates calls `EntryData::set_page_table` before each load of CR3: a return from a
///    task gate loads the page table that was stored last. Debug builds, and the feature `checks`, compare the two
///    before ring 3 goes on.
/// 9. On x86_64, the code of ring 0 is built without the red zone.
///    [`InterruptDescriptorTable::load`](crate::InterruptDescriptorTable::load) checks this for the crate itself.
pub unsafe trait KernelEntry: Sized + 'static {
    /// The stack on which Rust runs after a trap.
    const TRAP_STACK: TrapStack = TrapStack::PerThread;
    /// Where the stubs find the CPU's data.
    const DATA_LOCATION: EntryDataLocation = EntryDataLocation::Static;
    /// Whether the entries swap the GS base (x86_64; SDM 2B, SWAPGS).
    const USER_GS: UserGs = UserGs::Kept;
    /// Where the kernel's code uses floating-point registers.
    const FLOATING_POINT_USE: FloatingPointUse = FloatingPointUse::OnRequest;
    /// Where `syscall` finds the caller's stack pointer (x86_64; SDM 3A 5.8.8).
    const CALLER_STACK_POINTER: CallerStackPointer = CallerStackPointer::InRsp;
    /// The selectors of the loaded GDT (SDM 3A 3.4.2, 3.5.1). What a table of the kernel's own must have depends on
    /// what the kernel uses:
    ///
    /// - Gates to [`KernelEntry::trap`], to handlers, and of `system_call_vector`: flat code and data of ring 0. With
    ///   ring 3, also flat code and data of ring 3, whose selectors have the two lowest bits set, and a TSS whose rsp0
    ///   or esp0 (with ss0) is the current thread's stack. Without ring 3, `user_code` is 0. `user_data` is then 0 on
    ///   x86_64, and `kernel_data` on i686: there the stubs load it into DS and ES, whatever ring was interrupted.
    /// - `TableFiller::exception_on_stack` (x86_64): the TSS's stack of that number. `One`
    ///   is `ist[0]`.
    /// - [`paranoid_gates`](crate::TableFiller::paranoid_gates): the TSS in [`EntryData`](crate::EntryData), with its
    ///   stacks `One` to `Four` (x86_64), or the tasks at the selectors of [`GlobalDescriptorTable`] (i686).
    ///   [`CpuSegments`](crate::CpuSegments) has them all.
    /// - [`enable_fast_calls`](crate::enable_fast_calls) and message calls: paranoid gates, and the order of
    ///   [`GlobalDescriptorTable`]. Another order doesn't compile.
    const SELECTORS: Selectors = GlobalDescriptorTable::SELECTORS;
    /// Where `sysexit` returns to (i686). `sysenter` saves no address (SDM 3A 5.8.7), so all programs return to this
    /// one.
    const SYSENTER_RETURN_ADDRESS: usize = 0;

    /// Takes an interrupt or exception, and returns the frame to resume: this one or another thread's.
    ///
    /// The function may call [`resume`](crate::resume) instead of returning. Then it needn't restore any registers.
    ///
    /// With [`FloatingPointUse::Anywhere`] the function does neither for another thread's frame. It switches stacks
    /// instead, and returns its own frame when the thread's turn comes again.
    extern "C" fn trap(frame: NonNull<TrapFrame>) -> NonNull<TrapFrame>;

    /// Takes a system call by `syscall`, `sysenter` or the `int` of
    /// [`TableFiller::system_call_vector`](crate::TableFiller::system_call_vector), and returns as `trap` does (SDM 3A
    /// 5.8.7, 5.8.8, 6.12.1.2).
    extern "C" fn system_call(frame: NonNull<TrapFrame>) -> NonNull<TrapFrame> {
        Self::trap(frame)
    }

    /// Takes an NMI, #DB, #MC or #DF that interrupted ring 0 between any two instructions, on a stack of its own (SDM
    /// 3A 6.7, 6.15).
    ///
    /// The function must not touch anything that the interrupted code may have changed halfway. When the function
    /// returns, the interrupted code is resumed with the registers of the frame. On i686 its stack stays as it was: a
    /// changed `esp` or `ss` has no effect.
    extern "C" fn paranoid_trap(frame: &mut TrapFrame);

    /// Runs before each typed [`Handler`](crate::Handler), and may change every register of the frame.
    ///
    /// The hooks don't run around [`KernelEntry::trap`], [`KernelEntry::system_call`] and
    /// [`KernelEntry::paranoid_trap`]: each of these is one function, which can call a hook itself.
    #[inline(always)]
    fn before_handler(_frame: &mut TrapFrame) {}

    /// Runs after each typed handler that returns. The frame is resumed as this function leaves it.
    #[inline(always)]
    fn after_handler(_frame: &mut TrapFrame) {}
}

/// A kernel whose system calls pass a message in registers (SDM 3A 5.8.7, 5.8.8). The entry saves only the registers
/// that a call preserves.
///
/// [`enable_message_calls`](crate::enable_message_calls) leads `syscall` or `sysenter` to this entry, and
/// [`resume_with_message`](crate::resume_with_message) is the fast path back. While a frame's vector is
/// [`FAST_CALL`](crate::vector::FAST_CALL), some of its fields mean nothing:
///
/// - On x86_64 the message registers (rdi, rsi, rdx, r8, r9), rax, rcx, r10, r11 and the error code are stale until the
///   kernel writes them. `resume_with_message` takes the message as its arguments.
/// - On i686 the segment registers and the error code are stale. The caller goes on with flat data segments in DS and
///   ES, and with FS and GS as the CPU holds them.
///
/// # Safety
///
/// 1. All that [`KernelEntry`] requires.
/// 2. On x86_64, ring 3 can't execute in the last page of the lower half. Then a call's return address is one that
///    `sysretq` takes without a fault in ring 0 (CVE-2012-0217).
/// 3. On i686, the kernel loads FS and GS when it switches threads: a thread never finds another thread's selectors
///    there.
pub unsafe trait MessageCalls: KernelEntry {
    /// Takes a system call, and ends in [`resume`](crate::resume) or
    /// [`resume_with_message`](crate::resume_with_message).
    ///
    /// This is a naked function. It finds rdi, rsi, rdx, rax, r8 and r9 as the caller set them, may spoil all other
    /// general registers but rsp, and finds the stack aligned as at the first instruction of a C function.
    ///
    /// # Safety
    ///
    /// Only the entry may call this function.
    #[cfg(target_arch = "x86_64")]
    unsafe extern "C" fn message_call() -> !;

    /// Takes a system call, and ends in [`resume`](crate::resume) or
    /// [`resume_with_message`](crate::resume_with_message).
    ///
    /// This is a naked function. It finds eax, edx, ebx, esi, edi and ebp as the caller set them, finds copies of them
    /// in the frame, and finds the stack aligned as at the first instruction of a C function.
    ///
    /// # Safety
    ///
    /// Only the entry may call this function.
    #[cfg(target_arch = "x86")]
    unsafe extern "C" fn message_call() -> !;
}

/// A kernel that takes devices' interrupts by a fast path: a function that gets the vector alone.
///
/// The interrupted registers are saved in the current thread's frame.
///
/// # Safety
///
/// 1. All that [`KernelEntry`] requires.
/// 2. `direct_interrupt` is sound to call for each vector that
///    [`TableFiller::direct_interrupts`](crate::TableFiller::direct_interrupts) was given.
pub unsafe trait DirectInterrupts: KernelEntry {
    /// Takes an interrupt whose registers are all saved in the current frame, and ends in [`resume`](crate::resume) or
    /// [`resume_with_message`](crate::resume_with_message).
    ///
    /// # Safety
    ///
    /// Only the entry may call this function.
    #[cfg(target_arch = "x86_64")]
    unsafe extern "C" fn direct_interrupt(vector: u32) -> !;

    /// Takes an interrupt whose registers are all saved in the current frame, and ends in [`resume`](crate::resume) or
    /// [`resume_with_message`](crate::resume_with_message).
    ///
    /// # Safety
    ///
    /// Only the entry may call this function.
    #[cfg(target_arch = "x86")]
    unsafe extern "fastcall" fn direct_interrupt(vector: u32) -> !;
}

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

/// A Rust function that a stub calls.
pub(crate) trait Target: 'static {
    /// Whether [`Target::enter`] returns the frame that it got, always.
    const KEEPS_FRAME: bool = false;
    /// Whether the trap can be a fault of [`resume`](crate::resume), which becomes one of the code to resume.
    const MAY_BE_EXIT_FAULT: bool = true;
    /// Whether [`Target::handle`] looks at more of the frame than the vector. Where it doesn't, a frame of ring 0 needs
    /// no stack pointer.
    #[cfg(target_arch = "x86")]
    const SEES_FRAME: bool = true;

    /// Takes the frame, and returns the frame to resume.
    extern "C" fn enter(frame: NonNull<TrapFrame>) -> NonNull<TrapFrame>;

    /// Takes the frame that is then resumed, where [`Target::KEEPS_FRAME`].
    #[cfg(target_arch = "x86_64")]
    extern "C" fn handle(frame: NonNull<TrapFrame>) {
        Self::enter(frame);
    }

    /// Takes the frame that is then resumed, where [`Target::KEEPS_FRAME`]. The frame comes in ecx, so that the stub
    /// makes no room for it on the stack.
    #[cfg(target_arch = "x86")]
    extern "fastcall" fn handle(frame: NonNull<TrapFrame>) {
        Self::enter(frame);
    }
}

/// Encodes for the assembler's conditions whether a stub calls [`Target::handle`] on the interrupted stack, and goes
/// back from there: the kernel's own stack isn't needed, and no floating-point state is kept.
pub(crate) const fn is_direct<K: KernelEntry, T: Target>() -> usize {
    (T::KEEPS_FRAME && matches!(K::TRAP_STACK, TrapStack::PerThread) && keeps_state::<K>() == 0) as usize
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

/// Leads to [`KernelEntry::paranoid_trap`]. On i686, task gates and #DB's stub call that function themselves.
#[cfg(target_arch = "x86_64")]
pub(crate) struct Paranoid<K>(K);

#[cfg(target_arch = "x86_64")]
impl<K: KernelEntry> Target for Paranoid<K> {
    extern "C" fn enter(mut frame: NonNull<TrapFrame>) -> NonNull<TrapFrame> {
        // SAFETY: the stub passes the frame that it just saved on this gate's own stack; nothing else refers to it.
        crate::stub::paranoid_trap::<K>(unsafe { frame.as_mut() });
        frame
    }
}

/// Returns whether the frame that the kernel returns is checked: with the interrupted code's floating-point state on
/// the stack, it must be the interrupted code's.
const fn checks_returned_frame<K: KernelEntry>() -> bool {
    CHECKS == 1 && keeps_state::<K>() == 1
}

/// Asserts that the kernel returns the frame that it got.
fn assert_same(frame: NonNull<TrapFrame>, next: NonNull<TrapFrame>) {
    assert!(
        frame == next,
        "another frame is returned, with FloatingPointUse::Anywhere: it would be resumed with the interrupted code's \
         floating-point state. Switch to the other thread's stack inside the function, and return the frame that it got"
    );
}

/// Leads to [`KernelEntry::trap`].
pub(crate) struct Trap<K>(K);

impl<K: KernelEntry> Target for Trap<K> {
    #[inline(always)]
    extern "C" fn enter(frame: NonNull<TrapFrame>) -> NonNull<TrapFrame> {
        let next = K::trap(frame);
        if const { checks_returned_frame::<K>() } {
            assert_same(frame, next);
        }
        next
    }
}

/// Leads to [`KernelEntry::system_call`].
pub(crate) struct Call<K>(K);

impl<K: KernelEntry> Target for Call<K> {
    #[inline(always)]
    extern "C" fn enter(frame: NonNull<TrapFrame>) -> NonNull<TrapFrame> {
        let next = K::system_call(frame);
        if const { checks_returned_frame::<K>() } {
            assert_same(frame, next);
        }
        next
    }
}
