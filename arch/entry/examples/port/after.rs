//! The kernel of `before.rs` on `x86-entry`: stable Rust, every register in reach (see `README.md`).
//!
//! It skips the instruction that faults, counts the timer's interrupts, takes breakpoints, and runs a program in ring 3
//! that makes system calls.
#![no_std]
#![no_main]

#[path = "../support/mod.rs"]
#[macro_use]
mod support;
#[path = "../support/panic.rs"]
mod panic;
mod program;

use core::arch::{asm, naked_asm};
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering};

use program::{program, system_call};
use support::{HOLE, NAME, console::exit, timer};
use x86_entry::vector::{BREAKPOINT, PAGE_FAULT, VectorRange};
use x86_entry::{
    CpuSegments, InterruptDescriptorTable, KernelEntry, PageFault, ParanoidStacks, Stack, TakeOnce, TrapFrame,
    WithoutSmap, entry_data, resume,
};

/// This kernel, as the entries see it.
struct Ported;

// SAFETY: `set_up` loads the crate's own segments and the CPU's data before any trap. Each frame of ring 0 that a
// handler changes goes on behind the instruction that faulted. `paranoid_trap` ends the run.
unsafe impl KernelEntry for Ported {
    /// Takes each vector that has no handler of its own.
    extern "C" fn trap(frame: NonNull<TrapFrame>) -> NonNull<TrapFrame> {
        // SAFETY: the entry has just saved it there.
        panic!("no handler: {:?}", unsafe { frame.as_ref() })
    }

    /// Takes `int 0x80`: the number in the accumulator, the argument in rdi or ebx.
    extern "C" fn system_call(mut frame: NonNull<TrapFrame>) -> NonNull<TrapFrame> {
        // SAFETY: the entry has just saved it there, and nothing else refers to it.
        let saved = unsafe { frame.as_mut() };
        let [argument, ..] = saved.arguments();
        saved.set_accumulator(system_call(saved.accumulator(), argument));
        frame
    }

    /// Takes an NMI, #DB, #MC or #DF that interrupted the kernel, on a stack of its own.
    extern "C" fn paranoid_trap(frame: &mut TrapFrame) {
        panic!("in ring 0: {frame:?}")
    }
}

static SEGMENTS: TakeOnce<CpuSegments> = TakeOnce::new(CpuSegments::new([]));
static TABLE: TakeOnce<InterruptDescriptorTable> = TakeOnce::new(InterruptDescriptorTable::new());
/// For traps of ring 3, #DF, NMI, #MC and #DB.
static STACKS: [Stack; 5] = [const { Stack::new() }; 5];
static PROGRAM_STACK: Stack = Stack::new();
static BREAKPOINTS: AtomicUsize = AtomicUsize::new(0);
static TICKS: AtomicUsize = AtomicUsize::new(0);

fn breakpoint(frame: &mut TrapFrame) {
    line!("port: breakpoint at {:#x}", frame.instruction_pointer());
    BREAKPOINTS.fetch_add(1, Ordering::Relaxed);
}

fn page_fault(frame: &mut TrapFrame, fault: PageFault) {
    line!("port: page fault, address {:#x}, {:?}", fault.address, fault.code);
    if fault.address != HOLE {
        exit(1)
    }
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
    let [thread, double_fault, non_maskable_interrupt, machine_check, debug] = STACKS.each_ref().map(Stack::top);
    let stacks = ParanoidStacks { double_fault, non_maskable_interrupt, machine_check, debug };
    let mut cpu = entry_data::<Ported>().expect("there is one CPU");
    // SAFETY: nothing else refers to the data yet.
    let cpu = unsafe { cpu.as_mut() };
    cpu.set_thread_stack::<Ported>(thread);
    let segments = SEGMENTS.take().expect("this function runs once");
    // SAFETY: the caller's promise; all of it is static.
    unsafe { segments.load::<Ported>(cpu, stacks) };
    let table = TABLE.take().expect("this function runs once");
    table
        .fill::<Ported, WithoutSmap>()
        .trap_every_vector()
        .paranoid_gates()
        .system_call_vector::<0x80>()
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
    let entry = program as *const () as usize;
    let mut frame = TrapFrame::for_user::<Ported>(entry, PROGRAM_STACK.top(), TrapFrame::INTERRUPTS_ON);
    // SAFETY: interrupts are off; the program's code and stack are ring 3's.
    unsafe { resume::<Ported>(NonNull::from(&mut frame)) }
}
