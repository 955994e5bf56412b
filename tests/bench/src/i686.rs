//! The threads that measure and are measured, on i686. Each is a thread's first code: its argument is the first word of
//! the message that it is started with (ebx), and it uses general registers alone. A message takes all of them but ecx,
//! so what a thread keeps is on its stack.

use abi::{CALL_PAGE_I686, Kind, Operation, Options, Register, Tag};
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

/// The state of a measuring thread.
#[repr(C)]
struct Kept {
    before: usize,
    plan: usize,
    samples: usize,
    rounds: usize,
}

/// Puts the plan's address (ebx) and what it says of samples on the stack.
macro_rules! keep {
    () => {
        "sub esp, {kept}\n mov [esp + {kept_plan}], ebx\n mov eax, [ebx + {samples}]\n mov [esp + {kept_samples}], \
         eax\n mov eax, [ebx + {rounds}]\n mov [esp + {kept_rounds}], eax"
    };
}

/// Notes the sample in eax. Sets the zero flag after the last.
macro_rules! note {
    () => {
        "mov ecx, [esp + {kept_samples}]\n mov [ecx], eax\n add dword ptr [esp + {kept_samples}], {sample}\n \
         dec dword ptr [esp + {kept_rounds}]"
    };
}

/// Says that all is done, and ends the thread.
macro_rules! end {
    () => {
        "mov ecx, [esp + {kept_plan}]\n mov edx, [ecx + {done}]\n mov eax, {notify}\n mov ebx, 1\n mov ecx, {page}\n \
         call ecx\n mov eax, {exit}\n mov ecx, {page}\n call ecx"
    };
}

/// Makes a call again and again and notes one sample a round, as [`kind`] says. The argument is the [`Plan`].
///
/// # Safety
/// Only a thread that the bench started for it runs it, with the registers that it says.
#[unsafe(naked)]
pub unsafe extern "C" fn measure<const KIND: usize>() {
    naked_asm!(
        keep!(),
        "cmp dword ptr [ebx + {float}], 0",
        "je 2f",
        "fninit",
        "2:",
        "mov ecx, [esp + {kept_plan}]",
        "mov ebx, [ecx + {raise}]",
        ".if {kind} == {whole} || {kind} == {cycle} || {kind} == {nothing}",
        "ss rdtsc",
        ".elseif {kind} == {back}",
        "rdtsc",
        ".else",
        "cs rdtsc",
        ".endif",
        "mov [esp + {kept_before}], eax",
        ".if {kind} == {interrupt} || {kind} == {cycle}",
        "mov dword ptr [ebx], 1",
        ".endif",
        ".if {kind} == {cycle} || {kind} == {nothing}",
        "ds rdtsc",
        "sub eax, [esp + {kept_before}]",
        ".else",
        "mov eax, [ecx + {tag}]",
        "mov edx, [ecx + {handle}]",
        "mov ebx, [ecx + {words}]",
        "mov esi, [ecx + {words} + {word}]",
        "mov edi, [ecx + {words} + 2 * {word}]",
        "mov ebp, [ecx + {words} + 3 * {word}]",
        // LLVM refuses a direct call to a number in Intel syntax.
        "mov ecx, {page}",
        "call ecx",
        ".if {kind} == {whole}",
        "ds rdtsc",
        "sub eax, [esp + {kept_before}]",
        ".elseif {kind} == {there} || {kind} == {interrupt}",
        "mov eax, ebx",
        "sub eax, [esp + {kept_before}]",
        ".elseif {kind} == {back}",
        "ds rdtsc",
        "sub eax, ebx",
        ".else",
        "mov ecx, [esp + {kept_plan}]",
        "mov edx, [ecx + {handle}]",
        "mov eax, {notified}",
        "mov ecx, {page}",
        "call ecx",
        "mov eax, ebx",
        "sub eax, [esp + {kept_before}]",
        ".endif",
        ".endif",
        note!(),
        "jnz 2b",
        end!(),
        kept = const size_of::<Kept>(),
        kept_before = const offset_of!(Kept, before),
        kept_plan = const offset_of!(Kept, plan),
        kept_samples = const offset_of!(Kept, samples),
        kept_rounds = const offset_of!(Kept, rounds),
        handle = const offset_of!(Plan, handle),
        tag = const offset_of!(Plan, tag),
        words = const offset_of!(Plan, words),
        word = const WORD,
        rounds = const offset_of!(Plan, rounds),
        samples = const offset_of!(Plan, samples),
        sample = const size_of::<u32>(),
        done = const offset_of!(Plan, done),
        float = const offset_of!(Plan, float),
        page = const CALL_PAGE_I686,
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

/// The state of the server.
#[repr(C)]
struct Serving {
    endpoint: usize,
    notified: usize,
}

/// The partner's server: echoes as fast as it can, and looks at the clock first once it was asked for times. The
/// argument is its endpoint.
///
/// # Safety
/// Only a thread that the bench started for it runs it, with the registers that it says.
#[unsafe(naked)]
pub unsafe extern "C" fn serve() {
    naked_asm!(
        "sub esp, {serving}",
        "mov [esp + {endpoint}], ebx",
        "2:",
        "mov eax, {reply_receive}",
        "mov edx, [esp + {endpoint}]",
        "mov ecx, {page}",
        "call ecx",
        "cmp ax, {echo}",
        "je 2b",
        "jmp 4f",
        "3:",
        "mov eax, {reply_receive}",
        "mov edx, [esp + {endpoint}]",
        "mov ecx, {page}",
        "call ecx",
        "4:",
        "mov ecx, eax",
        "es rdtsc",
        "cmp cx, {echo}",
        "je 2b",
        "cmp cx, {stamp}",
        "je 5f",
        "cmp cx, {asked}",
        "je 6f",
        "cmp cx, {float}",
        "je 7f",
        "mov [esp + {notified}], eax",
        "jmp 3b",
        "5:",
        "mov ebx, eax",
        "jmp 3b",
        "6:",
        "mov ebx, [esp + {notified}]",
        "jmp 3b",
        "7:",
        "fninit",
        "jmp 3b",
        serving = const size_of::<Serving>(),
        endpoint = const offset_of!(Serving, endpoint),
        notified = const offset_of!(Serving, notified),
        page = const CALL_PAGE_I686,
        reply_receive = const tag(Operation::ReplyReceive),
        echo = const arriving(ECHO),
        stamp = const arriving(STAMP),
        asked = const arriving(NOTIFIED),
        float = const arriving(FLOAT),
    )
}

/// The state of the driver.
#[repr(C)]
struct Driving {
    endpoint: usize,
    acknowledge: usize,
    interrupted: usize,
}

/// A device's driver: acknowledges its interrupts and tells when the last came. The first argument is its endpoint, the
/// second (esi) the address of the register that acknowledges.
///
/// # Safety
/// Only a thread that the bench started for it runs it, with the registers that it says.
#[unsafe(naked)]
pub unsafe extern "C" fn drive() {
    naked_asm!(
        "sub esp, {driving}",
        "mov [esp + {endpoint}], ebx",
        "mov [esp + {acknowledge}], esi",
        "2:",
        "mov eax, {reply_receive}",
        "mov edx, [esp + {endpoint}]",
        "mov ecx, {page}",
        "call ecx",
        "mov ecx, eax",
        "es rdtsc",
        "cmp cx, {asked}",
        "je 3f",
        "mov ecx, [esp + {acknowledge}]",
        "mov dword ptr [ecx], 1",
        "mov [esp + {interrupted}], eax",
        "jmp 2b",
        "3:",
        "mov ebx, [esp + {interrupted}]",
        "jmp 2b",
        driving = const size_of::<Driving>(),
        endpoint = const offset_of!(Driving, endpoint),
        acknowledge = const offset_of!(Driving, acknowledge),
        interrupted = const offset_of!(Driving, interrupted),
        page = const CALL_PAGE_I686,
        reply_receive = const tag(Operation::ReplyReceive),
        asked = const arriving(INTERRUPTED),
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
        "mov ecx, [eax]",
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
        keep!(),
        "2:",
        "mov ecx, [esp + {kept_plan}]",
        "mov edx, [ecx + {handle}]",
        "mov eax, {reply_receive}",
        "mov ecx, {page}",
        "call ecx",
        "es rdtsc",
        "sub eax, esi",
        "and eax, {time}",
        note!(),
        "jz 3f",
        "mov ecx, [esp + {kept_plan}]",
        "mov edx, [ecx + {words}]",
        "mov eax, {write}",
        "mov ebx, {ip}",
        "lea esi, [edi + {behind}]",
        "mov ecx, {page}",
        "call ecx",
        "jmp 2b",
        "3:",
        end!(),
        kept = const size_of::<Kept>(),
        kept_plan = const offset_of!(Kept, plan),
        kept_samples = const offset_of!(Kept, samples),
        kept_rounds = const offset_of!(Kept, rounds),
        handle = const offset_of!(Plan, handle),
        words = const offset_of!(Plan, words),
        rounds = const offset_of!(Plan, rounds),
        samples = const offset_of!(Plan, samples),
        sample = const size_of::<u32>(),
        done = const offset_of!(Plan, done),
        time = const FAULT_TIME,
        behind = const FAULTING_BYTES,
        ip = const Register::Ip as usize,
        page = const CALL_PAGE_I686,
        reply_receive = const tag(Operation::ReplyReceive),
        write = const tag(Operation::ThreadWrite),
        notify = const tag(Operation::Notify),
        exit = const tag(Operation::ThreadExit),
    )
}

/// Binds an interrupt, if it gets one, then waits for messages for good, with a deadline that never comes. A large
/// system has many such threads, which load the scheduler, the endpoints and the timer. The words are the interrupt,
/// the endpoint that it is bound to, the trigger and the endpoint to wait at. The code needs no other memory: it calls
/// by the gate, which keeps the stack pointer, and holds the endpoint there.
///
/// # Safety
/// Only a thread that the bench started for it runs it, with the registers that it says.
#[unsafe(naked)]
pub unsafe extern "C" fn park() {
    naked_asm!(
        "mov esp, ebp",
        "test ebx, ebx",
        "jz 2f",
        "mov edx, ebx",
        "mov ebx, esi",
        "xor esi, esi",
        "mov eax, {bind}",
        "int 0x80",
        "2:",
        "mov edx, esp",
        "mov eax, {receive}",
        "xor ebx, ebx",
        "mov esi, {never}",
        "int 0x80",
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
