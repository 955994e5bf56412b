//! Several CPUs: each has segments, stacks and data of its own, and takes interrupts and NMIs of the others.
//!
//! The crate's `EntryData` is the first field of the kernel's own structure for a CPU. On x86_64 the stubs find it at
//! the GS base. i686 has no such register to spare, so each CPU maps its own structure at one address. `others` starts
//! the CPUs. The kernel counts them by QEMU's interface for firmware; other kernels read ACPI's tables.
#![no_std]
#![no_main]

#[path = "../support/mod.rs"]
#[macro_use]
mod support;
mod others;
#[path = "../support/panic.rs"]
mod panic;

#[cfg_attr(target_arch = "x86", path = "i686.rs")]
#[cfg_attr(target_arch = "x86_64", path = "x86_64.rs")]
mod width;

use core::arch::asm;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use others::wait_for;
use support::{NAME, console::exit, timer};
use x86_entry::vector::{NON_MASKABLE_INTERRUPT, VectorRange, name};
use x86_entry::{
    CpuSegments, EntryData, EntryDataLocation, InterruptDescriptorTable, KernelEntry, ParanoidStacks, Stack, TakeOnce,
    TrapFrame, WithoutSmap,
};

/// This kernel, as the entries see it: one stack a thread, several CPUs.
struct Several;

// SAFETY: `start_cpu` loads the crate's own segments and the CPU's data, at the place that the constant names, before
// any trap. `trap` ends the run; `paranoid_trap` counts, or ends the run.
unsafe impl KernelEntry for Several {
    const DATA_LOCATION: EntryDataLocation = width::DATA_LOCATION;

    /// Takes each vector that has no handler of its own.
    extern "C" fn trap(frame: NonNull<TrapFrame>) -> NonNull<TrapFrame> {
        // SAFETY: the entry has just saved it there.
        unexpected(unsafe { frame.as_ref() })
    }

    /// Takes an NMI, #DB, #MC or #DF that interrupted the kernel, on a stack of its own.
    extern "C" fn paranoid_trap(frame: &mut TrapFrame) {
        if frame.vector() != NON_MASKABLE_INTERRUPT.number() {
            unexpected(frame)
        }
        width::this_cpu().nmis.fetch_add(1, Ordering::Relaxed);
        NMIS.fetch_add(1, Ordering::Relaxed);
    }
}

/// What the kernel keeps for each CPU.
#[repr(C)]
struct PerCpu {
    /// The crate's part. It comes first, because the stubs find it at the GS base.
    entry: EntryData,
    number: usize,
    interrupts: AtomicUsize,
    nmis: AtomicUsize,
}

impl PerCpu {
    const fn new(number: usize) -> Self {
        Self { entry: EntryData::new(), number, interrupts: AtomicUsize::new(0), nmis: AtomicUsize::new(0) }
    }
}

/// More CPUs aren't started.
const MOST_CPUS: usize = 8;

/// The vector by which CPUs interrupt each other.
const CALL: u8 = 0xF0;

static SEGMENTS: [TakeOnce<CpuSegments>; MOST_CPUS] = [const { TakeOnce::new(CpuSegments::new([])) }; MOST_CPUS];
/// For #DF, NMI, #MC, #DB, and for traps of ring 3.
static STACKS: [[Stack; 5]; MOST_CPUS] = [const { [const { Stack::new() }; 5] }; MOST_CPUS];

/// The table of all CPUs.
static TABLE: TakeOnce<InterruptDescriptorTable> = TakeOnce::new(InterruptDescriptorTable::new());
/// Where it is, once it is filled.
static FILLED: AtomicPtr<InterruptDescriptorTable> = AtomicPtr::new(core::ptr::null_mut());

static READY: AtomicUsize = AtomicUsize::new(0);
static INTERRUPTS: AtomicUsize = AtomicUsize::new(0);
static NMIS: AtomicUsize = AtomicUsize::new(0);

/// Fills the table, which is the same for all CPUs.
fn fill_table() {
    let table = TABLE.take().expect("the first CPU alone fills the table");
    table
        .fill::<Several, WithoutSmap>()
        .interrupts(VectorRange::<CALL, CALL>, called)
        .paranoid_gates()
        .trap_every_vector();
    FILLED.store(table, Ordering::Release);
}

/// Loads this CPU's segments, data and gates.
///
/// # Safety
///
/// Ring 0, interrupts are off, and this is the first call on this CPU, which is the CPU of that number.
unsafe fn start_cpu(number: usize) {
    // SAFETY: the caller's promise.
    let cpu: &'static mut PerCpu = unsafe { width::place(number) };
    // A constant goes straight to its place. Without optimisation, a call's result would lie on the stack first.
    *cpu = const { PerCpu::new(0) };
    cpu.number = number;
    let [double_fault, non_maskable_interrupt, machine_check, debug, thread] =
        STACKS[number].each_ref().map(Stack::top);
    cpu.entry.set_thread_stack::<Several>(thread);
    let segments = SEGMENTS[number].take().expect("each CPU starts once");
    let stacks = ParanoidStacks { double_fault, non_maskable_interrupt, machine_check, debug };
    // SAFETY: the caller's promise; all of it is this CPU's own, and stays where it is.
    unsafe { segments.load::<Several>(&mut cpu.entry, stacks) };
    // SAFETY: the caller's promise; the stacks are set.
    unsafe { width::set_base(cpu) };
    // SAFETY: the first CPU has filled the table, and nothing changes it from then on.
    let table: &'static InterruptDescriptorTable = unsafe { &*FILLED.load(Ordering::Acquire) };
    // SAFETY: segments and data are in place.
    unsafe { table.load() };
}

fn called(_frame: &mut TrapFrame, _vector: u8) {
    width::this_cpu().interrupts.fetch_add(1, Ordering::Relaxed);
    others::end_of_interrupt();
    INTERRUPTS.fetch_add(1, Ordering::Relaxed);
}

fn unexpected(frame: &TrapFrame) -> ! {
    line!("cpus: {}: {frame:?}", name(frame.vector()));
    exit(1)
}

extern "C" fn kernel_main() -> ! {
    let number = others::number();
    if number != 0 {
        other_cpu(number)
    }
    line!("cpus: x86-entry on {NAME}");
    timer::initialise();
    fill_table();
    // SAFETY: the start code calls this once for each CPU, in ring 0, with interrupts off.
    unsafe { start_cpu(0) };
    let count = others::count().min(MOST_CPUS);
    others::start();
    wait_for(&READY, count - 1);
    others::interrupt_all(CALL);
    wait_for(&INTERRUPTS, count - 1);
    others::send_nmi_to_all();
    wait_for(&NMIS, count - 1);
    line!("cpus: {count} CPUs, {} interrupts, {} NMIs", count - 1, count - 1);
    exit(0)
}

/// Every CPU but the first: waits for interrupts, and checks that each was counted here.
fn other_cpu(number: usize) -> ! {
    // SAFETY: as above.
    unsafe { start_cpu(number) };
    others::enable();
    READY.fetch_add(1, Ordering::Release);
    loop {
        // SAFETY: the handlers change nothing but counts.
        unsafe { asm!("sti", "hlt", "cli") };
        let cpu = width::this_cpu();
        let counts = (cpu.interrupts.load(Ordering::Relaxed), cpu.nmis.load(Ordering::Relaxed));
        assert!(cpu.number == number && counts.0 <= 1 && counts.1 <= 1, "CPU {number} has the data of {}", cpu.number);
    }
}
