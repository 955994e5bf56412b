//! A small kernel for both widths: it counts a timer's interrupts, takes a breakpoint, and reports a page fault.
//!
//! `../support` holds start code, a serial line and a timer, which every kernel has. This file is all that `x86-entry`
//! asks for. The package's README says how to build and boot the kernel.
#![no_std]
#![no_main]

#[path = "../support/mod.rs"]
#[macro_use]
mod support;

use core::arch::asm;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering};

use support::{HOLE, NAME, Setup, Stack, console::exit, timer};
use x86_entry::error_code::PageFaultErrorCode;
use x86_entry::vector::{BREAKPOINT, PAGE_FAULT, VectorRange, name};
use x86_entry::{
    CpuSegments, InterruptDescriptorTable, KernelEntry, ParanoidStacks, TrapFrame, WithoutSmap, entry_data,
};

/// This kernel, as the entries see it: one stack a thread, one CPU, no `swapgs`.
struct Bare;

// SAFETY: `set_up` loads the crate's own segments and the CPU's data before any trap; both functions end the run.
unsafe impl KernelEntry for Bare {
    /// Takes each vector that has no handler of its own.
    extern "C" fn trap(frame: NonNull<TrapFrame>) -> NonNull<TrapFrame> {
        // SAFETY: the entry has just saved it there.
        unexpected(unsafe { frame.as_ref() })
    }

    /// Takes an NMI, #DB, #MC or #DF that interrupted the kernel, on a stack of its own.
    extern "C" fn paranoid_trap(frame: &mut TrapFrame) {
        unexpected(frame)
    }
}

static SEGMENTS: Setup<CpuSegments> = Setup::new(CpuSegments::new([]));
static TABLE: Setup<InterruptDescriptorTable> = Setup::new(InterruptDescriptorTable::new());
static STACKS: [Stack; 4] = [const { Stack::new() }; 4];
static TICKS: AtomicUsize = AtomicUsize::new(0);

/// Loads segments and gates.
///
/// # Safety
///
/// Once, in ring 0, with interrupts off.
unsafe fn set_up() {
    let [double_fault, non_maskable_interrupt, machine_check, debug] = STACKS.each_ref().map(Stack::top);
    let stacks = ParanoidStacks { double_fault, non_maskable_interrupt, machine_check, debug };
    let mut cpu = entry_data::<Bare>().expect("there is one CPU");
    // SAFETY: nothing else refers to the data yet.
    let cpu = unsafe { cpu.as_mut() };
    // SAFETY: this function runs once.
    let segments = unsafe { SEGMENTS.borrow() };
    // SAFETY: the caller's promise; all of it is static.
    unsafe { segments.load::<Bare>(cpu, stacks) };
    // SAFETY: this function runs once.
    let table = unsafe { TABLE.borrow() };
    // This kernel doesn't switch SMAP on, so its entries need no `clac`.
    table
        .fill::<Bare, WithoutSmap>()
        .trap_every_vector()
        .paranoid_gates()
        .exception(BREAKPOINT, breakpoint)
        .exception(PAGE_FAULT, page_fault)
        .interrupts(VectorRange::<{ timer::VECTOR }, { timer::VECTOR }>, tick);
    // SAFETY: the segments are loaded.
    unsafe { table.load() };
}

fn breakpoint(frame: &mut TrapFrame) {
    line!("bare: breakpoint at {:#x}", frame.instruction_pointer());
}

fn tick(_frame: &mut TrapFrame, _vector: u8) {
    TICKS.fetch_add(1, Ordering::Relaxed);
    timer::end_of_interrupt();
}

/// Reports the fault, and ends the run: this kernel can't bring the page.
fn page_fault(frame: &mut TrapFrame, code: PageFaultErrorCode) {
    // SAFETY: ring 0.
    let address = unsafe { x86::controlregs::cr2() };
    line!("bare: page fault at {:#x}, address {address:#x}, {code:?}", frame.instruction_pointer());
    exit(if address == HOLE && code.is_empty() { 0 } else { 1 })
}

fn unexpected(frame: &TrapFrame) -> ! {
    line!("bare: {}: {frame:x?}", name(frame.vector()));
    exit(1)
}

extern "C" fn kernel_main() -> ! {
    line!("bare: x86-entry on {NAME}");
    // SAFETY: the start code calls this once, in ring 0, with interrupts off.
    unsafe { set_up() };
    // SAFETY: the handler changes nothing.
    unsafe { asm!("int3") };
    timer::initialise();
    timer::unmask();
    while TICKS.load(Ordering::Relaxed) < 3 {
        // SAFETY: the handlers change nothing but the count. Interrupts come only while the CPU halts.
        unsafe { asm!("sti", "hlt", "cli") };
    }
    line!("bare: {} ticks", TICKS.load(Ordering::Relaxed));
    // SAFETY: nothing is there, and the handler doesn't return.
    unsafe { (HOLE as *const u8).read_volatile() };
    line!("bare: the hole has a bottom");
    exit(1)
}
