//! The way in of NMI, #DB, #MC and #DF, which may interrupt any instruction of ring 0.
use core::arch::naked_asm;
use core::mem::{offset_of, size_of};

use super::{RSP0, keeping};
use crate::entry_data::{ENTRY_DATA, EntryData};
use crate::kernel_entry::{Entries, KernelEntry, TrapStack, keeps_state};
use crate::stub::PUSH_IMMEDIATE;
use crate::stub::check::CHECKS;
use crate::target::{Paranoid, Target, Trap};
use crate::vector::{DOUBLE_FAULT, pushes_error_code};
use crate::x86_64::TrapFrame;

/// A paranoid gate's stub: makes the frame's upper part complete.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn paranoid_stub<K: KernelEntry, S: Entries, const VECTOR: usize>() {
    naked_asm!(
        push_as_paranoid!(),
        "jmp {common}",
        push_word = const PUSH_IMMEDIATE,
        error_code = const pushes_error_code(VECTOR) as usize,
        vector = const VECTOR,
        common = sym paranoid_common::<K, S, VECTOR>,
    )
}

/// Saves the registers, and calls [`KernelEntry::trap`] or [`KernelEntry::paranoid_trap`].
///
/// From ring 3, the stub copies the frame to the current frame, where an ordinary trap would have been saved, and goes
/// on as one. It first runs `iretq` to its next instruction: this unblocks NMIs (SDM 3A 6.7.1), which the way out by
/// `sysretq` wouldn't do. A further NMI then interrupts ring 0.
///
/// From ring 0, the interrupted instruction may be one of an entry or exit. The stub changes no memory but this stack.
/// The saved code segment doesn't tell whose GS base is loaded, because around `swapgs` it is the other one. So the
/// stub saves the base, loads the kernel's from the stack's top ([`EntryData::set_interrupt_gs_base`]), and restores
/// the saved one afterwards. A #DF always takes this branch.
#[unsafe(naked)]
unsafe extern "C" fn paranoid_common<K: KernelEntry, S: Entries, const VECTOR: usize>() {
    naked_stub!(K:
        push_registers!(),
        "cld",
        ".if {clears_ac}",
        "clac",
        ".endif",
        "xor ebp, ebp",
        ".if {returns}",
        "test byte ptr [rsp + {cs}], 3",
        "jz 3f",
        ".if {swaps_gs}",
        "swapgs",
        "lfence",
        ".endif",
        with_entry_data!("mov rdi,", "rsp0", ""),
        "sub rdi, {frame}",
        "mov rdx, rdi",
        "mov rsi, rsp",
        "mov ecx, {frame_words}",
        "rep movsq",
        "mov rsp, rdx",
        ".if {per_cpu}",
        with_entry_data!("mov rsp,", "stack_top", ""),
        ".endif",
        "mov rax, rsp",
        "push {kernel_data}",
        "push rax",
        "pushfq",
        "push {kernel_code}",
        "lea rax, [rip + 2f]",
        "push rax",
        "iretq",
        "2:",
        "mov rdi, rdx",
        call_rust!("trap"),
        "mov rdi, rax",
        jump_to_resume!(),
        ".endif",
        "3:",
        "mov r12, rsp",
        ".if {swaps_gs}",
        "mov ecx, {gs_base}",
        "rdmsr",
        "mov ebx, eax",
        "mov r13d, edx",
        "mov eax, [rsp + {frame}]",
        "mov edx, [rsp + {frame} + {half}]",
        "wrmsr",
        "lfence",
        ".endif",
        "mov rdi, rsp",
        ".if {checks} & ({keeps_state} == 0)",
        "call {checked}",
        ".else",
        call_rust!("paranoid"),
        ".endif",
        ".if {swaps_gs}",
        "mov ecx, {gs_base}",
        "mov eax, ebx",
        "mov edx, r13d",
        "wrmsr",
        ".endif",
        "mov rdi, r12",
        jump_to_resume!(),
        clears_ac = const S::CLEARS_AC,
        returns = const (VECTOR != DOUBLE_FAULT.number()) as usize,
        cs = const offset_of!(TrapFrame, cs),
        per_cpu = const matches!(K::TRAP_STACK, TrapStack::PerCpu) as usize,
        location = const K::DATA_LOCATION.kind(),
        fixed = const K::DATA_LOCATION.address(),
        entry_data = sym ENTRY_DATA,
        rsp0 = const RSP0,
        stack_top = const offset_of!(EntryData, stack_top),
        frame = const size_of::<TrapFrame>(),
        frame_words = const size_of::<TrapFrame>() / size_of::<u64>(),
        kernel_data = const K::SELECTORS.kernel_data,
        kernel_code = const K::SELECTORS.kernel_code,
        keeps_state = const keeps_state::<K>(),
        trap = sym K::trap,
        trap_keeping = sym keeping::<Trap<K>>,
        gs_base = const x86::msr::IA32_GS_BASE,
        half = const size_of::<u32>(),
        checks = const CHECKS,
        checked = sym Paranoid::<K>::enter,
        paranoid = sym K::paranoid_trap,
        paranoid_keeping = sym keeping::<Paranoid<K>>,
    )
}
