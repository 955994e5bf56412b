//! The witnesses' instructions on x86_64.

use super::{
    BYTES, ENDPOINT, EXPECTED, FILLED, FLAGS_LOADED, FLAGS_OWN, FLAGS_SEEN, FOUND, KIND, LEFT, LEGACY_FNSAVE,
    LEGACY_FXSAVE, LOOKS, RECEIVE, REGISTERS, ROUNDS, SPIN, STACK, TIMER, UPPER_FNSAVE, UPPER_FXSAVE, UPPER_XSAVE,
    WAKE, WORD,
};
use core::arch::naked_asm;

macro_rules! witnesses {
    ($spin:ident, $wake:ident, $save:literal, $restore:literal, $legacy:expr, $upper:expr) => {
        #[unsafe(naked)]
        pub extern "C" fn $spin() {
            naked_asm!(
                "2:",
                begin!($save, $restore),
                "3:",
                "mov rsp, {sheet} + {stack}",
                "push {loaded}",
                "popfq",
                "mov qword ptr [{sheet} + {left}], {looks}",
                "mov rax, [{sheet} + {general}]",
                "mov rbx, [{sheet} + {general} + {word}]",
                "mov rcx, [{sheet} + {general} + 2 * {word}]",
                "mov rdx, [{sheet} + {general} + 3 * {word}]",
                "mov rsi, [{sheet} + {general} + 4 * {word}]",
                "mov rdi, [{sheet} + {general} + 5 * {word}]",
                "mov rbp, [{sheet} + {general} + 6 * {word}]",
                "mov r8, [{sheet} + {general} + 7 * {word}]",
                "mov r9, [{sheet} + {general} + 8 * {word}]",
                "mov r10, [{sheet} + {general} + 9 * {word}]",
                "mov r11, [{sheet} + {general} + 10 * {word}]",
                "mov r12, [{sheet} + {general} + 11 * {word}]",
                "mov r13, [{sheet} + {general} + 12 * {word}]",
                "mov r14, [{sheet} + {general} + 13 * {word}]",
                "mov r15, [{sheet} + {general} + 14 * {word}]",
                "4:",
                "cmp rax, fs:[0]",
                "jne 9f",
                "cmp rax, [{sheet} + {general}]",
                "jne 9f",
                "cmp rbx, [{sheet} + {general} + {word}]",
                "jne 9f",
                "cmp rcx, [{sheet} + {general} + 2 * {word}]",
                "jne 9f",
                "cmp rdx, [{sheet} + {general} + 3 * {word}]",
                "jne 9f",
                "cmp rsi, [{sheet} + {general} + 4 * {word}]",
                "jne 9f",
                "cmp rdi, [{sheet} + {general} + 5 * {word}]",
                "jne 9f",
                "cmp rbp, [{sheet} + {general} + 6 * {word}]",
                "jne 9f",
                "cmp r8, [{sheet} + {general} + 7 * {word}]",
                "jne 9f",
                "cmp r9, [{sheet} + {general} + 8 * {word}]",
                "jne 9f",
                "cmp r10, [{sheet} + {general} + 9 * {word}]",
                "jne 9f",
                "cmp r11, [{sheet} + {general} + 10 * {word}]",
                "jne 9f",
                "cmp r12, [{sheet} + {general} + 11 * {word}]",
                "jne 9f",
                "cmp r13, [{sheet} + {general} + 12 * {word}]",
                "jne 9f",
                "cmp r14, [{sheet} + {general} + 13 * {word}]",
                "jne 9f",
                "cmp r15, [{sheet} + {general} + 14 * {word}]",
                "jne 9f",
                check_stack_and_flags!(),
                "dec qword ptr [{sheet} + {left}]",
                "jnz 4b",
                check_segments!(),
                check_floating!($save, $restore),
                "inc qword ptr [{sheet} + {rounds}]",
                "jmp 3b",
                "9:",
                "ud2",
                ".org 2b + {bytes}, 0xCC",
                sheet = const SPIN, left = const LEFT, looks = const LOOKS, bytes = const BYTES,
                filled = const FILLED, expected = const EXPECTED, found = const FOUND, general = const REGISTERS,
                rounds = const ROUNDS, stack = const STACK, word = const WORD, loaded = const FLAGS_LOADED,
                seen = const FLAGS_SEEN, own = const FLAGS_OWN, legacy = const $legacy, upper = const $upper.0,
                upper_words = const $upper.1,
            )
        }

        /// The registers that a call changes aren't compared.
        #[unsafe(naked)]
        pub extern "C" fn $wake() {
            naked_asm!(
                "2:",
                begin!($save, $restore),
                "mov rsp, {sheet} + {stack}",
                "push {loaded}",
                "popfq",
                "3:",
                "mov rbx, [{sheet} + {general} + {word}]",
                "mov rbp, [{sheet} + {general} + 6 * {word}]",
                "mov r12, [{sheet} + {general} + 11 * {word}]",
                "mov r13, [{sheet} + {general} + 12 * {word}]",
                "mov r14, [{sheet} + {general} + 13 * {word}]",
                "mov r15, [{sheet} + {general} + 14 * {word}]",
                "mov eax, [{sheet} + {endpoint}]",
                "mov edi, {receive}",
                "mov r10, rsp",
                "syscall",
                "and edi, {kind}",
                "cmp edi, {timer}",
                "jne 9f",
                "cmp rbx, [{sheet} + {general} + {word}]",
                "jne 9f",
                "cmp rbp, [{sheet} + {general} + 6 * {word}]",
                "jne 9f",
                "cmp r12, [{sheet} + {general} + 11 * {word}]",
                "jne 9f",
                "cmp r13, [{sheet} + {general} + 12 * {word}]",
                "jne 9f",
                "cmp r14, [{sheet} + {general} + 13 * {word}]",
                "jne 9f",
                "cmp r15, [{sheet} + {general} + 14 * {word}]",
                "jne 9f",
                "mov rax, fs:[0]",
                "cmp rax, [{sheet} + {general}]",
                "jne 9f",
                check_stack_and_flags!(),
                check_segments!(),
                check_floating!($save, $restore),
                "inc qword ptr [{sheet} + {rounds}]",
                "jmp 3b",
                "9:",
                "ud2",
                ".org 2b + {bytes}, 0xCC",
                sheet = const WAKE, endpoint = const ENDPOINT, receive = const RECEIVE, kind = const KIND,
                timer = const TIMER, bytes = const BYTES,
                filled = const FILLED, expected = const EXPECTED, found = const FOUND, general = const REGISTERS,
                rounds = const ROUNDS, stack = const STACK, word = const WORD, loaded = const FLAGS_LOADED,
                seen = const FLAGS_SEEN, own = const FLAGS_OWN, legacy = const $legacy, upper = const $upper.0,
                upper_words = const $upper.1,
            )
        }
    };
}

/// Fills the floating-point registers and notes their contents. `fnop` comes first, since the emulator's XRSTOR and
/// XSAVE don't trap where floating point is off.
macro_rules! begin {
    ($save:literal, $restore:literal) => {
        concat!(
            "fnop\n mov eax, -1\n mov edx, -1\n",
            $restore,
            " [{sheet} + {filled}]\n",
            $save,
            " [{sheet} + {expected}]\n",
            $restore,
            " [{sheet} + {filled}]"
        )
    };
}

macro_rules! check_stack_and_flags {
    () => {
        "cmp rsp, {sheet} + {stack}\n jne 9f\n pushfq\n and dword ptr [rsp], {seen}\n cmp dword ptr [rsp], {own}\n \
         lea rsp, [rsp + {word}]\n jne 9f"
    };
}

/// In 64-bit mode data segments are null.
macro_rules! check_segments {
    () => {
        "mov eax, ds\n mov ecx, es\n or eax, ecx\n mov ecx, fs\n or eax, ecx\n mov ecx, gs\n or eax, ecx\n jnz 9f"
    };
}

macro_rules! check_floating {
    ($save:literal, $restore:literal) => {
        concat!(
            "mov eax, -1\n mov edx, -1\n",
            $save,
            " [{sheet} + {found}]\n",
            "mov esi, {sheet} + {expected}\n mov edi, {sheet} + {found}\n mov ecx, {legacy}\n repe cmpsq\n jne 9f\n",
            "mov esi, {sheet} + {expected} + {upper}\n mov edi, {sheet} + {found} + {upper}\n",
            "mov ecx, {upper_words}\n repe cmpsq\n jne 9f\n",
            $restore,
            " [{sheet} + {filled}]"
        )
    };
}

witnesses!(spin_x87, wake_x87, "fnsave", "frstor", LEGACY_FNSAVE, UPPER_FNSAVE);
witnesses!(spin_sse, wake_sse, "fxsave64", "fxrstor64", LEGACY_FXSAVE, UPPER_FXSAVE);
witnesses!(spin_avx, wake_avx, "xsave64", "xrstor64", LEGACY_FXSAVE, UPPER_XSAVE);
