//! The threads that measure and are measured, on x86_64. Each is a thread's first code: its argument is the first word
//! of the message that it is started with (rsi), and it uses general registers alone.

use abi::{Kind, Operation, Options, Register, Tag};
use core::arch::naked_asm;
use core::mem::offset_of;

use crate::{
    ECHO, FAULT_BASE, FAULT_TIME, FAULTING_BYTES, FLOAT, INTERRUPTED, NEVER_HIGH, NOTIFIED, Plan, STAMP, kind,
};

const WORD: usize = size_of::<usize>();

/// A call without label and options.
const fn tag(operation: Operation) -> usize {
    operation as usize
}

/// The low half of the tag of a call with that label, as it arrives.
const fn arriving(label: u8) -> usize {
    Kind::Call as usize | (label as usize) << 8
}

/// Makes a call again and again and notes one sample a round, as [`kind`] says. The argument is the [`Plan`].
///
/// # Safety
/// Only a thread that the bench started for it runs it, with the registers that it says.
#[unsafe(naked)]
pub unsafe extern "C" fn measure<const KIND: usize>() {
    naked_asm!(
        "mov rbx, rsi",
        "mov r12, [rbx + {samples}]",
        "mov r13, [rbx + {rounds}]",
        "mov r15, [rbx + {raise}]",
        "cmp qword ptr [rbx + {float}], 0",
        "je 2f",
        "fninit",
        "2:",
        ".if {kind} == {whole} || {kind} == {cycle} || {kind} == {nothing}",
        "ss rdtsc",
        ".elseif {kind} == {back}",
        "rdtsc",
        ".else",
        "cs rdtsc",
        ".endif",
        "mov r14d, eax",
        ".if {kind} == {interrupt} || {kind} == {cycle}",
        "mov dword ptr [r15], 1",
        ".endif",
        ".if {kind} == {cycle} || {kind} == {nothing}",
        "ds rdtsc",
        "sub eax, r14d",
        ".else",
        "mov eax, [rbx + {handle}]",
        "mov edi, [rbx + {tag}]",
        "mov rsi, [rbx + {words}]",
        "mov rdx, [rbx + {words} + {word}]",
        "mov r8, [rbx + {words} + 2 * {word}]",
        "mov r9, [rbx + {words} + 3 * {word}]",
        "mov r10, rsp",
        "syscall",
        ".if {kind} == {whole}",
        "ds rdtsc",
        "sub eax, r14d",
        ".elseif {kind} == {there} || {kind} == {interrupt}",
        "mov eax, esi",
        "sub eax, r14d",
        ".elseif {kind} == {back}",
        "ds rdtsc",
        "sub eax, esi",
        ".else",
        "mov eax, [rbx + {handle}]",
        "mov edi, {notified}",
        "mov r10, rsp",
        "syscall",
        "mov eax, esi",
        "sub eax, r14d",
        ".endif",
        ".endif",
        "mov [r12], eax",
        "add r12, {sample}",
        "dec r13",
        "jnz 2b",
        "mov eax, [rbx + {done}]",
        "mov edi, {notify}",
        "mov esi, 1",
        "mov r10, rsp",
        "syscall",
        "mov edi, {exit}",
        "mov r10, rsp",
        "syscall",
        handle = const offset_of!(Plan, handle),
        tag = const offset_of!(Plan, tag),
        words = const offset_of!(Plan, words),
        word = const WORD,
        rounds = const offset_of!(Plan, rounds),
        samples = const offset_of!(Plan, samples),
        sample = const size_of::<u32>(),
        done = const offset_of!(Plan, done),
        float = const offset_of!(Plan, float),
        raise = const offset_of!(Plan, raise),
        kind = const KIND,
        whole = const kind::WHOLE,
        there = const kind::THERE,
        back = const kind::BACK,
        interrupt = const kind::INTERRUPT,
        cycle = const kind::CYCLE,
        nothing = const kind::NOTHING,
        notified = const tag(Operation::Call) | (NOTIFIED as usize) << 8,
        notify = const tag(Operation::Notify),
        exit = const tag(Operation::ThreadExit),
    )
}

/// The partner's server: echoes as fast as it can, and looks at the clock first once it was asked for times. The
/// argument is its endpoint.
///
/// # Safety
/// Only a thread that the bench started for it runs it, with the registers that it says.
#[unsafe(naked)]
pub unsafe extern "C" fn serve() {
    naked_asm!(
        "mov r12d, esi",
        "xor r13d, r13d",
        "2:",
        "mov eax, r12d",
        "mov edi, {reply_receive}",
        "mov r10, rsp",
        "syscall",
        "cmp di, {echo}",
        "je 2b",
        "jmp 4f",
        "3:",
        "mov eax, r12d",
        "mov edi, {reply_receive}",
        "mov r10, rsp",
        "syscall",
        "4:",
        "es rdtsc",
        "cmp di, {echo}",
        "je 2b",
        "cmp di, {stamp}",
        "je 5f",
        "cmp di, {notified}",
        "je 6f",
        "cmp di, {float}",
        "je 7f",
        "mov r13d, eax",
        "jmp 3b",
        "5:",
        "mov esi, eax",
        "jmp 3b",
        "6:",
        "mov esi, r13d",
        "jmp 3b",
        "7:",
        "fninit",
        "jmp 3b",
        reply_receive = const tag(Operation::ReplyReceive),
        echo = const arriving(ECHO),
        stamp = const arriving(STAMP),
        notified = const arriving(NOTIFIED),
        float = const arriving(FLOAT),
    )
}

/// A device's driver: acknowledges its interrupts and tells when the last came. The first argument is its endpoint, the
/// second (rdx) the address of the register that acknowledges.
///
/// # Safety
/// Only a thread that the bench started for it runs it, with the registers that it says.
#[unsafe(naked)]
pub unsafe extern "C" fn drive() {
    naked_asm!(
        "mov r12d, esi",
        "mov rbx, rdx",
        "xor r13d, r13d",
        "2:",
        "mov eax, r12d",
        "mov edi, {reply_receive}",
        "mov r10, rsp",
        "syscall",
        "es rdtsc",
        "cmp di, {interrupted}",
        "je 3f",
        "mov dword ptr [rbx], 1",
        "mov r13d, eax",
        "jmp 2b",
        "3:",
        "mov esi, r13d",
        "jmp 2b",
        reply_receive = const tag(Operation::ReplyReceive),
        interrupted = const arriving(INTERRUPTED),
    )
}

/// Faults again and again, at an address that tells the time. Needs no argument.
///
/// # Safety
/// Only a thread that the bench started for it runs it, with the registers that it says.
#[unsafe(naked)]
pub unsafe extern "C" fn fault() {
    naked_asm!(
        "2:",
        "cs rdtsc",
        "and eax, {time}",
        "or eax, {base}",
        "mov ecx, [rax]",
        "jmp 2b",
        time = const FAULT_TIME,
        base = const FAULT_BASE,
    )
}

/// Handles the faults of [`fault`]: a sample is from the time in the address to the message. The argument is the
/// [`Plan`].
///
/// # Safety
/// Only a thread that the bench started for it runs it, with the registers that it says.
#[unsafe(naked)]
pub unsafe extern "C" fn handle_faults() {
    naked_asm!(
        "mov rbx, rsi",
        "mov r12, [rbx + {samples}]",
        "mov r13, [rbx + {rounds}]",
        "2:",
        "mov eax, [rbx + {handle}]",
        "mov edi, {reply_receive}",
        "mov r10, rsp",
        "syscall",
        "mov ecx, edx",
        "es rdtsc",
        "sub eax, ecx",
        "and eax, {time}",
        "mov [r12], eax",
        "add r12, {sample}",
        "dec r13",
        "jz 3f",
        "mov eax, [rbx + {words}]",
        "mov edi, {write}",
        "lea edx, [r8 + {behind}]",
        "mov esi, {ip}",
        "mov r10, rsp",
        "syscall",
        "jmp 2b",
        "3:",
        "mov eax, [rbx + {done}]",
        "mov edi, {notify}",
        "mov esi, 1",
        "mov r10, rsp",
        "syscall",
        "mov edi, {exit}",
        "mov r10, rsp",
        "syscall",
        handle = const offset_of!(Plan, handle),
        words = const offset_of!(Plan, words),
        rounds = const offset_of!(Plan, rounds),
        samples = const offset_of!(Plan, samples),
        sample = const size_of::<u32>(),
        done = const offset_of!(Plan, done),
        time = const FAULT_TIME,
        behind = const FAULTING_BYTES,
        ip = const Register::Ip as usize,
        reply_receive = const tag(Operation::ReplyReceive),
        write = const tag(Operation::ThreadWrite),
        notify = const tag(Operation::Notify),
        exit = const tag(Operation::ThreadExit),
    )
}

/// Binds an interrupt, if it gets one, then waits for messages for good, with a deadline that never comes. A large
/// system has many such threads, which load the scheduler, the endpoints and the timer. The words are the interrupt,
/// the endpoint that it is bound to, the trigger and the endpoint to wait at. The code needs no other memory.
///
/// # Safety
/// Only a thread that the bench started for it runs it, with the registers that it says.
#[unsafe(naked)]
pub unsafe extern "C" fn park() {
    naked_asm!(
        "mov r12d, r9d",
        "test esi, esi",
        "jz 2f",
        "mov eax, esi",
        "mov esi, edx",
        "xor edx, edx",
        "mov edi, {bind}",
        "mov r10, rsp",
        "syscall",
        "2:",
        "mov eax, r12d",
        "mov edi, {receive}",
        "xor esi, esi",
        "mov edx, {never}",
        "mov r10, rsp",
        "syscall",
        "jmp 2b",
        bind = const tag(Operation::InterruptBind),
        receive = const Tag::incoming(Operation::Receive, 0, Options::DEADLINE).0,
        never = const NEVER_HIGH,
    )
}

/// Runs whenever nothing else does.
///
/// # Safety
/// Only a thread that the bench started for it runs it.
#[unsafe(naked)]
pub unsafe extern "C" fn spin() {
    naked_asm!("2:", "pause", "jmp 2b")
}
