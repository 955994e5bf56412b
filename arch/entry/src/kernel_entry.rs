//! [`KernelEntry`]: how a kernel is entered, and the functions that take its traps.
use core::ptr::NonNull;

use crate::segments::Selectors;
use crate::{GlobalDescriptorTable, TrapFrame};

mod choices;
mod smap;

pub(crate) use choices::keeps_state;
#[cfg(target_arch = "x86_64")]
pub(crate) use choices::swaps_gs;
pub use choices::{CallerStackPointer, EntryDataLocation, FloatingPointUse, TrapStack, UserGs};
pub use smap::{Entries, Smap, WithSmap, WithoutSmap};

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
