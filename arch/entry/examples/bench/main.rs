//! What a trap costs, in instructions: this crate beside `extern "x86-interrupt"`.
//!
//! Each row is a trap from the instruction that raises it to the one behind it, with a handler that calls one function
//! which isn't inlined, as most handlers do. The machine's clock must count instructions (QEMU's `-icount shift=0`).
//! A line is `bench: ROW MINIMUM MEDIAN`:
//!
//! | row | the trap |
//! |---|---|
//! | `interrupt_ring_0`, `_ring_3` | an interrupt without an error code, to a typed handler |
//! | `frameless_ring_0`, `_ring_3` | the same, to a handler that gets the vector alone |
//! | `fault_ring_0` | a fault with a selector's error code, to a typed handler |
//! | `compiler_...` | the same, to a function of the compiler's ABI |
//! | `swapping_ring_0`, `_ring_3` | an interrupt of a kernel that swaps the GS base (x86_64) |
//! | `call_ring_3` | `int` from ring 3, to `KernelEntry::system_call` |
//! | `fast_call_ring_3` | `syscall`; `sysenter` with the call and the return that it needs |
#![no_std]
#![no_main]
#![feature(abi_x86_interrupt)]

#[path = "../support/mod.rs"]
#[macro_use]
mod support;
mod compiler;
#[path = "../support/panic.rs"]
mod panic;
mod rounds;

use core::ptr::NonNull;

use rounds::{BAD_LOAD_BYTES, Rounds};
use support::console::exit;
use x86_entry::error_code::SelectorErrorCode;
use x86_entry::vector::{GENERAL_PROTECTION, VectorRange};
use x86_entry::{
    CpuSegments, InterruptDescriptorTable, KernelEntry, ParanoidStacks, PrivilegeLevel, Stack, TakeOnce, TrapFrame,
    UserGs, WithoutSmap, entry_data, resume,
};

/// Vectors of interrupts: to this crate's handler, to the compiler's, to this crate's with swapped GS bases.
const OURS: u8 = 0x40;
const COMPILERS: u8 = 0x41;
const SWAPPING: u8 = 0x42;
/// The vector of interrupts to a handler without the frame.
const FRAMELESS: u8 = 0x43;
/// The vector of system calls.
const CALL: u8 = 0x80;

/// The number of the system call that ends the run, and of the one that does nothing.
const FINISH: usize = 1;
const NOTHING: usize = 0;

/// The kernel, with every default: a stack a thread, one CPU.
struct Bench;

// SAFETY: `set_up` loads the crate's segments and the CPU's data before any trap; `trap` and `paranoid_trap` end the
// run, and `system_call` returns the frame that it got.
unsafe impl KernelEntry for Bench {
    const SYSENTER_RETURN_ADDRESS: usize = rounds::SYSENTER_RETURN_ADDRESS;

    extern "C" fn trap(frame: NonNull<TrapFrame>) -> NonNull<TrapFrame> {
        // SAFETY: the entry has just saved it there.
        panic!("{:?}", unsafe { frame.as_ref() })
    }

    extern "C" fn system_call(frame: NonNull<TrapFrame>) -> NonNull<TrapFrame> {
        // SAFETY: as above.
        if unsafe { frame.as_ref() }.accumulator() == FINISH {
            print_all();
        }
        work();
        frame
    }

    extern "C" fn paranoid_trap(frame: &mut TrapFrame) {
        panic!("{frame:?}")
    }
}

/// The same kernel, if it swapped GS bases. Nothing here uses one.
struct Swapping;

// SAFETY: as above; one gate alone leads to it.
unsafe impl KernelEntry for Swapping {
    const USER_GS: UserGs = UserGs::Swapped;

    extern "C" fn trap(frame: NonNull<TrapFrame>) -> NonNull<TrapFrame> {
        Bench::trap(frame)
    }

    extern "C" fn paranoid_trap(frame: &mut TrapFrame) {
        Bench::paranoid_trap(frame)
    }
}

/// What every handler calls: the compiler can't know which registers it changes.
#[unsafe(naked)]
extern "C" fn work() {
    core::arch::naked_asm!("ret")
}

#[inline]
fn interrupt(_frame: &mut TrapFrame, _vector: u8) {
    work();
}

#[inline]
fn fault(frame: &mut TrapFrame, _code: SelectorErrorCode) {
    work();
    frame.set_instruction_pointer(frame.instruction_pointer() + BAD_LOAD_BYTES);
}

static SEGMENTS: TakeOnce<CpuSegments<1>> = TakeOnce::new(CpuSegments::new([compiler::NOT_PRESENT]));
static TABLE: TakeOnce<InterruptDescriptorTable> = TakeOnce::new(InterruptDescriptorTable::new());
/// For #DF, NMI, #MC, #DB, the thread's traps, and the program.
static STACKS: [Stack; 6] = [const { Stack::new() }; 6];

/// A row: its name, and the rounds' costs.
static ROWS: [(&str, Rounds); rounds::COUNT] = rounds::rows();

/// Loads segments and gates.
///
/// # Safety
///
/// Once, in ring 0, with interrupts off.
unsafe fn set_up() {
    let [double_fault, non_maskable_interrupt, machine_check, debug, thread, _] = STACKS.each_ref().map(Stack::top);
    let stacks = ParanoidStacks { double_fault, non_maskable_interrupt, machine_check, debug };
    let mut cpu = entry_data::<Bench>().expect("there is one CPU");
    let place = cpu;
    // SAFETY: nothing else refers to the data yet.
    let cpu = unsafe { cpu.as_mut() };
    cpu.set_thread_stack::<Bench>(thread);
    let segments = SEGMENTS.take().expect("this function runs once");
    // SAFETY: the caller's promise; all of it is static.
    unsafe { segments.load::<Bench>(cpu, stacks) };
    let table = TABLE.take().expect("this function runs once");
    table
        .fill::<Bench, WithoutSmap>()
        .trap_every_vector()
        .paranoid_gates()
        .system_call_vector::<CALL>()
        .exception(GENERAL_PROTECTION, fault)
        .interrupts(VectorRange::<OURS, OURS>, interrupt)
        .interrupts_without_frame(VectorRange::<FRAMELESS, FRAMELESS>, |_: u8| {
            work();
        });
    table.fill::<Swapping, WithoutSmap>().interrupts(VectorRange::<SWAPPING, SWAPPING>, interrupt);
    compiler::fill(table);
    for vector in [OURS, COMPILERS, SWAPPING, FRAMELESS] {
        let gate = table.gate(vector);
        *gate = gate.callable_from(PrivilegeLevel::Ring3);
    }
    // SAFETY: the segments are loaded.
    unsafe { table.load() };
    // SAFETY: ring 0, the crate's segments are loaded, and the machine has the instruction.
    unsafe { rounds::enable_fast_calls(place) };
}

/// Prints the rows, and ends the run.
fn print_all() -> ! {
    for (name, rounds) in &ROWS {
        let (minimum, median) = rounds.costs();
        line!("bench: {name} {minimum} {median}");
    }
    line!("bench: done");
    exit(0)
}

extern "C" fn kernel_main() -> ! {
    line!("x86-entry on {}", support::NAME);
    // SAFETY: the start code calls this once, in ring 0, with interrupts off.
    unsafe { set_up() };
    rounds::of_ring_0();
    let [.., stack] = STACKS.each_ref().map(Stack::top);
    // A function finds its return address on the stack.
    let stack = stack - size_of::<usize>();
    let mut frame = TrapFrame::for_user::<Bench>(program as *const () as usize, stack, 0);
    // SAFETY: interrupts are off. The frame is one of ring 3, which may use all memory here.
    unsafe { resume::<Bench>(NonNull::from(&mut frame)) }
}

/// Runs in ring 3, with the rows that begin there.
extern "C" fn program() -> ! {
    rounds::of_ring_3();
    rounds::call(FINISH);
    // SAFETY: the call doesn't return.
    unsafe { core::hint::unreachable_unchecked() }
}
