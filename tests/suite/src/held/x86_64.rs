//! The functions that hold registers, on x86_64.

use super::{AFTER, BEFORE, FILLED, FOUND, GS_WORD, HELD, INITIAL, PLACE, STACK, WORD, segment};
use crate::entry::{AX, BP, BX, CX, DI, DX, FLAGS, PLAIN_FLAGS, SI, r};
use crate::witness::PAGE;

macro_rules! hold {
    ($name:ident, $save:literal, $restore:literal, [$($event:literal),+], [$($operand:tt)*]) => {
        #[unsafe(naked)]
        pub(super) unsafe extern "C" fn $name() {
            core::arch::naked_asm!(
                "push rbx", "push rbp", "push r12", "push r13", "push r14", "push r15",
                "mov [rip + {held} + {place}], rsp",
                // The emulator lets XRSTOR by where floating point is off; not so this.
                "fnop",
                "mov eax, -1",
                "mov edx, -1",
                concat!($restore, " [rip + {held} + {filled}]"),
                "mov rax, [rip + {held} + {before} + {ax}]",
                "mov rbx, [rip + {held} + {before} + {bx}]",
                "mov rcx, [rip + {held} + {before} + {cx}]",
                "mov rdx, [rip + {held} + {before} + {dx}]",
                "mov rsi, [rip + {held} + {before} + {si}]",
                "mov rdi, [rip + {held} + {before} + {di}]",
                "mov rbp, [rip + {held} + {before} + {bp}]",
                "mov r8, [rip + {held} + {before} + {r8}]",
                "mov r9, [rip + {held} + {before} + {r9}]",
                "mov r10, [rip + {held} + {before} + {r10}]",
                "mov r11, [rip + {held} + {before} + {r11}]",
                "mov r12, [rip + {held} + {before} + {r12}]",
                "mov r13, [rip + {held} + {before} + {r13}]",
                "mov r14, [rip + {held} + {before} + {r14}]",
                "mov r15, [rip + {held} + {before} + {r15}]",
                "push qword ptr [rip + {held} + {before} + {flags}]",
                "popfq",
                "mov rsp, [rip + {held} + {before} + {stack}]",
                $($event,)+
                "mov [rip + {held} + {after} + {ax}], rax",
                "mov [rip + {held} + {after} + {bx}], rbx",
                "mov [rip + {held} + {after} + {cx}], rcx",
                "mov [rip + {held} + {after} + {dx}], rdx",
                "mov [rip + {held} + {after} + {si}], rsi",
                "mov [rip + {held} + {after} + {di}], rdi",
                "mov [rip + {held} + {after} + {bp}], rbp",
                "mov [rip + {held} + {after} + {r8}], r8",
                "mov [rip + {held} + {after} + {r9}], r9",
                "mov [rip + {held} + {after} + {r10}], r10",
                "mov [rip + {held} + {after} + {r11}], r11",
                "mov [rip + {held} + {after} + {r12}], r12",
                "mov [rip + {held} + {after} + {r13}], r13",
                "mov [rip + {held} + {after} + {r14}], r14",
                "mov [rip + {held} + {after} + {r15}], r15",
                "mov [rip + {held} + {after} + {stack}], rsp",
                "mov rsp, [rip + {held} + {place}]",
                "pushfq",
                "pop qword ptr [rip + {held} + {after} + {flags}]",
                "push {plain}",
                "popfq",
                "mov eax, ds",
                "mov [rip + {held} + {after} + {ds}], rax",
                "mov eax, es",
                "mov [rip + {held} + {after} + {es}], rax",
                "mov eax, fs",
                "mov [rip + {held} + {after} + {fs}], rax",
                "mov eax, gs",
                "mov [rip + {held} + {after} + {gs}], rax",
                // A thread that has no thread pointer isn't asked for what it points to.
                "cmp qword ptr [rip + {held} + {before} + {word}], 0",
                "je 9f",
                "mov rax, fs:[0]",
                "mov [rip + {held} + {after} + {word}], rax",
                "lea rax, [rip + {held}]",
                "mov rax, gs:[rax + {place}]",
                "mov [rip + {held} + {after} + {gs_word}], rax",
                "9:",
                "mov eax, -1",
                "mov edx, -1",
                concat!($save, " [rip + {held} + {found}]"),
                concat!($restore, " [rip + {held} + {initial}]"),
                "pop r15", "pop r14", "pop r13", "pop r12", "pop rbp", "pop rbx",
                "ret",
                held = sym HELD, before = const BEFORE, after = const AFTER, ax = const AX, bx = const BX,
                cx = const CX, dx = const DX, si = const SI, di = const DI, bp = const BP, r8 = const r(8),
                r9 = const r(9), r10 = const r(10), r11 = const r(11), r12 = const r(12), r13 = const r(13),
                r14 = const r(14), r15 = const r(15),
                flags = const FLAGS, stack = const STACK, ds = const segment(0), es = const segment(1),
                fs = const segment(2), gs = const segment(3), word = const WORD,
                gs_word = const GS_WORD, filled = const FILLED, found = const FOUND, initial = const INITIAL,
                place = const PLACE, plain = const PLAIN_FLAGS, $($operand)*
            )
        }
    };
}

/// The functions of one event, for each way to save and load floating point.
macro_rules! hold_at_each_level {
    ($x87:ident, $sse:ident, $avx:ident, $event:tt, $operands:tt) => {
        hold!($x87, "fnsave", "frstor", $event, $operands);
        hold!($sse, "fxsave64", "fxrstor64", $event, $operands);
        hold!($avx, "xsave64", "xrstor64", $event, $operands);
    };
}

hold_at_each_level!(
    spin_x87,
    spin_sse,
    spin_avx,
    [
        "mov dword ptr [{page}], 1",
        "2:",
        "lea rcx, [rcx - 1]",
        "lea rdx, [rdx + 1]",
        "jrcxz 3f",
        "jmp 2b",
        "3:",
        "mov dword ptr [{page}], 0"
    ],
    [page = const PAGE,]
);
hold_at_each_level!(fast_x87, fast_sse, fast_avx, ["syscall"], []);
hold_at_each_level!(gate_x87, gate_sse, gate_avx, ["int 0x80"], []);
hold_at_each_level!(fault_x87, fault_sse, fault_avx, ["ud2"], []);
hold_at_each_level!(trap_x87, trap_sse, trap_avx, ["int3"], []);
