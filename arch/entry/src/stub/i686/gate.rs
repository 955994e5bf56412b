//! The slow path in: stubs for interrupts and exceptions that save a whole frame.
use core::arch::naked_asm;
use core::mem::{offset_of, size_of};

use super::exit::{POPS, TO_RING_0, TO_RING_0_IN_PLACE};
use super::{CLEAN_FLAGS, ESP0, keeping, location, resume_frame};
use crate::entry_data::{ENTRY_DATA, EntryData};
use crate::fixup;
use crate::i686::TrapFrame;
use crate::kernel_entry::{Entries, KernelEntry, TrapStack, keeps_state};
use crate::stub::check::CHECKS;
use crate::target::{Target, is_direct};
use crate::vector::pushes_error_code;

/// A gate's stub: makes the frame's upper part complete.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn stub<K: KernelEntry, T: Target, S: Entries, const VECTOR: usize>() {
    naked_asm!(
        ".if {error_code} == 0",
        "push 0",
        ".endif",
        "push {vector}",
        "jmp {common}",
        error_code = const pushes_error_code(VECTOR) as usize,
        vector = const VECTOR,
        common = sym common::<K, T, S>,
    )
}

/// Saves the registers of the interrupted code, moves to the stack for Rust, calls the target, and resumes the frame
/// that it returns.
///
/// The CPU doesn't align the stack pointer, so the stub does. [`EntryData::set_cpu_stack`] stores a stack's top with
/// room for an argument above it.
///
/// From ring 0 the CPU pushes neither ss nor esp. On a thread's own stack the stub pushes the whole frame anew, below
/// the words of the CPU.
///
/// A target that keeps the frame is called on the interrupted stack. Meanwhile ebx keeps the frame's address, and in
/// ring 0 the interrupted stack pointer, which tells whether the target has changed that. A fault of ring 0 that may be
/// one of the way out goes to [`saved_in_ring_0`].
///
/// A target that doesn't look at the frame is called in the same way from both rings, and the words of the CPU stay
/// where they are.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn common<K: KernelEntry, T: Target, S: Entries>() {
    naked_asm!(
        ".if {per_cpu}",
        push_registers!(),
        "test byte ptr [esp + {cs}], 3",
        "jz {saved_in_ring_0}",
        ".elseif {in_place}",
        push_registers!(),
        ".else",
        "test byte ptr [esp + {cs} - {vector}], 3",
        "jnz 2f",
        "push {kernel_data}",
        "push esp",
        "add dword ptr [esp], {to_interrupted}",
        ".rept {words}",
        "push dword ptr [esp + {to_flags}]",
        ".endr",
        ".if ({is_direct} == 0) | {may_be_exit_fault}",
        push_registers!(),
        "jmp {saved_in_ring_0}",
        ".else",
        push_registers!(),
        // The frame's esp and ss are ring 0's, and ss is flat: each instruction loads both.
        "lds ebx, [esp + {esp}]",
        "les edi, [esp + {esp}]",
        clean_flags!(),
        "mov ecx, esp",
        "and esp, {alignment}",
        "call {handle}",
        "lea esp, [ebx - {to_stack}]",
        ".if {checks}",
        "mov eax, esp",
        "push eax",
        "call {resume}",
        ".else",
        "test byte ptr [esp + {cs}], 3",
        "jnz {resume} + {pops}",
        "cmp [esp + {esp}], ebx",
        "je {resume} + {to_ring_0_in_place}",
        "jmp {resume} + {to_ring_0}",
        ".endif",
        ".endif",
        "2:",
        push_registers!(),
        ".endif",
        ".if {is_direct}",
        load_segments!(),
        clean_flags!(),
        "mov ebx, esp",
        "mov ecx, esp",
        "xor ebp, ebp",
        "and esp, {alignment}",
        "call {handle}",
        ".if {checks}",
        "push ebx",
        "call {resume}",
        ".elseif {in_place}",
        "mov esp, ebx",
        "jmp {resume} + {pops}",
        ".else",
        "mov esp, ebx",
        "test byte ptr [esp + {cs}], 3",
        "jnz {resume} + {pops}",
        "jmp {resume} + {to_ring_0}",
        ".endif",
        ".endif",
        load_segments!(),
        clean_flags!(),
        "mov ecx, esp",
        "xor ebp, ebp",
        ".if {per_cpu}",
        with_entry_data!("mov esp,", "stack_top", ""),
        ".else",
        "and esp, {alignment}",
        "sub esp, {argument}",
        ".endif",
        "mov [esp], ecx",
        call_rust!("target"),
        "push eax",
        "call {resume}",
        data = const K::SELECTORS.user_data,
        clean_flags = const CLEAN_FLAGS,
        cs = const offset_of!(TrapFrame, cs),
        vector = const offset_of!(TrapFrame, vector),
        kernel_data = const K::SELECTORS.kernel_data,
        // From the pushed ss to above the words of CPU and stub, where the interrupted stack pointer pointed.
        to_interrupted = const PUSHED_BELOW_STACK + size_of::<u32>(),
        words = const PUSHED_BELOW_STACK / size_of::<u32>(),
        // The pushed esp and ss lie below the word that is pushed anew, and the words between them.
        to_flags = const PUSHED_BELOW_STACK + size_of::<u32>(),
        is_direct = const is_direct::<K, T>(),
        in_place = const (is_direct::<K, T>() == 1 && !T::SEES_FRAME && CHECKS == 0) as usize,
        may_be_exit_fault = const T::MAY_BE_EXIT_FAULT as usize,
        handle = sym T::handle,
        checks = const CHECKS,
        pops = const POPS,
        to_ring_0 = const TO_RING_0,
        to_ring_0_in_place = const TO_RING_0_IN_PLACE,
        esp = const offset_of!(TrapFrame, esp),
        to_stack = const size_of::<TrapFrame>() + PUSHED_BELOW_STACK,
        saved_in_ring_0 = sym saved_in_ring_0::<K, T, S>,
        per_cpu = const matches!(K::TRAP_STACK, TrapStack::PerCpu) as usize,
        location = const location::<K>(),
        fixed = const K::DATA_LOCATION.address(),
        entry_data = sym ENTRY_DATA,
        stack_top = const offset_of!(EntryData, stack_top),
        alignment = const -16,
        argument = const 16,
        keeps_state = const keeps_state::<K>(),
        target = sym T::enter,
        target_keeping = sym keeping::<T>,
        resume = sym resume_frame,
    )
}

/// The words that CPU and stub push below esp and ss: flags, cs, eip, error code and vector.
pub(super) const PUSHED_BELOW_STACK: usize = offset_of!(TrapFrame, esp) - offset_of!(TrapFrame, vector);

/// Goes on as [`common`] does, for a trap of ring 0 whose registers are saved already.
///
/// With [`TrapStack::PerCpu`], the saved words may lie in the current frame (an idle context): then the kernel has
/// written esp and ss. Otherwise the stub moves the words down, and writes esp and ss above them. The CPU's words stay
/// above the frame: there [`resume`](super::resume) writes them again. Words in the current frame or right below it (a
/// faulting return) leave no room for Rust. The kernel stack is empty then.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn saved_in_ring_0<K: KernelEntry, T: Target, S: Entries>() {
    naked_asm!(
        load_segments!(),
        clean_flags!(),
        "mov ecx, esp",
        "xor ebp, ebp",
        ".if {per_cpu}",
        with_entry_data!("mov eax,", "esp0", ""),
        "sub eax, esp",
        "cmp eax, {frame}",
        "jne 3f",
        "2:",
        with_entry_data!("mov esp,", "stack_top", ""),
        "jmp 5f",
        "3:",
        "mov esi, esp",
        "lea esp, [esp - {moved}]",
        "mov edi, esp",
        "mov ecx, {words}",
        "rep movsd",
        "mov [edi], esi",
        "mov dword ptr [edi + {word}], {kernel_data}",
        "mov ecx, esp",
        "cmp eax, {frame_and_room}",
        "jbe 2b",
        ".endif",
        "and esp, {alignment}",
        "sub esp, {argument}",
        "5:",
        "mov [esp], ecx",
        call_rust!("from_ring_0"),
        "push eax",
        "call {resume}",
        data = const K::SELECTORS.user_data,
        kernel_data = const K::SELECTORS.kernel_data,
        clean_flags = const CLEAN_FLAGS,
        per_cpu = const matches!(K::TRAP_STACK, TrapStack::PerCpu) as usize,
        location = const location::<K>(),
        fixed = const K::DATA_LOCATION.address(),
        entry_data = sym ENTRY_DATA,
        stack_top = const offset_of!(EntryData, stack_top),
        esp0 = const ESP0,
        frame = const size_of::<TrapFrame>(),
        frame_and_room = const size_of::<TrapFrame>() + TrapFrame::BYTES_BELOW,
        moved = const TrapFrame::MOVED_BYTES,
        words = const offset_of!(TrapFrame, esp) / size_of::<u32>(),
        word = const size_of::<u32>(),
        alignment = const -16,
        argument = const 16,
        keeps_state = const keeps_state::<K>(),
        from_ring_0 = sym fixup::from_ring_0::<K, T>,
        from_ring_0_keeping = sym keeping::<fixup::FromRing0<K, T>>,
        resume = sym resume_frame,
    )
}
