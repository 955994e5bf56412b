//! What a kernel tells the entry paths: where its stacks are, and which function takes a trap.
use core::ptr::NonNull;

use crate::{GlobalDescriptorTable, TrapFrame, segments::Selectors};

/// The stack on which a trap's Rust code runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrapStack {
    /// The one that the frame was pushed to: TSS.rsp0 or esp0 is the top of the thread's own kernel stack.
    PerThread,
    /// The CPU's one kernel stack, [`EntryData`](crate::EntryData)'s stack top. TSS.rsp0 or esp0 is the end of the current
    /// thread's frame, so that a trap saves straight into it.
    ///
    /// A trap from ring 0 moves there too if it was saved in the current frame (an idle context that is laid out like
    /// a thread) or right below it (a faulting return); otherwise it stays where it is.
    PerCpu,
}

/// Where a CPU finds its [`EntryData`](crate::EntryData).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryDataLocation {
    /// In a static of this crate: there is one CPU.
    Static,
    /// At one constant address, at which each CPU maps its own.
    Fixed(usize),
    /// At the kernel's GS base (x86_64, with [`UserGs::Swapped`]).
    GsBase,
}

impl EntryDataLocation {
    /// The enum's tag as the assembler's conditions read it.
    pub(crate) const fn kind(self) -> usize {
        match self {
            Self::Static => 0,
            Self::Fixed(_) => 1,
            Self::GsBase => 2,
        }
    }

    /// The address as a displacement, which the CPU extends with its sign.
    pub(crate) const fn address(self) -> isize {
        match self {
            Self::Fixed(address) => {
                let address = address as isize;
                assert!(address as i32 as isize == address, "a fixed place must be reachable by a 32-bit displacement");
                address
            }
            Self::Static | Self::GsBase => 0,
        }
    }
}

/// What happens to the GS base between the rings (x86_64).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserGs {
    /// It stays: the kernel uses no GS.
    Kept,
    /// `swapgs` on every way in from ring 3 and back (SDM 2B, SWAPGS).
    Swapped,
}

/// What a kernel's own code does with floating-point registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FloatingPointUse {
    /// Nothing: it is built without them (soft float), and the entries leave them alone. A handler that wants them asks, by
    /// [`with_floating_point`](crate::with_floating_point).
    OnRequest,
    /// Anything: it is built for x87, SSE or AVX, so that the compiler decides. Whenever Rust is called, the interrupted
    /// code's state is saved on the stack, whose room must suffice for it, and loaded again when Rust has returned.
    ///
    /// That takes [`TrapStack::PerThread`], a unit that is switched on, and
    /// [`FloatingPointFormat::use_in_entries`](crate::FloatingPointFormat::use_in_entries) beforehand. The kernel's functions must return with
    /// the frame that they got: another one would be resumed with the wrong state. Every entry clears CR0.TS, which i686's
    /// task switches set, so that #NM's handler has nothing to do.
    Anywhere,
}

/// Where `syscall` finds the caller's stack pointer (x86_64).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallerStackPointer {
    /// In rsp, as usual; the entry parks it in [`EntryData`](crate::EntryData).
    InRsp,
    /// In r10, where the caller put it: saves a store and a load.
    InR10,
}

/// A kernel, as seen by the entry paths.
///
/// Interrupts are off in all of its functions. They get a pointer and not a reference, since the frame may lie in a
/// structure of the kernel that other code borrows.
///
/// # Safety
///
/// - The constants must describe what is loaded: the selectors those of the GDT, the stack and place as documented,
///   the [`EntryData`](crate::EntryData) set up, with its TSS in the task register, before the first trap from ring 3.
/// - A frame that a function returns must be valid to resume: saved by an entry path or built so that its selectors,
///   flags and pointers give ring 3 nothing, or ring 0 only what is sound to run.
/// - `trap` must be sound to call for each vector whose gate leads to it, `paranoid_trap` between any two instructions.
pub unsafe trait KernelEntry: Sized + 'static {
    /// The stack for Rust code.
    const TRAP_STACK: TrapStack = TrapStack::PerThread;
    /// Where the CPU's data lies.
    const DATA_LOCATION: EntryDataLocation = EntryDataLocation::Static;
    /// What happens to GS (x86_64).
    const USER_GS: UserGs = UserGs::Kept;
    /// What the kernel's code does with floating-point registers.
    const FLOATING_POINT_USE: FloatingPointUse = FloatingPointUse::OnRequest;
    /// Where `syscall` finds the stack pointer (x86_64).
    const CALLER_STACK_POINTER: CallerStackPointer = CallerStackPointer::InRsp;
    /// The selectors of the loaded GDT.
    const SELECTORS: Selectors = GlobalDescriptorTable::SELECTORS;
    /// Where `sysexit` returns to (i686): `sysenter` saves no address (SDM 3A 5.8.7), so it is the same for all programs.
    const SYSENTER_RETURN_ADDRESS: usize = 0;

    /// Takes an interrupt or exception, and returns the frame to resume: the same or another thread's.
    ///
    /// Instead of returning it may end in [`resume`](crate::resume), which spares it saving registers.
    extern "C" fn trap(frame: NonNull<TrapFrame>) -> NonNull<TrapFrame>;

    /// Takes a system call by `syscall`, `sysenter` or a call gate's `int`; returns as `trap` does.
    extern "C" fn system_call(frame: NonNull<TrapFrame>) -> NonNull<TrapFrame> {
        Self::trap(frame)
    }

    /// Takes an NMI, #DB, #MC or #DF that interrupted ring 0, on its own stack, between any two instructions.
    ///
    /// Nothing that the interrupted code may have half-changed can be touched. Returning resumes that code.
    extern "C" fn paranoid_trap(frame: &mut TrapFrame);

    /// Runs before each typed handler, and sees and may change every register, as the handler after it.
    ///
    /// [`KernelEntry::trap`] and [`KernelEntry::system_call`] have no hooks: they are one function each, whose first and last lines come
    /// at the same places. Nor has [`KernelEntry::paranoid_trap`], where hardly anything may be touched.
    #[inline(always)]
    fn before_handler(_frame: &mut TrapFrame) {}

    /// Runs after each typed handler that returns; what the frame holds then is what is resumed.
    #[inline(always)]
    fn after_handler(_frame: &mut TrapFrame) {}
}

/// A kernel whose system calls pass a message in registers, and which doesn't want more saved first than it needs.
///
/// Its frames are then saved by [`enable_message_calls`](crate::enable_message_calls)' entry, and
/// [`resume_with_message`](crate::resume_with_message) is a shorter way out for them. As long as such a frame's vector is
/// [`FAST_CALL`](crate::vector::FAST_CALL),
///
/// - on x86_64 the message registers, rax, rcx, r10, r11 and the error code in it hold something older, until the kernel
///   puts something there; `resume_with_message` takes the message;
/// - on i686 segment registers and the error code in it mean nothing, and what the caller goes on with are flat data
///   segments in DS and ES, and FS and GS as the CPU holds them.
///
/// # Safety
///
/// As for [`KernelEntry`]; besides, on x86_64 ring 3 can't execute in the last page of the lower half, so that a call's return
/// address is one that `sysretq` takes (CVE-2012-0217). On i686 the kernel sees to it that a thread finds nobody else's
/// selectors in FS and GS.
pub unsafe trait MessageCalls: KernelEntry {
    /// Takes a system call: a naked function, which finds rdi, rsi, rdx, rax, r8 and r9 as the caller had them, has
    /// the other general registers for itself, and the stack as at any function's first instruction. Ends in
    /// [`resume`](crate::resume) or [`resume_with_message`](crate::resume_with_message).
    ///
    /// # Safety
    ///
    /// Only the entry may call it.
    #[cfg(target_arch = "x86_64")]
    unsafe extern "C" fn message_call() -> !;

    /// Takes a system call: a naked function, which finds eax, edx, ebx, esi, edi and ebp as the caller had them, and in the
    /// frame too, and the stack as at any function's first instruction. Ends in [`resume`](crate::resume) or
    /// [`resume_with_message`](crate::resume_with_message).
    ///
    /// # Safety
    ///
    /// Only the entry may call it.
    #[cfg(target_arch = "x86")]
    unsafe extern "C" fn message_call() -> !;
}

/// A kernel to which the interrupts of devices come by a way of their own: for it the frame is the current thread's, and
/// all there is to know is the vector.
///
/// # Safety
///
/// As for [`KernelEntry`]; the function may be called for each vector that [`TableFiller::direct_interrupts`](crate::TableFiller::direct_interrupts)
/// was told.
pub unsafe trait DirectInterrupts: KernelEntry {
    /// Takes an interrupt; every register is saved in the current frame. Ends in [`resume`](crate::resume) or
    /// [`resume_with_message`](crate::resume_with_message).
    ///
    /// # Safety
    ///
    /// Only the entry may call it.
    #[cfg(target_arch = "x86_64")]
    unsafe extern "C" fn direct_interrupt(vector: u32) -> !;

    /// Takes an interrupt; every register is saved in the current frame. Ends in [`resume`](crate::resume) or
    /// [`resume_with_message`](crate::resume_with_message).
    ///
    /// # Safety
    ///
    /// Only the entry may call it.
    #[cfg(target_arch = "x86")]
    unsafe extern "fastcall" fn direct_interrupt(vector: u32) -> !;
}

/// Whether the CPU has SMAP, chosen once when the IDT is filled: code is never patched.
///
/// An interrupt leaves EFLAGS.AC as it was, and with AC set SMAP protects nothing (SDM 3A 4.6.1), so that the entries clear
/// it. A kernel that never sets CR4.SMAP may take [`WithoutSmap`] on every CPU.
pub trait Smap: 'static {
    /// Whether the entries clear EFLAGS.AC.
    #[doc(hidden)]
    const CLEARS_AC: usize;
}

/// Entries for a CPU with SMAP: they begin with `clac`.
#[derive(Clone, Copy, Debug)]
pub struct WithSmap;

/// Entries for a CPU without SMAP, where `clac` is an invalid opcode.
#[derive(Clone, Copy, Debug)]
pub struct WithoutSmap;

impl Smap for WithSmap {
    const CLEARS_AC: usize = 1;
}

impl Smap for WithoutSmap {
    const CLEARS_AC: usize = 0;
}

/// The Rust function at the end of a stub.
pub(crate) trait Target: 'static {
    /// Takes the frame; returns the one to resume.
    extern "C" fn enter(frame: NonNull<TrapFrame>) -> NonNull<TrapFrame>;
}

/// Whether the stubs keep the floating-point state, as the assembler's conditions read it.
pub(crate) const fn keeps_state<K: KernelEntry>() -> usize {
    let keeps = matches!(K::FLOATING_POINT_USE, FloatingPointUse::Anywhere);
    assert!(!keeps || matches!(K::TRAP_STACK, TrapStack::PerThread), "only a thread's own stack can keep its state");
    keeps as usize
}

/// Leads to [`KernelEntry::paranoid_trap`], which i686 calls in other ways.
#[cfg(target_arch = "x86_64")]
pub(crate) struct Paranoid<K>(K);

#[cfg(target_arch = "x86_64")]
impl<K: KernelEntry> Target for Paranoid<K> {
    extern "C" fn enter(mut frame: NonNull<TrapFrame>) -> NonNull<TrapFrame> {
        // SAFETY: the stub passes the frame that it just saved.
        K::paranoid_trap(unsafe { frame.as_mut() });
        frame
    }
}

/// Leads to [`KernelEntry::trap`].
pub(crate) struct Trap<K>(K);

impl<K: KernelEntry> Target for Trap<K> {
    #[inline(always)]
    extern "C" fn enter(frame: NonNull<TrapFrame>) -> NonNull<TrapFrame> {
        K::trap(frame)
    }
}

/// Leads to [`KernelEntry::system_call`].
pub(crate) struct Call<K>(K);

impl<K: KernelEntry> Target for Call<K> {
    #[inline(always)]
    extern "C" fn enter(frame: NonNull<TrapFrame>) -> NonNull<TrapFrame> {
        K::system_call(frame)
    }
}
