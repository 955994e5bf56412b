//! The slow path in: stubs for interrupts and exceptions that save a whole frame.
use core::arch::naked_asm;
use core::mem::{offset_of, size_of};

use super::exit::POPS;
use super::{RESUME_BYTES, RSP0, keeping};
use crate::entry_data::{ENTRY_DATA, EntryData};
use crate::fixup;
use crate::kernel_entry::{Entries, EntryDataLocation, KernelEntry, TrapStack, keeps_state};
use crate::stub::check::CHECKS;
use crate::target::{Target, is_direct};
use crate::vector::pushes_error_code;
use crate::x86_64::TrapFrame;

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

/// `iretq`, as a word.
const IRETQ: u16 = u16::from_le_bytes([0x48, 0xCF]);

/// Swaps GS if the interrupted instruction is the `iretq` of a return to ring 3, where ring 3's base is loaded already.
/// The kernel must not follow that base. Spoils rcx and rsi.
///
/// The stub runs this twice, and reads the CPU's data in between. [`fixup`] does the lasting swap, once it has the
/// whole frame.
macro_rules! swapgs_if_return_faulted {
    () => {
        concat!(
            "mov rcx, [rsp + {rip}]\n",
            with_resume!("lea rsi, [rip +", "]"),
            "\n sub rsi, rcx\n neg rsi\n cmp rsi, {resume_bytes}\n \
             jae 5f\n cmp word ptr [rcx], {iretq}\n jne 5f\n mov rcx, [rsp + {rsp}]\n \
             test byte ptr [rcx + {cs} - {rip}], 3\n jz 5f\n swapgs\n 5: lfence"
        )
    };
}

/// Saves the registers of the interrupted code, and calls the target where that keeps the frame: the frame lies at the
/// stack pointer before and after the call. Any other target is [`saved`]'s, and so is a fault of ring 0 that may be
/// one of the way out.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn common<K: KernelEntry, T: Target, S: Entries>() {
    naked_stub!(K:
        push_registers!(),
        ".if {is_direct}",
        ".if {swaps_gs} | {may_be_exit_fault}",
        "test byte ptr [rsp + {cs}], 3",
        "jz 4f",
        ".endif",
        ".if {swaps_gs}",
        "swapgs",
        "2: lfence",
        ".endif",
        "cld",
        ".if {clears_ac}",
        "clac",
        ".endif",
        "mov rdi, rsp",
        "xor ebp, ebp",
        "call {handle}",
        ".if {checks}",
        "mov rdi, rsp",
        jump_to_resume!(),
        ".else",
        with_resume!("jmp", " + {pops}"),
        ".endif",
        ".endif",
        ".if {swaps_gs} & {is_direct} & ({may_be_exit_fault} == 0)",
        "4: jmp 2b",
        ".else",
        "4: jmp {saved}",
        ".endif",
        is_direct = const is_direct::<K, T>(),
        may_be_exit_fault = const T::MAY_BE_EXIT_FAULT as usize,
        cs = const offset_of!(TrapFrame, cs),
        clears_ac = const S::CLEARS_AC,
        handle = sym T::handle,
        checks = const CHECKS,
        pops = const POPS,
        saved = sym saved::<K, T, S>,
    )
}

/// Moves to the stack for Rust, calls the target, and resumes the frame that it returns. The registers are saved
/// already.
///
/// `lfence` follows on both branches at `swapgs`: the CPU must not run either branch speculatively with the GS base of
/// the other (CVE-2019-1125).
#[unsafe(naked)]
pub(super) unsafe extern "C" fn saved<K: KernelEntry, T: Target, S: Entries>() {
    naked_stub!(K:
        "cld",
        ".if {clears_ac}",
        "clac",
        ".endif",
        "mov rdi, rsp",
        "xor ebp, ebp",
        "test byte ptr [rsp + {cs}], 3",
        "jz 2f",
        ".if {swaps_gs}",
        "swapgs",
        "lfence",
        ".endif",
        ".if {per_cpu}",
        with_entry_data!("mov rsp,", "stack_top", ""),
        ".endif",
        call_rust!("target"),
        "mov rdi, rax",
        jump_to_resume!(),
        // From ring 0. A frame that was saved in the current frame (an idle context) or right below it (a faulting
        // return) leaves no room for Rust. The kernel stack is empty then.
        "2:",
        ".if {swaps_gs}",
        "lfence",
        ".endif",
        ".if {per_cpu}",
        ".if {finds_by_gs}",
        swapgs_if_return_faulted!(),
        ".endif",
        with_entry_data!("mov rax,", "rsp0", ""),
        with_entry_data!("mov rdx,", "stack_top", ""),
        ".if {finds_by_gs}",
        swapgs_if_return_faulted!(),
        ".endif",
        "sub rax, rsp",
        "cmp rax, {frame_and_room}",
        "ja 3f",
        "mov rsp, rdx",
        "3:",
        ".endif",
        call_rust!("from_ring_0"),
        "mov rdi, rax",
        jump_to_resume!(),
        clears_ac = const S::CLEARS_AC,
        cs = const offset_of!(TrapFrame, cs),
        per_cpu = const matches!(K::TRAP_STACK, TrapStack::PerCpu) as usize,
        finds_by_gs = const matches!(K::DATA_LOCATION, EntryDataLocation::GsBase) as usize,
        rip = const offset_of!(TrapFrame, rip),
        rsp = const offset_of!(TrapFrame, rsp),
        iretq = const IRETQ,
        resume_bytes = const RESUME_BYTES,
        location = const K::DATA_LOCATION.kind(),
        fixed = const K::DATA_LOCATION.address(),
        entry_data = sym ENTRY_DATA,
        stack_top = const offset_of!(EntryData, stack_top),
        rsp0 = const RSP0,
        frame_and_room = const size_of::<TrapFrame>() + TrapFrame::BYTES_BELOW,
        keeps_state = const keeps_state::<K>(),
        target = sym T::enter,
        target_keeping = sym keeping::<T>,
        from_ring_0 = sym fixup::from_ring_0::<K, T>,
        from_ring_0_keeping = sym keeping::<fixup::FromRing0<K, T>>,
    )
}
