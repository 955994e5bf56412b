//! The functions that hold registers, on i686.

use super::{AFTER, BEFORE, FILLED, FOUND, HELD, INITIAL, PLACE, STACK, WORD, segment};
use crate::entry::{AX, BP, BX, CX, DI, DX, FLAGS, PLAIN_FLAGS, SI};
use crate::witness::PAGE;

macro_rules! hold {
    ($name:ident, $save:literal, $restore:literal, [$($event:literal),+], [$($operand:tt)*]) => {
        #[unsafe(naked)]
        pub(super) unsafe extern "C" fn $name() {
            core::arch::naked_asm!(
                "push ebx", "push esi", "push edi", "push ebp",
                "mov [{held} + {place}], esp",
                // The emulator lets XRSTOR by where floating point is off; not so this.
                "fnop",
                "mov eax, -1",
                "mov edx, -1",
                concat!($restore, " [{held} + {filled}]"),
                "mov eax, [{held} + {before} + {es}]",
                "mov es, eax",
                "mov eax, [{held} + {before} + {gs}]",
                "mov gs, eax",
                "mov eax, [{held} + {before} + {ax}]",
                "mov ebx, [{held} + {before} + {bx}]",
                "mov ecx, [{held} + {before} + {cx}]",
                "mov edx, [{held} + {before} + {dx}]",
                "mov esi, [{held} + {before} + {si}]",
                "mov edi, [{held} + {before} + {di}]",
                "mov ebp, [{held} + {before} + {bp}]",
                "push dword ptr [{held} + {before} + {flags}]",
                "popfd",
                "mov esp, [{held} + {before} + {stack}]",
                $($event,)+
                "mov [{held} + {after} + {ax}], eax",
                "mov [{held} + {after} + {bx}], ebx",
                "mov [{held} + {after} + {cx}], ecx",
                "mov [{held} + {after} + {dx}], edx",
                "mov [{held} + {after} + {si}], esi",
                "mov [{held} + {after} + {di}], edi",
                "mov [{held} + {after} + {bp}], ebp",
                "mov [{held} + {after} + {stack}], esp",
                "mov esp, [{held} + {place}]",
                "pushfd",
                "pop dword ptr [{held} + {after} + {flags}]",
                "push {plain}",
                "popfd",
                "mov eax, ds",
                "mov [{held} + {after} + {ds}], eax",
                "mov eax, es",
                "mov [{held} + {after} + {es}], eax",
                "mov eax, fs",
                "mov [{held} + {after} + {fs}], eax",
                "mov eax, gs",
                "mov [{held} + {after} + {gs}], eax",
                "mov eax, ds",
                "mov es, eax",
                // A thread that has no thread pointer isn't asked for what it points to.
                "cmp dword ptr [{held} + {before} + {word}], 0",
                "je 9f",
                "mov eax, fs:[0]",
                "mov [{held} + {after} + {word}], eax",
                "9:",
                "mov eax, -1",
                "mov edx, -1",
                concat!($save, " [{held} + {found}]"),
                concat!($restore, " [{held} + {initial}]"),
                "pop ebp", "pop edi", "pop esi", "pop ebx",
                "ret",
                held = sym HELD, before = const BEFORE, after = const AFTER, ax = const AX, bx = const BX,
                cx = const CX, dx = const DX, si = const SI, di = const DI, bp = const BP, flags = const FLAGS,
                stack = const STACK, ds = const segment(0), es = const segment(1), fs = const segment(2),
                gs = const segment(3), word = const WORD, filled = const FILLED,
                found = const FOUND, initial = const INITIAL, place = const PLACE, plain = const PLAIN_FLAGS,
                $($operand)*
            )
        }
    };
}

/// The functions of one event, for each way to save and load floating point.
macro_rules! hold_at_each_level {
    ($x87:ident, $sse:ident, $avx:ident, $event:tt, $operands:tt) => {
        hold!($x87, "fnsave", "frstor", $event, $operands);
        hold!($sse, "fxsave", "fxrstor", $event, $operands);
        hold!($avx, "xsave", "xrstor", $event, $operands);
    };
}

hold_at_each_level!(
    spin_x87,
    spin_sse,
    spin_avx,
    [
        "mov dword ptr [{page}], 1",
        "2:",
        "lea ecx, [ecx - 1]",
        "lea edx, [edx + 1]",
        "jecxz 3f",
        "jmp 2b",
        "3:",
        "mov dword ptr [{page}], 0"
    ],
    [page = const PAGE,]
);
// LLVM refuses a direct call to a number in Intel syntax; the call page destroys ecx anyhow.
hold_at_each_level!(fast_x87, fast_sse, fast_avx, ["mov ecx, {page}", "call ecx"], [page = const abi::CALL_PAGE_I686,]);
hold_at_each_level!(gate_x87, gate_sse, gate_avx, ["int 0x80"], []);
hold_at_each_level!(fault_x87, fault_sse, fault_avx, ["ud2"], []);
hold_at_each_level!(trap_x87, trap_sse, trap_avx, ["int3"], []);
