//! The witnesses' instructions on i686.

use super::Sheet;
use super::{
    BYTES, ENDPOINT, EXPECTED, FILLED, FLAGS_LOADED, FLAGS_OWN, FLAGS_SEEN, FOUND, KIND, LEFT, LEGACY_FNSAVE,
    LEGACY_FXSAVE, LOOKS, RECEIVE, REGISTERS, ROUNDS, SPIN, STACK, TIMER, UPPER_FNSAVE, UPPER_FXSAVE, UPPER_XSAVE,
    WAKE, WORD,
};
use core::arch::naked_asm;
use core::mem::offset_of;

macro_rules! witnesses {
    ($spin:ident, $wake:ident, $save:literal, $restore:literal, $legacy:expr, $upper:expr) => {
        #[unsafe(naked)]
        pub extern "C" fn $spin() {
            naked_asm!(
                "2:",
                begin!($save, $restore),
                "3:",
                "mov esp, {sheet} + {stack}",
                "push {loaded}",
                "popfd",
                "mov dword ptr [{sheet} + {left}], {looks}",
                "mov eax, [{sheet} + {general}]",
                "mov ebx, [{sheet} + {general} + {word}]",
                "mov ecx, [{sheet} + {general} + 2 * {word}]",
                "mov edx, [{sheet} + {general} + 3 * {word}]",
                "mov esi, [{sheet} + {general} + 4 * {word}]",
                "mov edi, [{sheet} + {general} + 5 * {word}]",
                "mov ebp, [{sheet} + {general} + 6 * {word}]",
                "4:",
                "cmp eax, fs:[0]",
                "jne 9f",
                "cmp eax, [{sheet} + {general}]",
                "jne 9f",
                "cmp ebx, [{sheet} + {general} + {word}]",
                "jne 9f",
                "cmp ecx, [{sheet} + {general} + 2 * {word}]",
                "jne 9f",
                "cmp edx, [{sheet} + {general} + 3 * {word}]",
                "jne 9f",
                "cmp esi, [{sheet} + {general} + 4 * {word}]",
                "jne 9f",
                "cmp edi, [{sheet} + {general} + 5 * {word}]",
                "jne 9f",
                "cmp ebp, [{sheet} + {general} + 6 * {word}]",
                "jne 9f",
                check_stack_and_flags!(),
                "dec dword ptr [{sheet} + {left}]",
                "jnz 4b",
                check_segments!(),
                check_floating!($save, $restore),
                "inc dword ptr [{sheet} + {rounds}]",
                "jmp 3b",
                "9:",
                "ud2",
                ".org 2b + {bytes}, 0xCC",
                sheet = const SPIN, left = const LEFT, looks = const LOOKS, bytes = const BYTES,
                filled = const FILLED, expected = const EXPECTED, found = const FOUND, general = const REGISTERS,
                rounds = const ROUNDS, stack = const STACK, word = const WORD, loaded = const FLAGS_LOADED,
                seen = const FLAGS_SEEN, own = const FLAGS_OWN, legacy = const $legacy, upper = const $upper.0,
                upper_words = const $upper.1, segments = const offset_of!(Sheet, segments),
                selector = const size_of::<u32>(),
            )
        }

        /// A call changes all general registers but the stack pointer. By the gate, since `sysexit` has no flags to
        /// give back.
        #[unsafe(naked)]
        pub extern "C" fn $wake() {
            naked_asm!(
                "2:",
                begin!($save, $restore),
                "mov esp, {sheet} + {stack}",
                "push {loaded}",
                "popfd",
                "3:",
                "mov edx, [{sheet} + {endpoint}]",
                "mov eax, {receive}",
                "int 0x80",
                "and eax, {kind}",
                "cmp eax, {timer}",
                "jne 9f",
                "mov eax, fs:[0]",
                "cmp eax, [{sheet} + {general}]",
                "jne 9f",
                check_stack_and_flags!(),
                check_segments!(),
                check_floating!($save, $restore),
                "inc dword ptr [{sheet} + {rounds}]",
                "jmp 3b",
                "9:",
                "ud2",
                ".org 2b + {bytes}, 0xCC",
                sheet = const WAKE, endpoint = const ENDPOINT, receive = const RECEIVE, kind = const KIND,
                timer = const TIMER, bytes = const BYTES,
                filled = const FILLED, expected = const EXPECTED, found = const FOUND, general = const REGISTERS,
                rounds = const ROUNDS, stack = const STACK, word = const WORD, loaded = const FLAGS_LOADED,
                seen = const FLAGS_SEEN, own = const FLAGS_OWN, legacy = const $legacy, upper = const $upper.0,
                upper_words = const $upper.1, segments = const offset_of!(Sheet, segments),
                selector = const size_of::<u32>(),
            )
        }
    };
}

/// Begins as on x86_64. In addition, ES and GS get the code segment, which can be read, and all segments are noted.
macro_rules! begin {
    ($save:literal, $restore:literal) => {
        concat!(
            "fnop\n mov eax, -1\n mov edx, -1\n",
            $restore,
            " [{sheet} + {filled}]\n",
            $save,
            " [{sheet} + {expected}]\n",
            $restore,
            " [{sheet} + {filled}]\n",
            "mov eax, cs\n mov es, eax\n mov gs, eax\n",
            "mov eax, ds\n mov [{sheet} + {segments}], eax\n",
            "mov eax, es\n mov [{sheet} + {segments} + {selector}], eax\n",
            "mov eax, fs\n mov [{sheet} + {segments} + 2 * {selector}], eax\n",
            "mov eax, gs\n mov [{sheet} + {segments} + 3 * {selector}], eax\n",
            "mov eax, ss\n mov [{sheet} + {segments} + 4 * {selector}], eax"
        )
    };
}

macro_rules! check_stack_and_flags {
    () => {
        "cmp esp, {sheet} + {stack}\n jne 9f\n pushfd\n and dword ptr [esp], {seen}\n cmp dword ptr [esp], {own}\n \
         lea esp, [esp + {word}]\n jne 9f"
    };
}

macro_rules! check_segments {
    () => {
        "mov eax, ds\n cmp eax, [{sheet} + {segments}]\n jne 9f\n \
         mov eax, es\n cmp eax, [{sheet} + {segments} + {selector}]\n jne 9f\n \
         mov eax, fs\n cmp eax, [{sheet} + {segments} + 2 * {selector}]\n jne 9f\n \
         mov eax, gs\n cmp eax, [{sheet} + {segments} + 3 * {selector}]\n jne 9f\n \
         mov eax, ss\n cmp eax, [{sheet} + {segments} + 4 * {selector}]\n jne 9f"
    };
}

macro_rules! check_floating {
    ($save:literal, $restore:literal) => {
        concat!(
            "mov eax, -1\n mov edx, -1\n",
            $save,
            " [{sheet} + {found}]\n",
            "mov esi, {sheet} + {expected}\n mov edi, {sheet} + {found}\n mov ecx, {legacy}\n repe cmpsd\n jne 9f\n",
            "mov esi, {sheet} + {expected} + {upper}\n mov edi, {sheet} + {found} + {upper}\n",
            "mov ecx, {upper_words}\n repe cmpsd\n jne 9f\n",
            $restore,
            " [{sheet} + {filled}]"
        )
    };
}

witnesses!(spin_x87, wake_x87, "fnsave", "frstor", LEGACY_FNSAVE, UPPER_FNSAVE);
witnesses!(spin_sse, wake_sse, "fxsave", "fxrstor", LEGACY_FXSAVE, UPPER_FXSAVE);
witnesses!(spin_avx, wake_avx, "xsave", "xrstor", LEGACY_FXSAVE, UPPER_XSAVE);
