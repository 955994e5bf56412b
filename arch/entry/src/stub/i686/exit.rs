//! The way out of all entries.
use core::arch::naked_asm;
use core::mem::{offset_of, size_of};
use core::ptr::NonNull;

use super::TRAP_FLAG;
use crate::i686::TrapFrame;
use crate::kernel_entry::KernelEntry;
use crate::vector::FAST_CALL;

/// The length of [`resume`], by which a fault of one of its instructions is recognised.
pub(crate) const RESUME_BYTES: usize = 64;

/// The offset in [`resume`] of the pops, where the stack pointer is the frame's address and the frame goes back by
/// `iretd`.
pub(super) const POPS: usize = 14;

/// Resumes a frame of ring 3 or ring 0, which an entry saved or the kernel built.
///
/// A frame saved by `sysenter` goes back by `sysexit` unless its TF is set. Any other frame goes back by `iretd`. If a
/// segment pop or `iretd` faults, the entry reports the fault as one of this frame.
///
/// The function writes a word below the frame, within its [`TrapFrame::BYTES_BELOW`].
///
/// # Safety
///
/// 1. The CPU is in ring 0, with interrupts off.
/// 2. The frame is valid to resume, as [`KernelEntry`] requires.
/// 3. No code returns to the current stack's frames any more.
#[unsafe(naked)]
pub unsafe extern "C" fn resume<K: KernelEntry>(frame: NonNull<TrapFrame>) -> ! {
    naked_asm!(
        "2:",
        "mov esp, [esp + {argument}]",
        "cmp dword ptr [esp + {vector}], {fast_call}",
        "je 4f",
        // `leave_with` jumps here with a frame that `sysexit` can't resume.
        ".org 2b + {pops}, 0x90",
        "3:",
        pop_registers!(),
        "add esp, {eip} - {vector}",
        "iretd",
        "4:",
        "test dword ptr [esp + {eflags}], {trap_flag}",
        "jnz 3b",
        // `sysexit` loads no flags. The entry has cleaned them, so the thread gets no flag of another one, AC and ID
        // included.
        pop_registers!(),
        "mov edx, [esp + {eip} - {vector}]",
        "mov ecx, [esp + {esp} - {vector}]",
        // `sti` holds interrupts back until the next instruction is done (SDM 2B, STI).
        "sti",
        "sysexit",
        ".org 2b + {bytes}, 0xCC",
        argument = const size_of::<usize>(),
        vector = const offset_of!(TrapFrame, vector),
        fast_call = const FAST_CALL,
        eip = const offset_of!(TrapFrame, eip),
        eflags = const offset_of!(TrapFrame, eflags),
        esp = const TrapFrame::ESP,
        trap_flag = const TRAP_FLAG,
        pops = const POPS,
        bytes = const RESUME_BYTES,
    )
}
