//! The way out of all entries.
use core::arch::naked_asm;
use core::mem::{offset_of, size_of};
use core::ptr::NonNull;

use super::CALLER_FLAGS;
use super::gate::PUSHED_BELOW_STACK;
use crate::i686::TrapFrame;
use crate::kernel_entry::KernelEntry;
use crate::stub::check::{CHECKS, check_resume, check_set_up};
use crate::vector::FAST_CALL;

/// The length of [`resume_frame`], by which a fault of one of its instructions is recognised.
const RESUME_BYTES: usize = 224;

/// The offset in [`resume_frame`] of the way out to ring 0, whose `iretd` reads from the resumed code's stack.
pub(super) const TO_RING_0: usize = 128;

/// The offset in [`resume_frame`] of the way out to ring 0 for a frame that lies where a stub of a gate saved it: right
/// below the words of CPU and stub, with the stack pointer as it was.
pub(super) const TO_RING_0_IN_PLACE: usize = 184;

/// The bytes from a frame's `eip` to that of the CPU, where a stub has saved the frame below the words of CPU and stub.
const TO_WORDS_OF_CPU: usize =
    size_of::<TrapFrame>() - offset_of!(TrapFrame, eip) + PUSHED_BELOW_STACK - TrapFrame::RESUME_BYTES;

/// The offset in [`resume_frame`] of the pops, where the stack pointer is the frame's address and the frame goes back
/// by `iretd`.
pub(super) const POPS: usize = if CHECKS == 1 { 48 } else { 21 };

/// Resumes a frame of ring 3 or ring 0, which an entry saved or the kernel built (SDM 2A, IRET; SDM 2B, SYSEXIT).
///
/// A frame saved by `sysenter` goes back by `sysexit` unless its flags were changed. Any other frame goes back by
/// `iretd`. If a segment pop or the `iretd` to ring 3 faults, the entry reports the fault as one of this frame.
///
/// `iretd` pops no stack pointer on the way to ring 0. So the function writes the words for it to the resumed code's
/// stack, and their address to the frame's `error_code`. The [`TrapFrame::RESUME_BYTES`] below the frame's `esp` must
/// be free, or be the frame's own `eip`, `cs` and `eflags`.
///
/// Debug builds, and the feature `checks`, panic if interrupts are on, if the words for ring 0 would overwrite the
/// frame, or if the frame is that of an exception inside [`KernelEntry::paranoid_trap`]. Before a return to ring 3 they
/// panic if esp0 is 0 or the CPU's stack isn't set, if the stubs use another TSS than the task register's, or if a task
/// gate would load another page table than CR3's ([`EntryData::set_page_table`](crate::EntryData::set_page_table)).
///
/// # Safety
///
/// 1. The CPU is in ring 0, with interrupts off.
/// 2. The frame is valid to resume, as [`KernelEntry`] requires.
/// 3. No code returns to the current stack's frames any more.
pub unsafe fn resume<K: KernelEntry>(frame: NonNull<TrapFrame>) -> ! {
    check_set_up::<K>(frame);
    // SAFETY: the caller promises it.
    unsafe { resume_frame(frame) }
}

/// Returns whether an address is one of the way out.
pub(crate) fn is_in_resume<K: KernelEntry>(instruction: usize) -> bool {
    offset_in_resume(instruction) < RESUME_BYTES
}

/// Returns whether an address, one of the way out, belongs to the part that reads from the stack of ring 0 and not from
/// the frame.
pub(crate) fn is_on_way_to_ring_0(instruction: usize) -> bool {
    offset_in_resume(instruction) >= TO_RING_0
}

/// `sysexit`.
const SYSEXIT: [u8; 2] = [0x0F, 0x35];

/// Returns how many bytes of the frame are popped at an address, if that is the `sysexit` of a way out.
pub(crate) fn popped_at_sysexit(instruction: usize) -> Option<usize> {
    let popped = if offset_in_resume(instruction) < RESUME_BYTES {
        offset_of!(TrapFrame, vector)
    } else if super::is_in_leave(instruction) {
        offset_of!(TrapFrame, ds)
    } else {
        return None;
    };
    // SAFETY: the address is one of a way out, which is readable and ends with padding.
    let bytes = unsafe { *(instruction as *const [u8; 2]) };
    (bytes == SYSEXIT).then_some(popped)
}

fn offset_in_resume(instruction: usize) -> usize {
    instruction.wrapping_sub(resume_frame as *const () as usize)
}

/// Does what [`resume`] does. The function has no parameters of types, so it exists once: crates that use the generic
/// function share its address, by which a fault on the way out is recognised.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn resume_frame(frame: NonNull<TrapFrame>) -> ! {
    naked_asm!(
        "2:",
        ".if {checks}",
        "mov ebx, [esp + {argument}]",
        "and esp, {alignment}",
        "sub esp, {arguments}",
        "mov [esp], ebx",
        "call {check}",
        "mov esp, ebx",
        ".else",
        "mov esp, [esp + {argument}]",
        ".endif",
        "cmp dword ptr [esp + {vector}], {fast_call}",
        "je 4f",
        "test byte ptr [esp + {cs}], 3",
        "jz 5f",
        // `leave_with` jumps here with a frame that `sysexit` can't resume.
        ".org 2b + {pops}, 0x90",
        "3:",
        pop_registers!(),
        "add esp, {eip} - {vector}",
        "iretd",
        "4:",
        // `sysexit` loads no flags. The entry has cleaned them, so the thread gets no flag of another one, AC and ID
        // included.
        "cmp dword ptr [esp + {eflags}], {caller_flags}",
        "jne 3b",
        pop_registers!(),
        "mov edx, [esp + {eip} - {vector}]",
        "mov ecx, [esp + {esp} - {vector}]",
        // `sti` holds interrupts back until the next instruction is done (SDM 2B, STI).
        "sti",
        "sysexit",
        ".org 2b + {to_ring_0}, 0xCC",
        "5:",
        "mov edi, [esp + {esp}]",
        "sub edi, {resume_bytes}",
        "lea esi, [esp + {eip}]",
        // One instruction moves to the words: a #DB between two would push its frame over them.
        "mov [esp + {error_code}], edi",
        ".rept {resume_words}",
        "movsd",
        ".endr",
        pop_registers!(),
        "mov esp, [esp + {error_code} - {vector}]",
        "iretd",
        ".org 2b + {to_ring_0_in_place}, 0xCC",
        pop_registers!(),
        "add esp, {eip} - {vector}",
        // `pop` adds to esp before it computes the address (SDM 2B, POP).
        ".rept {resume_words}",
        "pop dword ptr [esp + {to_words} - {word}]",
        ".endr",
        "add esp, {to_words} - {resume_bytes}",
        "iretd",
        ".org 2b + {bytes}, 0xCC",
        argument = const size_of::<usize>(),
        checks = const CHECKS,
        check = sym check_resume,
        alignment = const -16,
        arguments = const 16,
        vector = const offset_of!(TrapFrame, vector),
        fast_call = const FAST_CALL,
        eip = const offset_of!(TrapFrame, eip),
        eflags = const offset_of!(TrapFrame, eflags),
        esp = const offset_of!(TrapFrame, esp),
        cs = const offset_of!(TrapFrame, cs),
        caller_flags = const CALLER_FLAGS,
        to_ring_0 = const TO_RING_0,
        error_code = const offset_of!(TrapFrame, error_code),
        resume_bytes = const TrapFrame::RESUME_BYTES,
        resume_words = const TrapFrame::RESUME_BYTES / size_of::<u32>(),
        to_ring_0_in_place = const TO_RING_0_IN_PLACE,
        to_words = const TO_WORDS_OF_CPU,
        word = const size_of::<u32>(),
        pops = const POPS,
        bytes = const RESUME_BYTES,
    )
}
