//! A kernel on `extern "x86-interrupt"`, before its port to `x86-entry` (see `README.md`, `kept.rs` and `after.rs`).
//!
//! It skips the instruction that faults, counts the timer's interrupts, takes breakpoints, and runs a program in ring 3
//! that makes system calls.
#![no_std]
#![no_main]
#![feature(abi_x86_interrupt)]

#[path = "../support/mod.rs"]
#[macro_use]
mod support;
#[path = "../support/panic.rs"]
mod panic;
mod program;
mod segments;

use core::arch::{asm, naked_asm};
use core::sync::atomic::{AtomicUsize, Ordering};

use program::{program, system_call};
use support::{HOLE, NAME, Setup, Stack, console::exit, timer};
use x86::Ring;
use x86::dtables::{DescriptorTablePointer, lidt};
use x86::segmentation::{BuildDescriptor, DescriptorBuilder, GateDescriptorBuilder, SegmentSelector};

#[cfg(target_arch = "x86_64")]
type Gate = x86::bits64::segmentation::Descriptor64;
#[cfg(target_arch = "x86")]
type Gate = x86::segmentation::Descriptor;

/// What the CPU pushes. The other registers are out of reach.
#[repr(C)]
#[derive(Debug)]
struct InterruptStackFrame {
    instruction_pointer: usize,
    code_segment: usize,
    flags: usize,
    /// On i686 this and the next hold garbage where ring 0 was interrupted.
    stack_pointer: usize,
    stack_segment: usize,
}

static TABLE: Setup<[Gate; 256]> = Setup::new([Gate::NULL; 256]);
static PROGRAM_STACK: Stack = Stack::new();
static BREAKPOINTS: AtomicUsize = AtomicUsize::new(0);
static TICKS: AtomicUsize = AtomicUsize::new(0);

extern "x86-interrupt" fn breakpoint(frame: InterruptStackFrame) {
    line!("port: breakpoint at {:#x}", frame.instruction_pointer);
    BREAKPOINTS.fetch_add(1, Ordering::Relaxed);
}

extern "x86-interrupt" fn page_fault(mut frame: InterruptStackFrame, code: usize) {
    // SAFETY: ring 0.
    let address = unsafe { x86::controlregs::cr2() };
    line!("port: page fault, address {address:#x}, error code {code:#x}");
    if address != HOLE {
        exit(1)
    }
    let next = frame.instruction_pointer + LOAD_BYTES;
    // Volatile, or a release build drops it: nothing in this function reads it back.
    // SAFETY: the frame is a local variable.
    unsafe { (&raw mut frame.instruction_pointer).write_volatile(next) };
}

extern "x86-interrupt" fn double_fault(frame: InterruptStackFrame, _code: usize) -> ! {
    panic!("double fault: {frame:x?}")
}

extern "x86-interrupt" fn tick(_frame: InterruptStackFrame) {
    TICKS.fetch_add(1, Ordering::Relaxed);
    timer::end_of_interrupt();
}

/// Takes `int 0x80`: the number in the accumulator, the argument in rdi or ebx. A handler of the compiler's ABI doesn't
/// see these registers.
#[unsafe(naked)]
extern "C" fn call_entry() {
    // Nine registers and the CPU's five make the stack a multiple of 16.
    #[cfg(target_arch = "x86_64")]
    naked_asm!(
        "push rbx", "push rcx", "push rdx", "push rsi", "push rdi", "push r8", "push r9", "push r10", "push r11",
        "cld",
        "mov rsi, rdi",
        "mov rdi, rax",
        "call {call}",
        "pop r11", "pop r10", "pop r9", "pop r8", "pop rdi", "pop rsi", "pop rdx", "pop rcx", "pop rbx",
        "iretq",
        call = sym system_call,
    );
    #[cfg(target_arch = "x86")]
    naked_asm!(
        "push ecx", "push edx", "push ebx", "push eax",
        "cld",
        "call {call}",
        "pop ecx", "pop ebx", "pop edx", "pop ecx",
        "iretd",
        call = sym system_call,
    );
}

/// Goes to ring 3.
///
/// # Safety
///
/// Interrupts are off. `entry` and `stack` are ring 3's.
unsafe fn enter(entry: usize, stack: usize) -> ! {
    const INTERRUPTS_ON: usize = 0x202;
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the caller's promise.
    unsafe {
        asm!(
            "push {data}", "push {stack}", "push {flags}", "push {code}", "push {entry}", "iretq",
            data = const segments::USER_DATA, stack = in(reg) stack, flags = const INTERRUPTS_ON,
            code = const segments::USER_CODE, entry = in(reg) entry, options(noreturn),
        )
    }
    #[cfg(target_arch = "x86")]
    // SAFETY: the caller's promise.
    unsafe {
        asm!(
            "mov ds, {data:x}", "mov es, {data:x}",
            "push {data}", "push {stack}", "push {flags}", "push {code}", "push {entry}", "iretd",
            data = in(reg) u32::from(segments::USER_DATA), stack = in(reg) stack, flags = const INTERRUPTS_ON,
            code = const segments::USER_CODE, entry = in(reg) entry, options(noreturn),
        )
    }
}

/// A gate to a handler. Whether that is one for its vector, nobody checks.
fn gate(handler: *const ()) -> DescriptorBuilder {
    let code = SegmentSelector::from_raw(segments::KERNEL_CODE);
    #[cfg(target_arch = "x86_64")]
    let gate = <DescriptorBuilder as GateDescriptorBuilder<u64>>::interrupt_descriptor(code, handler as u64);
    #[cfg(target_arch = "x86")]
    let gate = <DescriptorBuilder as GateDescriptorBuilder<u32>>::interrupt_descriptor(code, handler as u32);
    gate.present()
}

/// # Safety
///
/// Once, in ring 0, with interrupts off.
unsafe fn set_up() {
    // SAFETY: the caller's promise.
    unsafe { segments::load() };
    // SAFETY: this function runs once.
    let table = unsafe { TABLE.borrow() };
    table[3] = gate(breakpoint as *const ()).finish();
    #[cfg(target_arch = "x86_64")]
    {
        table[8] = gate(double_fault as *const ()).ist(segments::DOUBLE_FAULT_STACK_NUMBER).finish();
    }
    #[cfg(target_arch = "x86")]
    {
        table[8] = gate(double_fault as *const ()).finish();
    }
    table[14] = gate(page_fault as *const ()).finish();
    table[usize::from(timer::VECTOR)] = gate(tick as *const ()).finish();
    table[0x80] = gate(call_entry as *const ()).dpl(Ring::Ring3).finish();
    // SAFETY: the table is static, and its gates lead to handlers.
    unsafe { lidt(&DescriptorTablePointer::new_from_slice(table)) };
}

/// The bytes of the instruction in [`load`] that faults.
const LOAD_BYTES: usize = 2;

/// Reads a word.
#[unsafe(naked)]
unsafe extern "C" fn load(_address: usize) -> usize {
    #[cfg(target_arch = "x86_64")]
    naked_asm!("xor eax, eax", "mov eax, [rdi]", "ret");
    #[cfg(target_arch = "x86")]
    naked_asm!("mov ecx, [esp + {argument}]", "xor eax, eax", "mov eax, [ecx]", "ret", argument = const 4);
}

extern "C" fn kernel_main() -> ! {
    line!("port: x86-interrupt on {NAME}");
    // SAFETY: the start code calls this once, in ring 0, with interrupts off.
    unsafe { set_up() };
    // SAFETY: the handler changes nothing.
    unsafe { asm!("int3") };
    timer::initialise();
    timer::unmask();
    while TICKS.load(Ordering::Relaxed) < 3 {
        // SAFETY: the handler changes nothing but the count. Interrupts come only while the CPU halts.
        unsafe { asm!("sti", "hlt", "cli") };
    }
    // SAFETY: nothing is there, but the handler leads past the instruction.
    let loaded = unsafe { load(HOLE) };
    line!(
        "port: {} breakpoint, {} ticks, loaded {loaded:#x}",
        BREAKPOINTS.load(Ordering::Relaxed),
        TICKS.load(Ordering::Relaxed)
    );
    // SAFETY: interrupts are off; the program's code and stack are ring 3's.
    unsafe { enter(program as *const () as usize, PROGRAM_STACK.top()) }
}
