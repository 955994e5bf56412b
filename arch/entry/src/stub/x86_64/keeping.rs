//! Calls of Rust that keep the interrupted code's floating-point state.
use core::arch::naked_asm;
use core::mem::offset_of;
use core::ptr::NonNull;

use crate::floating_point::{CLEAN_MXCSR, ENTRY_FORMAT, EntryFormat, FXSAVE_BYTES, Kind, XSAVE_HEADER_BYTES};
use crate::target::Target;
use crate::x86_64::TrapFrame;

/// Saves the floating-point state on the stack, initialises the unit, calls the target, and loads the state.
///
/// The code zeroes the XSAVE header: XSAVE doesn't write all of it, and XRSTOR faults on reserved bits (SDM 1, 13.4.2).
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn keeping<T: Target>(frame: NonNull<TrapFrame>) -> NonNull<TrapFrame> {
    naked_asm!(
        "push rbp",
        "mov rbp, rsp",
        "sub rsp, [rip + {format} + {bytes}]",
        "and rsp, {alignment}",
        "clts",
        "cmp dword ptr [rip + {format} + {kind}], {xsave}",
        "je 2f",
        "cmp dword ptr [rip + {format} + {kind}], {fxsave}",
        "je 3f",
        // The kernel chose no format (`FloatingPointFormat::use_in_entries`).
        "ud2",
        "2:",
        "lea rsi, [rsp + {header}]",
        "xor eax, eax",
        ".rept {header_words}",
        "mov [rsi], rax",
        "add rsi, {word}",
        ".endr",
        "mov eax, [rip + {format} + {low}]",
        "mov edx, [rip + {format} + {high}]",
        "xsave64 [rsp]",
        "jmp 4f",
        "3:",
        "fxsave64 [rsp]",
        "4:",
        "fninit",
        "ldmxcsr [rip + {clean_mxcsr}]",
        "call {target}",
        "mov rcx, rax",
        "cmp dword ptr [rip + {format} + {kind}], {xsave}",
        "je 5f",
        "fxrstor64 [rsp]",
        "jmp 6f",
        "5:",
        "mov eax, [rip + {format} + {low}]",
        "mov edx, [rip + {format} + {high}]",
        "xrstor64 [rsp]",
        "6:",
        "mov rax, rcx",
        "leave",
        "ret",
        format = sym ENTRY_FORMAT,
        bytes = const offset_of!(EntryFormat, bytes),
        kind = const offset_of!(EntryFormat, kind),
        low = const offset_of!(EntryFormat, low),
        high = const offset_of!(EntryFormat, high),
        xsave = const Kind::Xsave as u32,
        fxsave = const Kind::Fxsave as u32,
        alignment = const -64,
        header = const FXSAVE_BYTES,
        header_words = const XSAVE_HEADER_BYTES / size_of::<u64>(),
        word = const size_of::<u64>(),
        clean_mxcsr = sym CLEAN_MXCSR,
        target = sym T::enter,
    )
}
