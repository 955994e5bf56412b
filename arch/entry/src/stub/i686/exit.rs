//! The one way out.
use core::arch::naked_asm;
use core::mem::{offset_of, size_of};
use core::ptr::NonNull;

use super::TRAP_FLAG;
use crate::i686::TrapFrame;
use crate::kernel_entry::KernelEntry;
use crate::vector::FAST_CALL;

/// Bytes that [`resume`] takes up, so that a fault can be told to be one of its own.
pub(crate) const RESUME_BYTES: usize = 64;

/// Where in [`resume`] the stack pointer is the frame, which goes back by `iretd`.
pub(super) const POPS: usize = 14;

/// Resumes a frame: of ring 3 or ring 0, saved by any of the entries or built by the kernel.
///
/// A frame saved by `sysenter` goes back by `sysexit`, unless it is to be single-stepped; any other by `iretd`. If a
/// segment pop or `iretd` faults, the entry reports that as a fault of this frame.
///
/// A word below the frame is used, of the [`TrapFrame::BYTES_BELOW`] there.
///
/// # Safety
///
/// The frame must be valid to resume, as [`KernelEntry`] says. Nothing on the current stack is returned to.
#[unsafe(naked)]
pub unsafe extern "C" fn resume<K: KernelEntry>(frame: NonNull<TrapFrame>) -> ! {
    naked_asm!(
        "2:",
        "mov esp, [esp + {argument}]",
        "cmp dword ptr [esp + {vector}], {fast_call}",
        "je 4f",
        // The fast way out of message calls comes here when it can't go on.
        ".org 2b + {pops}, 0x90",
        "3:",
        pop_registers!(),
        "add esp, {eip} - {vector}",
        "iretd",
        "4:",
        "test dword ptr [esp + {eflags}], {trap_flag}",
        "jnz 3b",
        // `sysexit` loads no flags. They are clean since the entry: nobody else's go along, AC and ID among them.
        pop_registers!(),
        "mov edx, [esp + {eip} - {vector}]",
        "mov ecx, [esp + {esp} - {vector}]",
        // Interrupts stay off until after the instruction behind `sti`.
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
