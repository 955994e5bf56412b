//! The fast path of system calls by `syscall`: the message stays in registers on both ways.
use core::arch::naked_asm;
use core::mem::{offset_of, size_of};

use super::RSP0;
use super::exit::NEEDS_IRET;
use super::fast_call::set_entry;
use crate::entry_data::{ENTRY_DATA, EntryData};
use crate::kernel_entry::{CallerStackPointer, MessageCalls, TrapStack, swaps_gs};
use crate::vector::FAST_CALL;
use crate::x86_64::TrapFrame;

/// A field's offset below the frame's end, which TSS.rsp0 holds.
macro_rules! below_end {
    ($field:ident) => {
        size_of::<TrapFrame>() - offset_of!(TrapFrame, $field)
    };
}

/// Saves the registers that a call preserves, and calls [`MessageCalls::message_call`]. IA32_LSTAR holds its address.
///
/// The frame's code and stack segments stay those with which it was resumed last: ring 3 has no others. The fields of
/// the message registers, rax, rcx, r10, r11 and the error code are stale. `syscall` leaves the CPU as
/// [`syscall_entry`](super::fast_call::syscall_entry) says.
#[unsafe(naked)]
unsafe extern "C" fn message_entry<K: MessageCalls>() {
    naked_asm!(
        with_entry_data!("mov rsp,", "rsp0", ""),
        "mov [rsp - {rsp}], r10",
        "mov [rsp - {rflags}], r11",
        "mov [rsp - {rip}], rcx",
        "mov dword ptr [rsp - {vector}], {fast_call}",
        "mov [rsp - {rbx}], rbx",
        "mov [rsp - {rbp}], rbp",
        "mov [rsp - {r12}], r12",
        "mov [rsp - {r13}], r13",
        "mov [rsp - {r14}], r14",
        "mov [rsp - {r15}], r15",
        with_entry_data!("mov rsp,", "stack_top", ""),
        "call {call}",
        location = const K::DATA_LOCATION.kind(),
        fixed = const K::DATA_LOCATION.address(),
        entry_data = sym ENTRY_DATA,
        rsp0 = const RSP0,
        stack_top = const offset_of!(EntryData, stack_top),
        rsp = const below_end!(rsp),
        rflags = const below_end!(rflags),
        rip = const below_end!(rip),
        vector = const below_end!(vector),
        rbx = const below_end!(rbx),
        rbp = const below_end!(rbp),
        r12 = const below_end!(r12),
        r13 = const below_end!(r13),
        r14 = const below_end!(r14),
        r15 = const below_end!(r15),
        fast_call = const FAST_CALL,
        call = sym K::message_call,
    )
}

/// Resumes the current frame with a message in edi, rsi, rdx, r8 and r9, and 0 in rax (SDM 2B, SYSRET). The frame
/// needn't hold them.
///
/// `end` is the frame's end, which TSS.rsp0 holds.
///
/// # Safety
///
/// 1. All that [`resume`](crate::resume) requires.
/// 2. The frame is the one that [`EntryData::set_current_frame`] set last.
#[inline(always)]
pub unsafe fn resume_with_message<K: MessageCalls>(end: *const TrapFrame, edi: u32, words: [usize; 4]) -> ! {
    let [rsi, rdx, r8, r9] = words;
    // SAFETY: the caller promises that the frame is current and valid to resume.
    unsafe { leave_with::<K>(edi as usize, rsi, rdx, end, r8, r9) }
}

/// Takes the message in C's argument registers. The fourth of these, rcx, holds the frame's end.
///
/// The registers are loaded from the frame, not popped: rsp points to the kernel's stack until it is the caller's.
#[unsafe(naked)]
unsafe extern "C" fn leave_with<K: MessageCalls>(
    rdi: usize,
    rsi: usize,
    rdx: usize,
    end: *const TrapFrame,
    r8: usize,
    r9: usize,
) -> ! {
    naked_stub!(K:
        "mov r11, [rcx - {rflags}]",
        "cmp dword ptr [rcx - {vector}], {fast_call}",
        "jne 2f",
        "test r11d, {needs_iret}",
        "jnz 2f",
        "mov rbx, [rcx - {rbx}]",
        "mov rbp, [rcx - {rbp}]",
        "mov r12, [rcx - {r12}]",
        "mov r13, [rcx - {r13}]",
        "mov r14, [rcx - {r14}]",
        "mov r15, [rcx - {r15}]",
        "mov rsp, [rcx - {rsp}]",
        "mov rcx, [rcx - {rip}]",
        "mov r10, rsp",
        "xor eax, eax",
        "sysretq",
        "2:",
        "mov [rcx - {rdi}], rdi",
        "mov [rcx - {rsi}], rsi",
        "mov [rcx - {rdx}], rdx",
        "mov [rcx - {r8}], r8",
        "mov [rcx - {r9}], r9",
        "mov qword ptr [rcx - {rax}], 0",
        "lea rdi, [rcx - {frame}]",
        jump_to_resume!(),
        rflags = const below_end!(rflags),
        rip = const below_end!(rip),
        vector = const below_end!(vector),
        rsp = const below_end!(rsp),
        rbx = const below_end!(rbx),
        rbp = const below_end!(rbp),
        r12 = const below_end!(r12),
        r13 = const below_end!(r13),
        r14 = const below_end!(r14),
        r15 = const below_end!(r15),
        rdi = const below_end!(rdi),
        rsi = const below_end!(rsi),
        rdx = const below_end!(rdx),
        r8 = const below_end!(r8),
        r9 = const below_end!(r9),
        rax = const below_end!(rax),
        frame = const size_of::<TrapFrame>(),
        needs_iret = const NEEDS_IRET,
        fast_call = const FAST_CALL,
    )
}

/// Leads `syscall` to [`MessageCalls::message_call`] on this CPU (SDM 2B, SYSCALL).
///
/// # Safety
///
/// All that [`enable_fast_calls`](crate::enable_fast_calls) requires.
pub unsafe fn enable_message_calls<K: MessageCalls>() {
    const {
        assert!(matches!(K::TRAP_STACK, TrapStack::PerCpu), "the entry stores below TSS.rsp0, into the current frame");
        assert!(
            matches!(K::CALLER_STACK_POINTER, CallerStackPointer::InR10),
            "a message leaves no other register free"
        );
        assert!(swaps_gs::<K>() == 0, "a message call doesn't swap the GS base: UserGs::Kept");
    }
    // SAFETY: the caller promises all of it, and the address is that of an entry for `syscall`.
    unsafe { set_entry::<K>(message_entry::<K> as *const () as u64) };
}
