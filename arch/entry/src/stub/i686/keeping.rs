//! Calls of Rust that keep the interrupted code's floating-point state.
use core::arch::naked_asm;
use core::mem::offset_of;
use core::ptr::NonNull;

use crate::floating_point::{CLEAN_MXCSR, ENTRY_FORMAT, EntryFormat, FXSAVE_BYTES, Kind, XSAVE_HEADER_BYTES};
use crate::i686::TrapFrame;
use crate::target::Target;

/// Saves the floating-point state on the stack, initialises the unit, calls the target, and loads the state.
///
/// The code zeroes the XSAVE header: XSAVE doesn't write all of it, and XRSTOR faults on reserved bits (SDM 1, 13.4.2).
/// `clts` is for task gates: a task switch sets CR0.TS (SDM 3A 7.3).
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn keeping<T: Target>(frame: NonNull<TrapFrame>) -> NonNull<TrapFrame> {
    naked_asm!(
        "push ebp",
        "mov ebp, esp",
        "sub esp, [{format} + {bytes}]",
        "and esp, {alignment}",
        "clts",
        "cmp dword ptr [{format} + {kind}], {xsave}",
        "je 2f",
        "cmp dword ptr [{format} + {kind}], {fxsave}",
        "je 3f",
        "cmp dword ptr [{format} + {kind}], {fnsave}",
        "je 4f",
        // The kernel chose no format (`FloatingPointFormat::use_in_entries`).
        "ud2",
        "2:",
        "lea ecx, [esp + {header}]",
        "xor eax, eax",
        ".rept {header_words}",
        "mov [ecx], eax",
        "add ecx, {word}",
        ".endr",
        "mov eax, [{format} + {low}]",
        "mov edx, [{format} + {high}]",
        "xsave [esp]",
        "jmp 5f",
        "3:",
        "fxsave [esp]",
        "jmp 5f",
        "4:",
        "fnsave [esp]",
        "5:",
        "fninit",
        "cmp dword ptr [{format} + {has_mxcsr}], 0",
        "je 6f",
        "ldmxcsr [{clean_mxcsr}]",
        "6:",
        "mov eax, [ebp + {frame_argument}]",
        "sub esp, {argument}",
        "mov [esp], eax",
        "call {target}",
        "add esp, {argument}",
        "mov ecx, eax",
        "cmp dword ptr [{format} + {kind}], {fxsave}",
        "je 8f",
        "ja 7f",
        // FRSTOR would raise an exception that the target left pending (SDM 1, 8.3.12).
        "fnclex",
        "frstor [esp]",
        "jmp 9f",
        "7:",
        "mov eax, [{format} + {low}]",
        "mov edx, [{format} + {high}]",
        "xrstor [esp]",
        "jmp 9f",
        "8:",
        "fxrstor [esp]",
        "9:",
        "mov eax, ecx",
        "leave",
        "ret",
        format = sym ENTRY_FORMAT,
        bytes = const offset_of!(EntryFormat, bytes),
        kind = const offset_of!(EntryFormat, kind),
        low = const offset_of!(EntryFormat, low),
        high = const offset_of!(EntryFormat, high),
        has_mxcsr = const offset_of!(EntryFormat, has_mxcsr),
        xsave = const Kind::Xsave as u32,
        fxsave = const Kind::Fxsave as u32,
        fnsave = const Kind::Fnsave as u32,
        alignment = const -64,
        // Behind the saved ebp and the return address.
        frame_argument = const 2 * size_of::<u32>(),
        argument = const 16,
        header = const FXSAVE_BYTES,
        header_words = const XSAVE_HEADER_BYTES / size_of::<u32>(),
        word = const size_of::<u32>(),
        clean_mxcsr = sym CLEAN_MXCSR,
        target = sym T::enter,
    )
}
