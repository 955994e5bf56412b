//! The kernel of `before.rs` on `x86-entry`: stable Rust, every register in reach (see `README.md`).
//!
//! It skips the instruction that faults, counts the timer's interrupts, and takes breakpoints.
#![no_std]
#![no_main]

#[path = "../support/mod.rs"]
#[macro_use]
mod support;
#[path = "../support/panic.rs"]
mod panic;

use core::arch::{asm, naked_asm};
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering};

use support::{HOLE, NAME, console::exit, timer};
use x86_entry::error_code::PageFaultErrorCode;
use x86_entry::vector::{BREAKPOINT, PAGE_FAULT, VectorRange};
use x86_entry::{
    CpuSegments, InterruptDescriptorTable, KernelEntry, ParanoidStacks, Stack, TakeOnce, TrapFrame, WithoutSmap,
    entry_data,
};

/// This kernel, as the entries see it.
struct Ported;

// SAFETY: `set_up` loads the crate's own segments and the CPU's data before any trap; both functions end the run.
unsafe impl KernelEntry for Ported {
    extern "C" fn trap(frame: NonNull<TrapFrame>) -> NonNull<TrapFrame> {
        // SAFETY: the entry has just saved it there.
        panic!("no handler: {:?}", unsafe { frame.as_ref() })
    }

    extern "C" fn paranoid_trap(frame: &mut TrapFrame) {
        panic!("in ring 0: {frame:?}")
    }
}

static SEGMENTS: TakeOnce<CpuSegments> = TakeOnce::new(CpuSegments::new([]));
static TABLE: TakeOnce<InterruptDescriptorTable> = TakeOnce::new(InterruptDescriptorTable::new());
static STACKS: [Stack; 4] = [const { Stack::new() }; 4];
static BREAKPOINTS: AtomicUsize = AtomicUsize::new(0);
static TICKS: AtomicUsize = AtomicUsize::new(0);

fn breakpoint(frame: &mut TrapFrame) {
    line!("port: breakpoint at {:#x}", frame.instruction_pointer());
    BREAKPOINTS.fetch_add(1, Ordering::Relaxed);
}

fn page_fault(frame: &mut TrapFrame, code: PageFaultErrorCode) {
    // SAFETY: ring 0.
    let address = unsafe { x86::controlregs::cr2() };
    line!("port: page fault, address {address:#x}, {code:?}");
    frame.set_instruction_pointer(frame.instruction_pointer() + LOAD_BYTES);
    // What was out of reach before: the value that the skipped instruction would have loaded.
    frame.set_accumulator(SUBSTITUTE);
}

fn tick(_frame: &mut TrapFrame, _vector: u8) {
    TICKS.fetch_add(1, Ordering::Relaxed);
    timer::end_of_interrupt();
}

/// What is loaded from where nothing is.
const SUBSTITUTE: usize = 0x5151_5151;

/// # Safety
///
/// Once, in ring 0, with interrupts off.
unsafe fn set_up() {
    let [double_fault, non_maskable_interrupt, machine_check, debug] = STACKS.each_ref().map(Stack::top);
    let stacks = ParanoidStacks { double_fault, non_maskable_interrupt, machine_check, debug };
    let mut cpu = entry_data::<Ported>().expect("there is one CPU");
    // SAFETY: nothing else refers to the data yet.
    let cpu = unsafe { cpu.as_mut() };
    let segments = SEGMENTS.take().expect("this function runs once");
    // SAFETY: the caller's promise; all of it is static.
    unsafe { segments.load::<Ported>(cpu, stacks) };
    let table = TABLE.take().expect("this function runs once");
    table
        .fill::<Ported, WithoutSmap>()
        .trap_every_vector()
        .paranoid_gates()
        .exception(BREAKPOINT, breakpoint)
        .exception(PAGE_FAULT, page_fault)
        .interrupts(VectorRange::<{ timer::VECTOR }, { timer::VECTOR }>, tick);
    // SAFETY: the segments are loaded.
    unsafe { table.load() };
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
    line!("port: x86-entry on {NAME}");
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
