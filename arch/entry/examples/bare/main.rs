//! A small kernel for both widths: it takes a breakpoint, counts a timer's interrupts, and runs a program in ring 3,
//! which makes system calls, and a page fault that the kernel mends by changing a register.
//!
//! `../support` holds start code, a serial line and a timer, which every kernel has. This file is all that `x86-entry`
//! asks for. The package's README says how to build and boot the kernel.
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
use x86_entry::vector::{BREAKPOINT, PAGE_FAULT, VectorRange, name};
use x86_entry::{
    CpuSegments, InterruptDescriptorTable, KernelEntry, PageFault, ParanoidStacks, Stack, TakeOnce, TrapFrame,
    WithoutSmap, entry_data, resume,
};

/// This kernel, as the entries see it: one stack a thread, one CPU, no `swapgs`.
struct Bare;

// SAFETY: `set_up` loads the crate's own segments and the CPU's data before any trap. `trap` and `paranoid_trap` end
// the run. `system_call` and the handlers leave a frame as it was, but for the accumulator of ring 3.
unsafe impl KernelEntry for Bare {
    /// Takes each vector that has no handler of its own.
    extern "C" fn trap(frame: NonNull<TrapFrame>) -> NonNull<TrapFrame> {
        // SAFETY: the entry has just saved it there.
        unexpected(unsafe { frame.as_ref() })
    }

    /// Takes `int 0x80` of ring 3: the number is in the accumulator, and the result goes there.
    extern "C" fn system_call(mut frame: NonNull<TrapFrame>) -> NonNull<TrapFrame> {
        // SAFETY: the entry has just saved it there, and nothing else refers to it.
        let saved = unsafe { frame.as_mut() };
        let [argument, ..] = saved.arguments();
        match saved.accumulator() {
            ADD_ONE => saved.set_accumulator(argument + 1),
            END => {
                line!("bare: the program ends with {argument:#x}");
                exit(if argument == VALUE { 0 } else { 1 })
            }
            _ => unexpected(saved),
        }
        frame
    }

    /// Takes an NMI, #DB, #MC or #DF that interrupted the kernel, on a stack of its own.
    extern "C" fn paranoid_trap(frame: &mut TrapFrame) {
        unexpected(frame)
    }
}

static SEGMENTS: TakeOnce<CpuSegments> = TakeOnce::new(CpuSegments::new([]));
static TABLE: TakeOnce<InterruptDescriptorTable> = TakeOnce::new(InterruptDescriptorTable::new());
/// For #DF, NMI, #MC and #DB.
static STACKS: [Stack; 4] = [const { Stack::new() }; 4];
/// For traps of ring 3: a kernel with several threads has one for each.
static THREAD_STACK: Stack = Stack::new();
static PROGRAM_STACK: Stack = Stack::new();
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
    cpu.set_thread_stack::<Bare>(THREAD_STACK.top());
    let segments = SEGMENTS.take().expect("this function runs once");
    // SAFETY: the caller's promise; all of it is static.
    unsafe { segments.load::<Bare>(cpu, stacks) };
    let table = TABLE.take().expect("this function runs once");
    // This kernel doesn't switch SMAP on, so its entries need no `clac`.
    table
        .fill::<Bare, WithoutSmap>()
        .trap_every_vector()
        .paranoid_gates()
        .system_call_vector::<0x80>()
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

/// Has the program read elsewhere: the faulting instruction runs again, with another address in the accumulator.
fn page_fault(frame: &mut TrapFrame, fault: PageFault) {
    line!("bare: page fault at {:#x}, address {:#x}, {:?}", frame.instruction_pointer(), fault.address, fault.code);
    if !frame.from_user() || fault.address != HOLE || frame.accumulator() != HOLE {
        unexpected(frame)
    }
    frame.set_accumulator(&raw const VALUE as usize);
}

/// What the program reads in the end.
static VALUE: usize = 0x5151_5151;

/// The numbers of the system calls: return the argument and 1; end the run.
const ADD_ONE: usize = 7;
const END: usize = 8;

/// The program: has the address of the hole computed by a system call, reads there, and ends with what it got.
#[unsafe(naked)]
extern "C" fn program() {
    #[cfg(target_arch = "x86_64")]
    naked_asm!(
        "mov edi, {before_hole}", "mov eax, {add}", "int 0x80",
        "mov rdi, [rax]", "mov eax, {end}", "int 0x80", "ud2",
        before_hole = const HOLE - 1, add = const ADD_ONE, end = const END,
    );
    #[cfg(target_arch = "x86")]
    naked_asm!(
        "mov ebx, {before_hole}", "mov eax, {add}", "int 0x80",
        "mov ebx, [eax]", "mov eax, {end}", "int 0x80", "ud2",
        before_hole = const HOLE - 1, add = const ADD_ONE, end = const END,
    );
}

fn unexpected(frame: &TrapFrame) -> ! {
    line!("bare: {}: {frame:?}", name(frame.vector()));
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
    let entry = program as *const () as usize;
    let mut frame = TrapFrame::for_user::<Bare>(entry, PROGRAM_STACK.top(), TrapFrame::INTERRUPTS_ON);
    timer::mask();
    // SAFETY: interrupts are off. The frame is one of ring 3, and the program's code and stack are ring 3's too.
    unsafe { resume::<Bare>(NonNull::from(&mut frame)) }
}
