//! The slow path in: stubs for interrupts and exceptions that save a whole frame.
use core::arch::naked_asm;
use core::mem::{offset_of, size_of};

use super::{CLEAN_FLAGS, ESP0, keeping, location, resume};
use crate::entry_data::{ENTRY_DATA, EntryData};
use crate::fixup;
use crate::i686::TrapFrame;
use crate::kernel_entry::{KernelEntry, Smap, Target, TrapStack, keeps_state};
use crate::vector::pushes_error_code;

/// A gate's stub: makes the frame's upper part complete.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn stub<K: KernelEntry, T: Target, S: Smap, const VECTOR: usize>() {
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

/// Saves the registers of the interrupted code.
#[unsafe(naked)]
unsafe extern "C" fn common<K: KernelEntry, T: Target, S: Smap>() {
    naked_asm!(push_registers!(), "jmp {saved}", saved = sym saved::<K, T, S>)
}

/// Moves to the stack for Rust, calls the target, and resumes the frame that it returns. The registers are saved
/// already.
///
/// The CPU doesn't align the stack pointer when it interrupts ring 0, so the stub does. [`EntryData::set_kernel_stack`]
/// stores a stack's top with room for an argument above it.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn saved<K: KernelEntry, T: Target, S: Smap>() {
    naked_asm!(
        load_segments!(),
        clean_flags!(),
        "mov ecx, esp",
        "xor ebp, ebp",
        "test byte ptr [esp + {cs}], 3",
        "jz 2f",
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
        // From ring 0. A frame that was saved in the current frame (an idle context) or right below it (a faulting
        // return) leaves no room for Rust. The kernel stack is empty then.
        "2:",
        ".if {per_cpu}",
        with_entry_data!("mov eax,", "esp0", ""),
        "sub eax, esp",
        "cmp eax, {frame_and_room}",
        "ja 3f",
        with_entry_data!("mov esp,", "stack_top", ""),
        "jmp 4f",
        "3:",
        ".endif",
        "and esp, {alignment}",
        "sub esp, {argument}",
        "4:",
        "mov [esp], ecx",
        call_rust!("from_ring_0"),
        "push eax",
        "call {resume}",
        data = const K::SELECTORS.user_data,
        clean_flags = const CLEAN_FLAGS,
        cs = const offset_of!(TrapFrame, cs),
        per_cpu = const matches!(K::TRAP_STACK, TrapStack::PerCpu) as usize,
        location = const location::<K>(),
        fixed = const K::DATA_LOCATION.address(),
        entry_data = sym ENTRY_DATA,
        stack_top = const offset_of!(EntryData, stack_top),
        esp0 = const ESP0,
        frame_and_room = const size_of::<TrapFrame>() + TrapFrame::BYTES_BELOW,
        alignment = const -16,
        argument = const 16,
        keeps_state = const keeps_state::<K>(),
        target = sym T::enter,
        target_keeping = sym keeping::<T>,
        from_ring_0 = sym fixup::from_ring_0::<K, T>,
        from_ring_0_keeping = sym keeping::<fixup::FromRing0<K, T>>,
        resume = sym resume::<K>,
    )
}
