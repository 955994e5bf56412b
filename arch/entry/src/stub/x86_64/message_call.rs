//! `syscall` for kernels whose calls pass a message in registers: in and out without touching memory.
use core::arch::naked_asm;
use core::mem::{offset_of, size_of};

use super::RSP0;
use super::exit::{NEEDS_IRET, resume};
use super::fast_call::set_entry;
use crate::entry_data::{ENTRY_DATA, EntryData};
use crate::kernel_entry::{CallerStackPointer, MessageCalls, TrapStack, UserGs};
use crate::vector::FAST_CALL;
use crate::x86_64::TrapFrame;

/// Where a field lies below the frame's end, which is where TSS.rsp0 points.
macro_rules! below_end {
    ($field:ident) => {
        size_of::<TrapFrame>() - offset_of!(TrapFrame, $field)
    };
}

/// Where IA32_LSTAR points: saves what a call preserves, and leaves the message where it is.
///
/// The frame's code and stack segments are those that it was resumed with last: ring 3 has no others. The message
/// registers, rax, rcx, r10, r11 and the error code hold something older. In other respects this is `syscall_entry`.
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

/// Resumes a frame with a message in edi, rsi, rdx, r8 and r9, which the frame needn't hold; rax is 0.
///
/// `end` is the frame's end, what TSS.rsp0 holds.
///
/// # Safety
///
/// As for [`resume`], of the frame that [`EntryData::set_current_frame`] was told last.
#[inline(always)]
pub unsafe fn resume_with_message<K: MessageCalls>(end: *const TrapFrame, edi: u32, words: [usize; 4]) -> ! {
    let [rsi, rdx, r8, r9] = words;
    // SAFETY: the caller's promise.
    unsafe { leave_with::<K>(edi as usize, rsi, rdx, end, r8, r9) }
}

/// The message is where C has its arguments; the fourth is no part of it.
///
/// The registers are loaded from where they lie, not popped: rsp stays in the kernel's stack until it is the caller's.
#[unsafe(naked)]
unsafe extern "C" fn leave_with<K: MessageCalls>(
    rdi: usize,
    rsi: usize,
    rdx: usize,
    end: *const TrapFrame,
    r8: usize,
    r9: usize,
) -> ! {
    naked_asm!(
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
        "jmp {resume}",
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
        resume = sym resume::<K>,
    )
}

/// Makes `syscall` lead to [`MessageCalls::message_call`] on this CPU.
///
/// # Safety
///
/// Ring 0, on a CPU that has `syscall` (CPUID 8000_0001h EDX bit 11), with `K`'s selectors loaded.
pub unsafe fn enable_message_calls<K: MessageCalls>() {
    const {
        assert!(matches!(K::TRAP_STACK, TrapStack::PerCpu), "the entry stores below TSS.rsp0, into the current frame");
        assert!(
            matches!(K::CALLER_STACK_POINTER, CallerStackPointer::InR10),
            "a message leaves no other register free"
        );
        assert!(matches!(K::USER_GS, UserGs::Kept), "neither entry nor exit swaps it");
    }
    // SAFETY: the caller's promise.
    unsafe { set_entry::<K>(message_entry::<K> as *const () as u64) };
}
