//! The first instructions in a victim, copied into its memory: of the thread that is a step, and of the other one.

use abi::{Kind, Operation, Options, Tag};
use core::arch::naked_asm;
use core::mem::offset_of;
use fuzz::layout::{DESK, LAUNCH};
use fuzz::registers::{Desk, Registers, Slot};

/// Bytes that each of the two functions takes.
const BYTES: usize = 256;

/// Where a step begins whose registers code loads. Word 3: bit 0 to load x87, bit 1 MXCSR.
pub const STEP: usize = LAUNCH;

/// Where the thread begins that calls the victim's second endpoint for ever.
pub const CALLER: usize = LAUNCH + BYTES;

/// Loads x87.
pub const LOAD_X87: usize = 1;
/// Loads MXCSR.
pub const LOAD_MXCSR: usize = 2;

/// Both functions, as they stand at [`LAUNCH`].
pub fn code() -> [u8; 2 * BYTES] {
    let mut code = [0; 2 * BYTES];
    for (to, function) in code.chunks_mut(BYTES).zip([step as extern "C" fn(), call]) {
        // SAFETY: the functions are padded to `BYTES` bytes, all of them readable code.
        to.copy_from_slice(unsafe { core::slice::from_raw_parts(function as *const u8, BYTES) });
    }
    code
}

const REGISTERS: usize = DESK + offset_of!(Desk, registers);
const GENERAL: usize = REGISTERS + offset_of!(Registers, general);
const POINTER: usize = REGISTERS + offset_of!(Registers, pointer);
const STACK: usize = REGISTERS + offset_of!(Registers, stack);
const FLAGS: usize = REGISTERS + offset_of!(Registers, flags);
/// A stack for the flags, at the end of the desk's page.
const DESK_END: usize = DESK + abi::PAGE_BYTES;
const MXCSR: usize = REGISTERS + offset_of!(Registers, mxcsr);
const FLOATING: usize = REGISTERS + offset_of!(Registers, floating);
const CALLED: usize = Desk::handle_address(Slot::CalledEndpoint as usize);
const CALL: u32 = Tag::incoming(Operation::Call, 0, Options::empty()).0;
const EXIT: u32 = Tag::incoming(Operation::ThreadExit, 0, Options::empty()).0;
/// The bits of a tag that say what kind of message came.
const KIND: u32 = 0xF;
const WORD: usize = size_of::<usize>();

/// The flags may not have TF, which would end the step here. `iretq` could load all at once, but the emulator reads its
/// frame with the kernel's rights, which SMAP refuses.
#[cfg(target_arch = "x86_64")]
#[unsafe(naked)]
extern "C" fn step() {
    naked_asm!(
        "2:",
        "test r9d, {load_x87}",
        "jz 3f",
        "frstor [{floating}]",
        "3:",
        "test r9d, {load_mxcsr}",
        "jz 4f",
        "ldmxcsr [{mxcsr}]",
        "4:",
        "mov esp, {desk_end}",
        "push qword ptr [{flags}]",
        "popfq",
        "mov rax, [{general}]",
        "mov rbx, [{general} + {word}]",
        "mov rcx, [{general} + 2 * {word}]",
        "mov rdx, [{general} + 3 * {word}]",
        "mov rsi, [{general} + 4 * {word}]",
        "mov rdi, [{general} + 5 * {word}]",
        "mov rbp, [{general} + 6 * {word}]",
        "mov r8, [{general} + 7 * {word}]",
        "mov r9, [{general} + 8 * {word}]",
        "mov r10, [{general} + 9 * {word}]",
        "mov r11, [{general} + 10 * {word}]",
        "mov r12, [{general} + 11 * {word}]",
        "mov r13, [{general} + 12 * {word}]",
        "mov r14, [{general} + 13 * {word}]",
        "mov r15, [{general} + 14 * {word}]",
        "mov rsp, [{stack}]",
        "jmp qword ptr [{pointer}]",
        ".org 2b + {bytes}, 0xCC",
        load_x87 = const LOAD_X87,
        load_mxcsr = const LOAD_MXCSR,
        floating = const FLOATING,
        mxcsr = const MXCSR,
        general = const GENERAL,
        desk_end = const DESK_END,
        flags = const FLAGS,
        stack = const STACK,
        pointer = const POINTER,
        word = const WORD,
        bytes = const BYTES,
    )
}

/// The flags may not have TF, which would end the step here.
#[cfg(target_arch = "x86")]
#[unsafe(naked)]
extern "C" fn step() {
    naked_asm!(
        "2:",
        "test ebp, {load_x87}",
        "jz 3f",
        "frstor [{floating}]",
        "3:",
        "test ebp, {load_mxcsr}",
        "jz 4f",
        "ldmxcsr [{mxcsr}]",
        "4:",
        "mov esp, {desk_end}",
        "push dword ptr [{flags}]",
        "popfd",
        "mov ebx, [{general} + {word}]",
        "mov ecx, [{general} + 2 * {word}]",
        "mov edx, [{general} + 3 * {word}]",
        "mov esi, [{general} + 4 * {word}]",
        "mov edi, [{general} + 5 * {word}]",
        "mov ebp, [{general} + 6 * {word}]",
        "mov eax, [{selectors} + {half}]",
        "mov es, eax",
        "mov eax, [{selectors} + 2 * {half}]",
        "mov fs, eax",
        "mov eax, [{selectors} + 3 * {half}]",
        "mov gs, eax",
        "mov eax, [{selectors}]",
        "mov ds, eax",
        // From here on by the code segment, which can be read and is as it was.
        "mov eax, cs:[{general}]",
        "mov esp, cs:[{stack}]",
        "jmp dword ptr cs:[{pointer}]",
        ".org 2b + {bytes}, 0xCC",
        load_x87 = const LOAD_X87,
        load_mxcsr = const LOAD_MXCSR,
        floating = const FLOATING,
        mxcsr = const MXCSR,
        desk_end = const DESK_END,
        general = const GENERAL,
        flags = const FLAGS,
        stack = const STACK,
        pointer = const POINTER,
        selectors = const REGISTERS + offset_of!(Registers, selectors),
        half = const size_of::<u32>(),
        word = const WORD,
        bytes = const BYTES,
    )
}

/// Calls, and again once it is answered; an error ends it, since then nothing more can come.
#[cfg(target_arch = "x86_64")]
#[unsafe(naked)]
extern "C" fn call() {
    naked_asm!(
        "2:",
        "mov edi, {call}",
        "mov eax, [{called}]",
        "mov r10, rsp",
        "syscall",
        "and edi, {kind}",
        "cmp edi, {reply}",
        "je 2b",
        "mov edi, {exit}",
        "int 0x80",
        "ud2",
        ".org 2b + {bytes}, 0xCC",
        call = const CALL,
        called = const CALLED,
        kind = const KIND,
        reply = const Kind::Reply as u32,
        exit = const EXIT,
        bytes = const BYTES,
    )
}

/// Calls, and again once it is answered; an error ends it, since then nothing more can come.
#[cfg(target_arch = "x86")]
#[unsafe(naked)]
extern "C" fn call() {
    naked_asm!(
        "2:",
        "mov eax, {call}",
        "mov edx, [{called}]",
        "int 0x80",
        "and eax, {kind}",
        "cmp eax, {reply}",
        "je 2b",
        "mov eax, {exit}",
        "int 0x80",
        "ud2",
        ".org 2b + {bytes}, 0xCC",
        call = const CALL,
        called = const CALLED,
        kind = const KIND,
        reply = const Kind::Reply as u32,
        exit = const EXIT,
        bytes = const BYTES,
    )
}
