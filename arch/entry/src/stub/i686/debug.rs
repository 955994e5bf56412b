//! The way in of #DB, which may interrupt ring 0 on a stack of a few words.
use core::arch::naked_asm;
use core::mem::offset_of;
use core::ptr::NonNull;

use super::exit::POPS;
use super::fast_call::{self, sysenter_entry};
use super::message_call::finish_fields;
use super::{CALLER_FLAGS, CLEAN_FLAGS, INTERRUPT_FLAG, TRAP_FLAG, keeping, location, popped_at_sysexit, resume_frame};
use crate::entry_data::{ENTRY_DATA, EntryData};
use crate::i686::TrapFrame;
use crate::kernel_entry::{Entries, KernelEntry, TrapStack, keeps_state};
use crate::stub::{PUSH_IMMEDIATE, paranoid_trap};
use crate::target::{Target, Trap};
use crate::vector::{DEBUG, REQUIRES_IRET};

/// #DB's stub. The CPU pushes no error code.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn debug_stub<K: KernelEntry, S: Entries>() {
    naked_asm!(
        push_as_paranoid!(),
        "jmp {common}",
        push_word = const PUSH_IMMEDIATE,
        error_code = const 0,
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
unsafe extern "C" fn debug_common<K: KernelEntry, S: Entries>() {
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
        "mov [esp], ecx",
        call_rust!("in_ring_0"),
        "mov esp, eax",
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
/// take the changes back, unless the exception came at `sysexit`. They lie elsewhere then if the exception came where a
/// message call's entry keeps fields.
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
        // SAFETY: the frame is the saved one, and the words on its stack are copied.
        unsafe { finish_fields::<K>(&mut frame) };
        let stack = frame.esp as usize;
        debug_in_ring_0::<K>(&mut frame);
        if let Some(popped) = popped_at_sysexit(frame.eip as usize).filter(|_| frame.eflags & INTERRUPT_FLAG != 0) {
            // SAFETY: the frame is the saved one, and the words on its stack are copied.
            return unsafe { put_caller_back::<K>(&frame, stack - popped) };
        }
        let copy = NonNull::from(&mut frame).cast::<u8>();
        // SAFETY: the interrupted stack has room for the words, and isn't at address 0.
        let on_stack = unsafe { NonNull::new_unchecked((stack - BYTES) as *mut u8) };
        // SAFETY: as above; the frame was made here.
        unsafe { on_stack.copy_from_nonoverlapping(copy, BYTES) };
        on_stack.cast()
    }
}

/// Undoes the way out that was interrupted at `sysexit`, and returns the caller's frame, which `iretd` resumes.
///
/// `sti` holds interrupts back for one instruction, and the exception between the two ends that (SDM 2B, STI). At
/// `sysexit`, an interrupt would then find ring 0 with its frame half popped. The code can't go back to `sti`, as after
/// an NMI: while TF is set, the exception would come between the two again, for ever.
///
/// # Safety
///
/// 1. `frame` holds the registers of a way out at its `sysexit`.
/// 2. `place` is the address of the frame that was popped there. Its end is intact, and nothing else refers to it.
unsafe fn put_caller_back<K: KernelEntry>(frame: &TrapFrame, place: usize) -> NonNull<TrapFrame> {
    let caller = TrapFrame {
        vector: REQUIRES_IRET as u32,
        error_code: 0,
        // What `sysexit` loads (SDM 2B, SYSEXIT).
        eip: frame.edx,
        cs: K::SELECTORS.user_code.into(),
        esp: frame.ecx,
        ss: K::SELECTORS.user_data.into(),
        ..*frame
    };
    // SAFETY: the caller promises a frame's address.
    let place = unsafe { NonNull::new_unchecked(place as *mut TrapFrame) };
    // SAFETY: the caller promises that nothing else refers to it.
    unsafe { place.write(caller) };
    place
}

/// Takes a #DB of ring 0: passes it to [`KernelEntry::paranoid_trap`], unless it is a single step into `sysenter`.
///
/// `sysenter` leaves TF set, so the trap comes before the entry's first instruction. As on x86_64, the step is put off
/// until the call has returned: the caller's flags get TF, and the frame goes back by `iretd`. A breakpoint on the word
/// that `mov ss` read comes at the same instruction, with or without the step.
fn debug_in_ring_0<K: KernelEntry>(frame: &mut TrapFrame) {
    if !fast_call::is_entry(frame.instruction_pointer()) || frame.eflags & TRAP_FLAG == 0 {
        return paranoid_trap::<K>(frame);
    }
    frame.eflags &= !TRAP_FLAG;
    frame.eip = sysenter_entry::<K, { CALLER_FLAGS | TRAP_FLAG }> as *const () as u32;
    let status: u32;
    // SAFETY: the CPU is in ring 0; reading the register changes nothing.
    unsafe { core::arch::asm!("mov {}, dr6", out(reg) status, options(nostack, nomem, preserves_flags)) };
    if status & BREAKPOINTS != 0 {
        return paranoid_trap::<K>(frame);
    }
    // SAFETY: the CPU is in ring 0. It never clears the register's bits (SDM 3B 17.2.3), and the step that set one is
    // taken.
    unsafe { core::arch::asm!("mov dr6, {}", in(reg) DEBUG_STATUS_AT_RESET, options(nostack, nomem)) };
}

/// The four breakpoints' bits of DR6 (SDM 3B 17.2.3).
const BREAKPOINTS: u32 = 0b1111;

/// DR6 without any cause (SDM 3B 17.2.3).
const DEBUG_STATUS_AT_RESET: u32 = 0xFFFF_0FF0;
