//! The way out of all entries.
use core::arch::naked_asm;
use core::mem::offset_of;
use core::ptr::NonNull;

use crate::kernel_entry::{CallerStackPointer, KernelEntry, swaps_gs};
use crate::stub::check::{CHECKS, check_resume, check_set_up};
use crate::vector::FAST_CALL;
use crate::x86_64::TrapFrame;

/// The length of each way out, by which a fault of one of its instructions is recognised.
pub(crate) const RESUME_BYTES: usize = 192;

/// The offset in a way out of the pops, where the stack pointer is the frame's address and the frame goes back by
/// `iretq`.
pub(super) const POPS: usize = if CHECKS == 1 { 48 } else { 13 };

/// TF and RF: `sysret` clears RF, and with TF it would trap one instruction late.
pub(super) const NEEDS_IRET: u32 = 1 << 8 | 1 << 16;

/// Resumes a frame of ring 3 or ring 0, which an entry saved or the kernel built (SDM 2A, IRET; SDM 2B, SYSRET).
///
/// A frame saved by `syscall` goes back by `sysretq` if its address is in the lower half, where `sysretq` can't fault
/// in ring 0 (CVE-2012-0217), and neither TF nor RF is set. Any other frame goes back by `iretq`. If `iretq` faults,
/// the entry reports the fault as one of this frame.
///
/// Debug builds, and the feature `checks`, panic if interrupts are on, or if the frame is that of an exception inside
/// [`KernelEntry::paranoid_trap`]. Before a return to ring 3 they panic if rsp0 is 0 or the CPU's stack or GS base
/// isn't set, if the paranoid gates would load another GS base, if the stubs use another TSS than the task register's,
/// or if SMAP is on and the entries don't clear EFLAGS.AC.
///
/// # Safety
///
/// 1. The CPU is in ring 0, with interrupts off.
/// 2. The frame is valid to resume, as [`KernelEntry`] requires.
/// 3. No code returns to the current stack's frames any more.
#[inline(always)]
pub unsafe fn resume<K: KernelEntry>(frame: NonNull<TrapFrame>) -> ! {
    check_set_up::<K>(frame);
    // SAFETY: the caller promises it.
    unsafe { way_out::<K>()(frame) }
}

type WayOut = unsafe extern "C" fn(NonNull<TrapFrame>) -> !;

/// Returns the way out for a kernel's choices.
#[inline(always)]
const fn way_out<K: KernelEntry>() -> WayOut {
    match (swaps_gs::<K>(), K::CALLER_STACK_POINTER) {
        (0, CallerStackPointer::InRsp) => resume_plain,
        (0, CallerStackPointer::InR10) => resume_r10,
        (_, CallerStackPointer::InRsp) => resume_swapping,
        (_, CallerStackPointer::InR10) => resume_swapping_r10,
    }
}

/// Returns whether an address is one of the kernel's way out.
pub(crate) fn is_in_resume<K: KernelEntry>(instruction: usize) -> bool {
    instruction.wrapping_sub(way_out::<K>() as usize) < RESUME_BYTES
}

/// Makes a way out. It has no parameters of types, so it exists once: crates that use the generic function share its
/// address, by which a fault on the way out is recognised.
macro_rules! way_out {
    ($name:ident, $swaps_gs:literal, $in_r10:literal) => {
        #[unsafe(naked)]
        pub(crate) unsafe extern "C" fn $name(frame: NonNull<TrapFrame>) -> ! {
            naked_asm!(
                "2:",
                ".if {checks}",
                "mov rbx, rdi",
                "and rsp, {alignment}",
                "call {check}",
                "mov rdi, rbx",
                ".endif",
                "mov rsp, rdi",
                "cmp dword ptr [rsp + {vector}], {fast_call}",
                "je 4f",
                ".org 2b + {pops}, 0x90",
                "3:",
                pop_call_registers!(),
                "pop r11",
                "pop r10",
                "pop rcx",
                ".if {swaps_gs}",
                "test byte ptr [rsp + {cs} - {vector}], 3",
                "jz 5f",
                "swapgs",
                "5:",
                ".endif",
                "add rsp, {rip} - {vector}",
                "iretq",
                "4:",
                "mov rcx, [rsp + {rip}]",
                "mov r11, [rsp + {rflags}]",
                "mov rax, rcx",
                "shr rax, 47",
                "jne 6f",
                "test r11d, {needs_iret}",
                "jnz 6f",
                pop_call_registers!(),
                ".if {swaps_gs}",
                "swapgs",
                ".endif",
                // `sysretq` doesn't load r10: the kernel's last value would be visible in ring 3.
                ".if {in_r10}",
                "mov rsp, [rsp + {rsp} - {r11}]",
                "mov r10, rsp",
                ".else",
                "mov r10, [rsp + {r10} - {r11}]",
                "mov rsp, [rsp + {rsp} - {r11}]",
                ".endif",
                "sysretq",
                // The fields of these registers may be stale. They get the values that `sysretq` would have left in the
                // registers.
                "6:",
                "mov [rsp + {rcx}], rcx",
                "mov [rsp + {r11}], r11",
                ".if {in_r10}",
                "mov rcx, [rsp + {rsp}]",
                "mov [rsp + {r10}], rcx",
                ".endif",
                "jmp 3b",
                ".org 2b + {bytes}, 0xCC",
                vector = const offset_of!(TrapFrame, vector),
                fast_call = const FAST_CALL,
                swaps_gs = const $swaps_gs,
                in_r10 = const $in_r10,
                cs = const offset_of!(TrapFrame, cs),
                rcx = const offset_of!(TrapFrame, rcx),
                rip = const offset_of!(TrapFrame, rip),
                rflags = const offset_of!(TrapFrame, rflags),
                rsp = const offset_of!(TrapFrame, rsp),
                r10 = const offset_of!(TrapFrame, r10),
                r11 = const offset_of!(TrapFrame, r11),
                needs_iret = const NEEDS_IRET,
                pops = const POPS,
                checks = const CHECKS,
                check = sym check_resume,
                alignment = const -16,
                bytes = const RESUME_BYTES,
            )
        }
    };
}

way_out!(resume_plain, 0, 0);
way_out!(resume_r10, 0, 1);
way_out!(resume_swapping, 1, 0);
way_out!(resume_swapping_r10, 1, 1);
