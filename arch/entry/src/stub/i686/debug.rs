//! The way in of #DB, which may interrupt ring 0 on a stack of a few words.
use core::arch::naked_asm;
use core::mem::offset_of;
use core::ptr::NonNull;

use super::exit::POPS;
use super::fast_call::{self, sysenter_entry};
use super::{CALLER_FLAGS, CLEAN_FLAGS, TRAP_FLAG, keeping, location, resume_frame};
use crate::entry_data::{ENTRY_DATA, EntryData};
use crate::i686::TrapFrame;
use crate::kernel_entry::{KernelEntry, Smap, Target, Trap, TrapStack, keeps_state};
use crate::vector::DEBUG;

/// #DB's stub. The CPU pushes no error code.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn debug_stub<K: KernelEntry, S: Smap>() {
    naked_asm!(
        "push 0",
        "push {vector}",
        "jmp {common}",
        vector = const DEBUG.number(),
        common = sym debug_common::<K, S>,
    )
}

/// Saves the registers, and calls [`KernelEntry::trap`] from ring 3 or [`debug_in_ring_0`] from ring 0, on the debug
/// stack.
///
/// The interrupted stack of ring 0 may have room for this frame alone, in two cases: TF was set at `sysenter`, or a
/// data breakpoint lies on the word that `mov ss` reads before `int` or `sysenter` (CVE-2018-8897). The room is below
/// the TSS, or below the frame that the interrupted entry saves.
#[unsafe(naked)]
unsafe extern "C" fn debug_common<K: KernelEntry, S: Smap>() {
    naked_asm!(
        push_registers!(),
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
        call_rust!("trap"),
        "push eax",
        "call {resume}",
        "2:",
        with_entry_data!("mov esp,", "debug_stack", ""),
        "mov ebx, ecx",
        "mov [esp], ecx",
        call_rust!("in_ring_0"),
        "mov esp, ebx",
        "jmp {resume} + {pops}",
        data = const K::SELECTORS.user_data,
        clean_flags = const CLEAN_FLAGS,
        cs = const offset_of!(TrapFrame, cs),
        per_cpu = const matches!(K::TRAP_STACK, TrapStack::PerCpu) as usize,
        location = const location::<K>(),
        fixed = const K::DATA_LOCATION.address(),
        entry_data = sym ENTRY_DATA,
        stack_top = const offset_of!(EntryData, stack_top),
        debug_stack = const offset_of!(EntryData, debug_stack),
        alignment = const -16,
        argument = const 16,
        keeps_state = const keeps_state::<K>(),
        trap = sym K::trap,
        trap_keeping = sym keeping::<Trap<K>>,
        in_ring_0 = sym InRing0::<K>::enter,
        in_ring_0_keeping = sym keeping::<InRing0<K>>,
        resume = sym resume_frame,
        pops = const POPS,
    )
}

/// Leads to [`debug_in_ring_0`] with a whole frame. The words on the interrupted stack are those below `esp` alone, and
/// take the changes back.
struct InRing0<K>(K);

impl<K: KernelEntry> Target for InRing0<K> {
    extern "C" fn enter(saved: NonNull<TrapFrame>) -> NonNull<TrapFrame> {
        const BYTES: usize = offset_of!(TrapFrame, esp);
        let mut frame = TrapFrame::new();
        let (on_stack, copy) = (saved.cast::<u8>(), NonNull::from(&mut frame).cast::<u8>());
        // SAFETY: the stub passes the words that it just saved, and nothing else refers to them.
        unsafe { on_stack.copy_to_nonoverlapping(copy, BYTES) };
        frame.esp = on_stack.as_ptr() as u32 + BYTES as u32;
        frame.ss = K::SELECTORS.kernel_data.into();
        debug_in_ring_0::<K>(&mut frame);
        let copy = NonNull::from(&mut frame).cast::<u8>();
        // SAFETY: as above; the frame was made here.
        unsafe { on_stack.copy_from_nonoverlapping(copy, BYTES) };
        saved
    }
}

/// Takes a #DB of ring 0: passes it to [`KernelEntry::paranoid_trap`], unless it is a single step into `sysenter`.
///
/// `sysenter` leaves TF set, so the trap comes before the entry's first instruction. As on x86_64, the step is put off
/// until the call has returned: the caller's flags get TF, and the frame goes back by `iretd`. A breakpoint on the word
/// that `mov ss` read comes at the same instruction, with or without the step.
fn debug_in_ring_0<K: KernelEntry>(frame: &mut TrapFrame) {
    if !fast_call::is_entry(frame.instruction_pointer()) || frame.eflags & TRAP_FLAG == 0 {
        return K::paranoid_trap(frame);
    }
    frame.eflags &= !TRAP_FLAG;
    frame.eip = sysenter_entry::<K, { CALLER_FLAGS | TRAP_FLAG }> as *const () as u32;
    let status: u32;
    // SAFETY: the CPU is in ring 0; reading the register changes nothing.
    unsafe { core::arch::asm!("mov {}, dr6", out(reg) status, options(nostack, nomem, preserves_flags)) };
    if status & BREAKPOINTS != 0 {
        return K::paranoid_trap(frame);
    }
    // SAFETY: the CPU is in ring 0. It never clears the register's bits (SDM 3B 17.2.3), and the step that set one is
    // taken.
    unsafe { core::arch::asm!("mov dr6, {}", in(reg) DEBUG_STATUS_AT_RESET, options(nostack, nomem)) };
}

/// The four breakpoints' bits of DR6 (SDM 3B 17.2.3).
const BREAKPOINTS: u32 = 0b1111;

/// DR6 without any cause (SDM 3B 17.2.3).
const DEBUG_STATUS_AT_RESET: u32 = 0xFFFF_0FF0;
