//! A kernel on `extern "x86-interrupt"`, before its port to `x86-entry` (see `README.md` and `after.rs`).
//!
//! It skips the instruction that faults, counts the timer's interrupts, and takes breakpoints.
#![no_std]
#![no_main]
#![feature(abi_x86_interrupt)]

#[path = "../support/mod.rs"]
#[macro_use]
mod support;
#[path = "../support/panic.rs"]
mod panic;

use core::arch::{asm, naked_asm};
use core::sync::atomic::{AtomicUsize, Ordering};

use support::{HOLE, NAME, Setup, console::exit, timer};
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

/// A gate to a handler. Whether that is one for its vector, nobody checks.
fn gate(handler: *const ()) -> Gate {
    let code = SegmentSelector::from_raw(support::KERNEL_CODE);
    #[cfg(target_arch = "x86_64")]
    let gate = <DescriptorBuilder as GateDescriptorBuilder<u64>>::interrupt_descriptor(code, handler as u64);
    #[cfg(target_arch = "x86")]
    let gate = <DescriptorBuilder as GateDescriptorBuilder<u32>>::interrupt_descriptor(code, handler as u32);
    gate.present().finish()
}

/// # Safety
///
/// Once, in ring 0, with interrupts off.
unsafe fn set_up() {
    // SAFETY: this function runs once.
    let table = unsafe { TABLE.borrow() };
    table[3] = gate(breakpoint as *const ());
    table[8] = gate(double_fault as *const ());
    table[14] = gate(page_fault as *const ());
    table[usize::from(timer::VECTOR)] = gate(tick as *const ());
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
    exit(0)
}
