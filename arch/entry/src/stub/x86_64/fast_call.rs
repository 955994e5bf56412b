//! The slow path of system calls by `syscall`, which saves a whole frame.
use core::arch::naked_asm;
use core::mem::offset_of;

use super::{RSP0, keeping};
use crate::entry_data::{ENTRY_DATA, EntryData};
use crate::kernel_entry::{CallerStackPointer, KernelEntry, TrapStack, keeps_state};
use crate::stub::check::note_fast_calls;
use crate::target::Call;
use crate::vector::FAST_CALL;

/// RFLAGS bits that `syscall` clears: IF, TF, DF, AC, NT and IOPL (SDM 3A, 5.8.8).
pub const SYSCALL_FLAG_MASK: u64 = 1 << 9 | 1 << 8 | 1 << 10 | 1 << 18 | 1 << 14 | 3 << 12;

/// Saves the caller's registers as an interrupt would, and calls [`KernelEntry::system_call`]. IA32_LSTAR holds its
/// address.
///
/// `syscall` leaves the return address in rcx and the flags in r11, and clears the flags of [`SYSCALL_FLAG_MASK`]. rsp
/// is the caller's during the first instructions. Only NMI, #MC and #DB can interrupt these, and they have stacks of
/// their own.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn syscall_entry<K: KernelEntry>() {
    naked_stub!(K:
        ".if {swaps_gs}",
        "swapgs",
        ".endif",
        ".if {in_rsp}",
        with_entry_data!("mov", "caller_rsp", ", rsp"),
        with_entry_data!("mov rsp,", "rsp0", ""),
        "push {user_data}",
        with_entry_data!("push", "caller_rsp", ""),
        ".else",
        with_entry_data!("mov rsp,", "rsp0", ""),
        "push {user_data}",
        "push r10",
        ".endif",
        "push r11",
        "push {user_code}",
        "push rcx",
        "push 0",
        "push {fast_call}",
        push_registers!(),
        "mov rdi, rsp",
        "xor ebp, ebp",
        ".if {per_cpu}",
        with_entry_data!("mov rsp,", "stack_top", ""),
        ".endif",
        call_rust!("call"),
        "mov rdi, rax",
        jump_to_resume!(),
        in_rsp = const matches!(K::CALLER_STACK_POINTER, CallerStackPointer::InRsp) as usize,
        user_data = const K::SELECTORS.user_data,
        user_code = const K::SELECTORS.user_code,
        fast_call = const FAST_CALL,
        per_cpu = const matches!(K::TRAP_STACK, TrapStack::PerCpu) as usize,
        location = const K::DATA_LOCATION.kind(),
        fixed = const K::DATA_LOCATION.address(),
        entry_data = sym ENTRY_DATA,
        caller_rsp = const offset_of!(EntryData, caller_rsp),
        rsp0 = const RSP0,
        stack_top = const offset_of!(EntryData, stack_top),
        keeps_state = const keeps_state::<K>(),
        call = sym K::system_call,
        call_keeping = sym keeping::<Call<K>>,
    )
}

/// Refuses a call by `syscall` of 32-bit code: returns with all bits of eax set. IA32_CSTAR holds its address.
///
/// On AMD's CPUs, `syscall` of compatibility mode leads there in 64-bit mode, in ring 0, with the caller's stack
/// pointer (APM 2, 6.1.1). On Intel's it is an invalid opcode, and the register isn't used (SDM 2B, SYSCALL; SDM 4
/// table 2-2). The stub touches no memory. `sysret` with a 32-bit operand returns to the address in ecx with the flags
/// in r11, where `syscall` put them, and loads the descriptor two in front of ring 3's 64-bit code as 32-bit code (SDM
/// 2B, SYSRET).
#[unsafe(naked)]
unsafe extern "C" fn compatibility_entry() {
    naked_asm!("mov eax, {refused}", "sysret", refused = const -1)
}

/// Leads `syscall` to [`KernelEntry::system_call`] on this CPU (SDM 2B, SYSCALL).
///
/// `syscall` of 32-bit code, which AMD's CPUs have (APM 2, 6.1.1), is refused: it returns with all bits of eax set, to
/// the segment two descriptors in front of `user_code`. A kernel that lets ring 3 run 32-bit code has flat 32-bit code
/// of ring 3 there.
///
/// # Panics
///
/// If the loaded table has NMI, #MC or #DB on the interrupted stack: at the entry's first instruction that is the
/// caller's. If the kernel swaps the GS base, also if one of them has another gate than the paranoid one.
/// [`TableFiller::paranoid_gates`](crate::TableFiller::paranoid_gates) comes first.
///
/// # Safety
///
/// 1. The CPU is in ring 0, and has `syscall` (CPUID 8000_0001h, EDX bit 11).
/// 2. The loaded descriptor table has `K`'s selectors.
/// 3. [`EntryData`] at [`KernelEntry::DATA_LOCATION`] is set up: the entry loads rsp0 from there.
pub unsafe fn enable_fast_calls<K: KernelEntry>() {
    // SAFETY: the caller promises all of it, and the address is that of an entry for `syscall`.
    unsafe { set_entry::<K>(syscall_entry::<K> as *const () as u64) };
}

/// Leads `syscall` to an entry.
///
/// # Safety
///
/// 1. All that [`enable_fast_calls`] requires.
/// 2. `entry` is the address of an entry for `syscall`.
pub(super) unsafe fn set_entry<K: KernelEntry>(entry: u64) {
    crate::required::assert_order_of_segments::<K>();
    crate::required::assert_paranoid_gates::<K>();
    note_fast_calls();
    use x86::msr::{IA32_CSTAR, IA32_EFER, IA32_FMASK, IA32_LSTAR, IA32_STAR, rdmsr, wrmsr};
    const SYSTEM_CALL_ENABLE: u64 = 1;
    let selectors = K::SELECTORS;
    let star = (selectors.kernel_code as u64) << 32 | (selectors.star_user_base() as u64) << 48;
    // SAFETY: the caller promises ring 0 and the MSR; its value names the loaded segments.
    unsafe { wrmsr(IA32_STAR, star) };
    // SAFETY: as above; the caller promises that the address is that of an entry.
    unsafe { wrmsr(IA32_LSTAR, entry) };
    // SAFETY: as above; the register holds 0 at reset, where ring 3 may have mapped its own code.
    unsafe { wrmsr(IA32_CSTAR, compatibility_entry as *const () as u64) };
    // SAFETY: as above.
    unsafe { wrmsr(IA32_FMASK, SYSCALL_FLAG_MASK) };
    // SAFETY: the caller promises ring 0, and a CPU with `syscall` has EFER.
    let efer = unsafe { rdmsr(IA32_EFER) };
    // SAFETY: as above; the other bits keep their values.
    unsafe { wrmsr(IA32_EFER, efer | SYSTEM_CALL_ENABLE) };
}
