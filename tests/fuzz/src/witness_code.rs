//! A witness's code, copied into its memory: it fills all registers and looks whether they stay.
//!
//! No compiler writes this, since one may use any register at any time. A witness that finds a difference executes
//! `ud2`, at an address that says which; what it found is in its sheet.

use abi::{Kind, Operation, Options, PAGE_BYTES, Tag};
use core::arch::naked_asm;
use core::mem::offset_of;
use fuzz::layout::WITNESS_SHEETS;
use fuzz::registers::GENERAL;
use suite::float::{Area, Level};

/// Bytes that each function takes.
pub const BYTES: usize = 1024;

/// What a witness holds, and what it found.
#[derive(Clone)]
#[repr(C, align(64))]
pub struct Sheet {
    /// What the floating-point registers are filled with.
    pub filled: Area,
    /// What they were, saved at once.
    pub expected: Area,
    /// What they were later.
    pub found: Area,
    /// What the general registers are filled with; the FS base is the address of this.
    pub general: [usize; GENERAL],
    /// Rounds so far.
    pub rounds: usize,
    /// How often the registers are looked at before the next look at floating point.
    pub left: usize,
    /// The endpoint at which the second witness waits.
    pub endpoint: u32,
    /// DS, ES, FS, GS, SS as they were at first.
    pub segments: [u32; 5],
    /// The thread's stack.
    pub stack: [usize; 16],
}

const _: () = assert!(size_of::<Sheet>() <= PAGE_BYTES, "each sheet is a page");

impl Sheet {
    /// Nothing in it yet.
    pub const EMPTY: Self = Self {
        filled: Area([0; 1088]),
        expected: Area([0; 1088]),
        found: Area([0; 1088]),
        general: [0; GENERAL],
        rounds: 0,
        left: 0,
        endpoint: 0,
        segments: [0; 5],
        stack: [0; 16],
    };
}

/// Both witnesses' functions for this CPU, as they stand in their memory: the one that runs whenever nobody else does,
/// and the one that a timer wakes.
pub fn code(level: Level) -> [u8; 2 * BYTES] {
    let functions: [extern "C" fn(); 2] = match level {
        Level::X87 => [spin_x87, wake_x87],
        Level::Sse => [spin_sse, wake_sse],
        Level::Avx => [spin_avx, wake_avx],
    };
    let mut code = [0; 2 * BYTES];
    for (to, function) in code.chunks_mut(BYTES).zip(functions) {
        // SAFETY: the functions are padded to so many bytes, all of them readable code.
        to.copy_from_slice(unsafe { core::slice::from_raw_parts(function as *const u8, BYTES) });
    }
    code
}

const SPIN: usize = WITNESS_SHEETS;
const WAKE: usize = WITNESS_SHEETS + PAGE_BYTES;
const FILLED: usize = offset_of!(Sheet, filled);
const EXPECTED: usize = offset_of!(Sheet, expected);
const FOUND: usize = offset_of!(Sheet, found);
const REGISTERS: usize = offset_of!(Sheet, general);
const ROUNDS: usize = offset_of!(Sheet, rounds);
const LEFT: usize = offset_of!(Sheet, left);
const ENDPOINT: usize = offset_of!(Sheet, endpoint);
/// A quadword short of its end: what a popped flag leaves room for.
const STACK: usize = offset_of!(Sheet, stack) + size_of::<[usize; 15]>();
const WORD: usize = size_of::<usize>();
/// Looks at the general registers for one at floating point.
const LOOKS: usize = 8;

/// The parts of a saved area that are registers: the legacy part, and where the upper halves stand.
const LEGACY_FXSAVE: usize = 512 / WORD;
const LEGACY_FNSAVE: usize = 108 / WORD;
const UPPER: usize = 576;
const UPPER_XSAVE: usize = (if GENERAL > 8 { 256 } else { 128 }) / WORD;

/// Flags that are looked at: TF, IF, DF, IOPL, NT, RF, VM, AC, VIF, VIP, ID.
const FLAGS_SEEN: u32 = 1 << 8 | 1 << 9 | 1 << 10 | 3 << 12 | 1 << 14 | 0x3F << 16;
/// Those of them that a witness has: IF, AC, ID.
const FLAGS_OWN: u32 = 1 << 9 | 1 << 18 | 1 << 21;
/// As the kernel's gates leave them, for the arithmetic ones.
const FLAGS_LOADED: u32 = FLAGS_OWN | 2;

const RECEIVE: u32 = Tag::incoming(Operation::Receive, 0, Options::empty()).0;
/// The bits of a tag that say what kind of message came.
const KIND: u32 = 0xF;
const TIMER: u32 = Kind::Timer as u32;

#[cfg(target_arch = "x86_64")]
macro_rules! witnesses {
    ($spin:ident, $wake:ident, $save:literal, $restore:literal, $legacy:expr, $upper:expr) => {
        #[unsafe(naked)]
        extern "C" fn $spin() {
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
                seen = const FLAGS_SEEN, own = const FLAGS_OWN, legacy = const $legacy, upper = const UPPER,
                upper_words = const $upper,
            )
        }

        /// Those registers that a call changes aren't looked at.
        #[unsafe(naked)]
        extern "C" fn $wake() {
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
                seen = const FLAGS_SEEN, own = const FLAGS_OWN, legacy = const $legacy, upper = const UPPER,
                upper_words = const $upper,
            )
        }
    };
}

/// Fills the floating-point registers and notes what they are then. `fnop` since the emulator lets XRSTOR and XSAVE by
/// where floating point is off.
#[cfg(target_arch = "x86_64")]
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

#[cfg(target_arch = "x86_64")]
macro_rules! check_stack_and_flags {
    () => {
        "cmp rsp, {sheet} + {stack}\n jne 9f\n pushfq\n and dword ptr [rsp], {seen}\n cmp dword ptr [rsp], {own}\n \
         lea rsp, [rsp + {word}]\n jne 9f"
    };
}

/// In 64-bit mode data segments are null.
#[cfg(target_arch = "x86_64")]
macro_rules! check_segments {
    () => {
        "mov eax, ds\n mov ecx, es\n or eax, ecx\n mov ecx, fs\n or eax, ecx\n mov ecx, gs\n or eax, ecx\n jnz 9f"
    };
}

#[cfg(target_arch = "x86_64")]
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

#[cfg(target_arch = "x86")]
macro_rules! witnesses {
    ($spin:ident, $wake:ident, $save:literal, $restore:literal, $legacy:expr, $upper:expr) => {
        #[unsafe(naked)]
        extern "C" fn $spin() {
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
                seen = const FLAGS_SEEN, own = const FLAGS_OWN, legacy = const $legacy, upper = const UPPER,
                upper_words = const $upper, segments = const offset_of!(Sheet, segments),
                selector = const size_of::<u32>(),
            )
        }

        /// A call changes all general registers but the stack pointer. By the gate, since `sysexit` has no flags to
        /// give back.
        #[unsafe(naked)]
        extern "C" fn $wake() {
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
                seen = const FLAGS_SEEN, own = const FLAGS_OWN, legacy = const $legacy, upper = const UPPER,
                upper_words = const $upper, segments = const offset_of!(Sheet, segments),
                selector = const size_of::<u32>(),
            )
        }
    };
}

/// As on x86_64; besides, ES and GS get the code segment, which can be read, and all segments are noted.
#[cfg(target_arch = "x86")]
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

#[cfg(target_arch = "x86")]
macro_rules! check_stack_and_flags {
    () => {
        "cmp esp, {sheet} + {stack}\n jne 9f\n pushfd\n and dword ptr [esp], {seen}\n cmp dword ptr [esp], {own}\n \
         lea esp, [esp + {word}]\n jne 9f"
    };
}

#[cfg(target_arch = "x86")]
macro_rules! check_segments {
    () => {
        "mov eax, ds\n cmp eax, [{sheet} + {segments}]\n jne 9f\n \
         mov eax, es\n cmp eax, [{sheet} + {segments} + {selector}]\n jne 9f\n \
         mov eax, fs\n cmp eax, [{sheet} + {segments} + 2 * {selector}]\n jne 9f\n \
         mov eax, gs\n cmp eax, [{sheet} + {segments} + 3 * {selector}]\n jne 9f\n \
         mov eax, ss\n cmp eax, [{sheet} + {segments} + 4 * {selector}]\n jne 9f"
    };
}

#[cfg(target_arch = "x86")]
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

witnesses!(spin_x87, wake_x87, "fnsave", "frstor", LEGACY_FNSAVE, 0);
#[cfg(target_arch = "x86")]
witnesses!(spin_sse, wake_sse, "fxsave", "fxrstor", LEGACY_FXSAVE, 0);
#[cfg(target_arch = "x86")]
witnesses!(spin_avx, wake_avx, "xsave", "xrstor", LEGACY_FXSAVE, UPPER_XSAVE);
#[cfg(target_arch = "x86_64")]
witnesses!(spin_sse, wake_sse, "fxsave64", "fxrstor64", LEGACY_FXSAVE, 0);
#[cfg(target_arch = "x86_64")]
witnesses!(spin_avx, wake_avx, "xsave64", "xrstor64", LEGACY_FXSAVE, UPPER_XSAVE);
