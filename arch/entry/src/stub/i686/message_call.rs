//! The fast path of system calls by `sysenter`: saves and restores neither segment registers nor flags.
use core::arch::naked_asm;
use core::mem::{offset_of, size_of};
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering};

use super::exit::{POPS, resume_frame};
use super::fast_call::set_entry;
use super::{CALLER_FLAGS, CLEAN_FLAGS, location};
use crate::entry_data::{ENTRY_DATA, EntryData};
use crate::i686::TrapFrame;
use crate::kernel_entry::{KernelEntry, MessageCalls, TrapStack};
use crate::vector::{FAST_CALL, FAST_CALL_MARK};

/// A field's offset below the frame's end, which TSS.esp0 holds.
macro_rules! below_end {
    ($field:ident) => {
        size_of::<TrapFrame>() - offset_of!(TrapFrame, $field)
    };
}

/// The length of [`message_entry`].
const ENTRY_BYTES: usize = 160;

/// The offset in [`message_entry`] of its `pushad`. From there on the stack pointer is below the fields that the entry
/// keeps from call to call.
const SAVES: usize = 21;

/// The offset in [`message_entry`] of the code that writes these fields.
const WRITES: usize = 64;

/// Saves the caller's general registers, and calls [`MessageCalls::message_call`]. IA32_SYSENTER_EIP holds its address.
///
/// The other fields are equal at every such call. The entry writes them only if another entry saved a frame there in
/// between. `sysenter` leaves the CPU as [`sysenter_entry`](super::fast_call::sysenter_entry) says.
///
/// A #DB pushes its words over these fields until the stack pointer is below them: see [`finish_fields`].
#[unsafe(naked)]
unsafe extern "C" fn message_entry<K: MessageCalls>() {
    naked_asm!(
        "4:",
        "mov esp, [esp]",
        "cmp dword ptr [esp - {vector}], {fast_call}",
        "jne 3f",
        "2:",
        "mov [esp - {esp}], ecx",
        "lea esp, [esp - {segments}]",
        ".org 4b + {saves}, 0x90",
        "pushad",
        load_segments!(),
        clean_flags!(),
        with_entry_data!("mov esp,", "stack_top", ""),
        "call {call}",
        ".org 4b + {writes}, 0xCC",
        "3:",
        "mov dword ptr [esp - {ss}], {user_data}",
        "mov dword ptr [esp - {eflags}], {caller_flags}",
        "mov dword ptr [esp - {cs}], {user_code}",
        "mov dword ptr [esp - {eip}], {return_address}",
        "mov dword ptr [esp - {error_code}], 0",
        "mov dword ptr [esp - {vector}], {fast_call}",
        "mov dword ptr [esp - {ds}], {user_data}",
        "mov dword ptr [esp - {es}], {user_data}",
        "mov dword ptr [esp - {fs}], 0",
        "mov dword ptr [esp - {gs}], 0",
        "jmp 2b",
        ".org 4b + {bytes}, 0xCC",
        saves = const SAVES,
        writes = const WRITES,
        bytes = const ENTRY_BYTES,
        vector = const below_end!(vector),
        fast_call = const FAST_CALL,
        esp = const below_end!(esp),
        // `pushad` begins right below them.
        segments = const below_end!(ds),
        data = const K::SELECTORS.user_data,
        clean_flags = const CLEAN_FLAGS,
        location = const location::<K>(),
        fixed = const K::DATA_LOCATION.address(),
        entry_data = sym ENTRY_DATA,
        stack_top = const offset_of!(EntryData, stack_top),
        call = sym K::message_call,
        ss = const below_end!(ss),
        user_data = const K::SELECTORS.user_data,
        eflags = const below_end!(eflags),
        caller_flags = const CALLER_FLAGS,
        cs = const below_end!(cs),
        user_code = const K::SELECTORS.user_code,
        eip = const below_end!(eip),
        return_address = const K::SYSENTER_RETURN_ADDRESS,
        error_code = const below_end!(error_code),
        ds = const below_end!(ds),
        es = const below_end!(es),
        fs = const below_end!(fs),
        gs = const below_end!(gs),
    )
}

/// Finishes what a #DB interrupted, if that is [`message_entry`] before its `pushad` and behind its first instruction.
/// There the stack pointer is the frame's end, so the CPU has pushed the exception's words over the fields that the
/// entry keeps from call to call. All of them are known. `interrupted` then goes on at the `pushad`, where the words
/// lie below these fields.
///
/// At the first instruction, the stack pointer is elsewhere.
///
/// # Safety
///
/// `interrupted` holds the registers of code that a #DB interrupted in ring 0.
pub(super) unsafe fn finish_fields<K: KernelEntry>(interrupted: &mut TrapFrame) {
    let entry = MESSAGE_ENTRY.load(Ordering::Relaxed);
    if entry == 0 || !matches!(interrupted.instruction_pointer().wrapping_sub(entry), 1..SAVES | WRITES..ENTRY_BYTES) {
        return;
    }
    let frame = (interrupted.stack_pointer() as *mut TrapFrame).wrapping_sub(1);
    let data = K::SELECTORS.user_data.into();
    let fields = TrapFrame {
        ds: data,
        es: data,
        vector: FAST_CALL as u32,
        eip: K::SYSENTER_RETURN_ADDRESS as u32,
        cs: K::SELECTORS.user_code.into(),
        eflags: CALLER_FLAGS,
        esp: interrupted.ecx,
        ss: data,
        ..TrapFrame::new()
    };
    // SAFETY: at these instructions the stack pointer is the end of the current frame, which nothing refers to. The
    // caller has copied the words of the exception.
    unsafe { frame.write(fields) };
    interrupted.eip = (entry + SAVES) as u32;
    interrupted.esp = frame.wrapping_byte_add(offset_of!(TrapFrame, ds)) as u32;
}

/// The address of [`message_entry`]; 0 while `sysenter` doesn't lead there.
static MESSAGE_ENTRY: AtomicUsize = AtomicUsize::new(0);

/// The length of [`leave_with`], see [`is_in_leave`].
const LEAVE_BYTES: usize = 32;

/// Resumes the current frame, whose general registers hold the message (SDM 2B, SYSEXIT): by `sysexit` if `sysenter`
/// saved the frame, else as [`resume`](super::resume) does.
///
/// `end` is the frame's end, which TSS.esp0 holds.
///
/// # Safety
///
/// 1. All that [`resume`](super::resume) requires.
/// 2. The frame is the one that [`EntryData::set_current_frame`] set last.
/// 3. In a frame of ring 0, `esp` is [`TrapFrame::SAME_RING_GAP`] below the frame's end: `iretd` reads the frame
///    itself.
#[inline(always)]
pub unsafe fn resume_with_message<K: MessageCalls>(end: *const TrapFrame) -> ! {
    // SAFETY: the caller promises that the frame is current and valid to resume.
    unsafe { leave_with(end) }
}

/// Does what [`resume_with_message`] does, and exists once as [`resume_frame`] does.
///
/// Loads no flags before `sysexit`: they have been clean since the entry, and the `test` that finds the mark sets none.
#[unsafe(naked)]
unsafe extern "fastcall" fn leave_with(end: *const TrapFrame) -> ! {
    naked_asm!(
        "2:",
        "lea esp, [ecx - {frame_bytes}]",
        "test byte ptr [esp + {vector} + {second_byte}], {mark}",
        "jz {resume} + {pops}",
        "popad",
        "mov edx, [esp + {eip} - {ds}]",
        "mov ecx, [esp + {esp} - {ds}]",
        // `sti` holds interrupts back until the next instruction is done (SDM 2B, STI).
        "sti",
        "sysexit",
        ".org 2b + {bytes}, 0xCC",
        frame_bytes = const size_of::<TrapFrame>(),
        vector = const offset_of!(TrapFrame, vector),
        second_byte = const 1,
        mark = const FAST_CALL_MARK,
        pops = const POPS,
        eip = const offset_of!(TrapFrame, eip),
        esp = const offset_of!(TrapFrame, esp),
        ds = const offset_of!(TrapFrame, ds),
        resume = sym resume_frame,
        bytes = const LEAVE_BYTES,
    )
}

/// Returns whether an address is one of [`leave_with`]'s.
pub(super) fn is_in_leave(instruction: usize) -> bool {
    instruction.wrapping_sub(leave_with as *const () as usize) < LEAVE_BYTES
}

/// Leads `sysenter` to [`MessageCalls::message_call`] on this CPU, whose data is `cpu` (SDM 2B, SYSENTER).
///
/// A call that is single-stepped goes to [`KernelEntry::system_call`](crate::KernelEntry::system_call) with its whole
/// frame.
///
/// A kernel's debugger may stop at any instruction of the entry. At a #DB behind the first instruction, those up to the
/// saving of registers are done at once: the debugger finds the entry there.
///
/// # Safety
///
/// All that [`enable_fast_calls`](crate::enable_fast_calls) requires.
pub unsafe fn enable_message_calls<K: MessageCalls>(cpu: NonNull<EntryData>) {
    const {
        assert!(matches!(K::TRAP_STACK, TrapStack::PerCpu), "the entry stores below TSS.esp0, into the current frame");
    }
    let entry = message_entry::<K> as *const () as usize;
    MESSAGE_ENTRY.store(entry, Ordering::Relaxed);
    // SAFETY: the caller promises all of it, and the address is that of an entry for `sysenter`.
    unsafe { set_entry::<K>(cpu, entry) };
}
