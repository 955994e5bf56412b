//! Several CPUs whose data lie at one and the same address, in each CPU's own memory (`EntryDataLocation::Fixed`).
//!
//! First, every other CPU is held in `paranoid_trap` while the first one returns from an ordinary trap: the TSSs have
//! one address, and yet no CPU is taken for another. Then the others run a program in ring 3, which traps all the time,
//! while the first one sends them interrupts and NMIs. `../cpus` shows what such a kernel needs, without this test.
#![no_std]
#![no_main]

#[path = "../support/mod.rs"]
#[macro_use]
mod support;
#[path = "../cpus/others.rs"]
mod others;
#[path = "../support/panic.rs"]
mod panic;

#[cfg_attr(target_arch = "x86", path = "../cpus/i686.rs")]
#[cfg_attr(target_arch = "x86_64", path = "x86_64.rs")]
#[cfg_attr(target_arch = "x86", allow(dead_code, reason = "`../cpus` needs more of it"))]
mod width;

use core::arch::{asm, naked_asm};
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};

use others::wait_for;
use support::{NAME, console::exit, timer};
use x86_entry::vector::{BREAKPOINT, DEBUG, NON_MASKABLE_INTERRUPT, name};
use x86_entry::{
    CpuSegments, EntryData, EntryDataLocation, InterruptDescriptorTable, KernelEntry, ParanoidStacks, Stack, TakeOnce,
    TrapFrame, TrapStack, WithoutSmap, resume,
};

/// This kernel, as the entries see it: a stack a CPU, several CPUs.
struct Fixed;

// SAFETY: `start_cpu` loads the crate's own segments and the CPU's data, at the place that the constant names, before
// any trap. `trap` returns the frame that it got, or ends the run; `paranoid_trap` counts, or ends the run.
unsafe impl KernelEntry for Fixed {
    const TRAP_STACK: TrapStack = TrapStack::PerCpu;
    const DATA_LOCATION: EntryDataLocation = width::DATA_LOCATION;

    extern "C" fn trap(frame: NonNull<TrapFrame>) -> NonNull<TrapFrame> {
        // SAFETY: the entry has just saved it there.
        let saved = unsafe { frame.as_ref() };
        let cpu = checked_cpu();
        if saved.from_user() {
            assert_eq!(frame.as_ptr().cast_const(), &raw const cpu.frame, "a trap was saved in another CPU's frame");
        }
        match saved.vector() {
            vector if vector == usize::from(CALL) => {
                cpu.interrupts.fetch_add(1, Ordering::Relaxed);
                others::end_of_interrupt();
                INTERRUPTS.fetch_add(1, Ordering::Release);
            }
            vector if vector == usize::from(END) => check_counts(cpu),
            vector if vector == NON_MASKABLE_INTERRUPT.number() => count_nmi(cpu),
            vector if vector == BREAKPOINT.number() || vector == usize::from(SYSTEM_CALL) => {
                if cpu.traps.fetch_add(1, Ordering::Relaxed) == 0 {
                    TRAPPING.fetch_add(1, Ordering::Release);
                }
            }
            _ => unexpected(saved),
        }
        frame
    }

    extern "C" fn paranoid_trap(frame: &mut TrapFrame) {
        let cpu = checked_cpu();
        match frame.vector() {
            vector if vector == NON_MASKABLE_INTERRUPT.number() => {
                IN_NMI.wait();
                count_nmi(cpu);
            }
            vector if vector == DEBUG.number() => IN_DEBUG.wait(),
            _ => unexpected(frame),
        }
    }
}

/// What the kernel keeps for each CPU.
#[repr(C)]
struct PerCpu {
    entry: EntryData,
    /// Unused, as the frame needs it.
    room: [u8; TrapFrame::BYTES_BELOW],
    /// The program's registers.
    frame: TrapFrame,
    number: usize,
    interrupts: AtomicUsize,
    nmis: AtomicUsize,
    traps: AtomicUsize,
}

const _: () = assert!(
    (core::mem::offset_of!(PerCpu, frame) + size_of::<TrapFrame>()).is_multiple_of(align_of::<TrapFrame>()),
    "the CPU aligns the end of a frame"
);

impl PerCpu {
    const fn new(number: usize) -> Self {
        Self {
            entry: EntryData::new(),
            room: [0; TrapFrame::BYTES_BELOW],
            frame: TrapFrame::new(),
            number,
            interrupts: AtomicUsize::new(0),
            nmis: AtomicUsize::new(0),
            traps: AtomicUsize::new(0),
        }
    }
}

/// More CPUs aren't started.
const MOST_CPUS: usize = 8;
/// The vectors by which the first CPU interrupts the others, in each round and at the end, and that of the program's
/// system call.
const CALL: u8 = 0xF0;
const END: u8 = 0xF1;
const SYSTEM_CALL: u8 = 0x80;
/// Interrupts and NMIs that each CPU gets in its program.
const ROUNDS: usize = 200;

static SEGMENTS: [TakeOnce<CpuSegments>; MOST_CPUS] = [const { TakeOnce::new(CpuSegments::new([])) }; MOST_CPUS];
/// For #DF, NMI, #MC, #DB, the CPU, and the program.
static STACKS: [[Stack; 6]; MOST_CPUS] = [const { [const { Stack::new() }; 6] }; MOST_CPUS];
static TABLE: TakeOnce<InterruptDescriptorTable> = TakeOnce::new(InterruptDescriptorTable::new());
/// Where the table of all CPUs is, once it is filled.
static FILLED: AtomicPtr<InterruptDescriptorTable> = AtomicPtr::new(core::ptr::null_mut());

static READY: AtomicUsize = AtomicUsize::new(0);
/// CPUs that have trapped: the first one by itself, the others by their programs.
static TRAPPING: AtomicUsize = AtomicUsize::new(0);
static INTERRUPTS: AtomicUsize = AtomicUsize::new(0);
static NMIS: AtomicUsize = AtomicUsize::new(0);
/// Where `paranoid_trap` waits: in NMIs, and in debug exceptions. On i686 the former have a task with a TSS of its own,
/// and the latter run on the CPU's TSS.
static IN_NMI: Hold = Hold::new();
static IN_DEBUG: Hold = Hold::new();
/// CPUs that have had all rounds, and found their own counts right.
static DONE: AtomicUsize = AtomicUsize::new(0);

/// Holds CPUs until the first one lets them go.
struct Hold {
    is_over: AtomicBool,
    held: AtomicUsize,
}

impl Hold {
    const fn new() -> Self {
        Self { is_over: AtomicBool::new(false), held: AtomicUsize::new(0) }
    }

    fn wait(&self) {
        self.held.fetch_add(1, Ordering::Release);
        while !self.is_over.load(Ordering::Acquire) {
            core::hint::spin_loop();
        }
    }

    /// Waits until this number of CPUs are held, returns from a breakpoint, and lets them go.
    fn return_meanwhile(&self, count: usize) {
        wait_for(&self.held, count);
        let before = checked_cpu().traps.load(Ordering::Relaxed);
        // SAFETY: the handler changes nothing but a count.
        unsafe { asm!("int3") };
        assert_eq!(checked_cpu().traps.load(Ordering::Relaxed), before + 1);
        self.is_over.store(true, Ordering::Release);
    }
}

/// Returns this CPU's data, and checks that they are its own.
fn checked_cpu() -> &'static PerCpu {
    let cpu = width::this_cpu();
    assert_eq!(cpu.number, others::number(), "a CPU has the data of another");
    cpu
}

fn count_nmi(cpu: &PerCpu) {
    cpu.nmis.fetch_add(1, Ordering::Relaxed);
    NMIS.fetch_add(1, Ordering::Release);
}

/// Checks that each interrupt and NMI was counted here.
fn check_counts(cpu: &PerCpu) {
    others::end_of_interrupt();
    // The first NMI came before the program.
    let counts = [&cpu.interrupts, &cpu.nmis].map(|count| count.load(Ordering::Relaxed));
    assert_eq!(counts, [ROUNDS, ROUNDS + 1], "CPU {} missed interrupts", cpu.number);
    DONE.fetch_add(1, Ordering::Release);
}

/// Fills the table, which is the same for all CPUs.
fn fill_table() {
    let table = TABLE.take().expect("the first CPU alone fills the table");
    table.fill::<Fixed, WithoutSmap>().paranoid_gates().trap_every_vector().system_call_vector::<SYSTEM_CALL>();
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
    let [double_fault, non_maskable_interrupt, machine_check, debug, stack, program_stack] =
        STACKS[number].each_ref().map(Stack::top);
    cpu.entry.set_cpu_stack::<Fixed>(stack);
    cpu.frame = TrapFrame::for_user::<Fixed>(program as *const () as usize, program_stack, TrapFrame::INTERRUPTS_ON);
    cpu.entry.set_current_frame::<Fixed>(NonNull::from(&mut cpu.frame));
    let segments = SEGMENTS[number].take().expect("each CPU starts once");
    let stacks = ParanoidStacks { double_fault, non_maskable_interrupt, machine_check, debug };
    // SAFETY: the caller's promise; all of it is this CPU's own, and stays where it is.
    unsafe { segments.load::<Fixed>(&mut cpu.entry, stacks) };
    // SAFETY: the first CPU has filled the table, and nothing changes it from then on.
    let table: &'static InterruptDescriptorTable = unsafe { &*FILLED.load(Ordering::Acquire) };
    // SAFETY: segments and data are in place.
    unsafe { table.load() };
}

fn unexpected(frame: &TrapFrame) -> ! {
    line!("fixed: {}: {frame:?}", name(frame.vector()));
    exit(1)
}

/// The program of each CPU but the first.
#[unsafe(naked)]
extern "C" fn program() {
    naked_asm!("2: int3", "int {call}", "jmp 2b", call = const SYSTEM_CALL)
}

extern "C" fn kernel_main() -> ! {
    let number = others::number();
    if number != 0 {
        other_cpu(number)
    }
    line!("fixed: x86-entry on {NAME}");
    timer::initialise();
    fill_table();
    // SAFETY: the start code calls this once for each CPU, in ring 0, with interrupts off.
    unsafe { start_cpu(0) };
    let count = others::count().min(MOST_CPUS);
    others::start();
    wait_for(&READY, count - 1);
    others::send_nmi_to_all();
    IN_NMI.return_meanwhile(count - 1);
    IN_DEBUG.return_meanwhile(count - 1);
    wait_for(&TRAPPING, count);
    for round in 1..=ROUNDS {
        others::interrupt_all(CALL);
        others::send_nmi_to_all();
        wait_for(&INTERRUPTS, round * (count - 1));
        wait_for(&NMIS, (round + 1) * (count - 1));
    }
    others::interrupt_all(END);
    wait_for(&DONE, count - 1);
    line!("fixed: {count} CPUs, {ROUNDS} interrupts and NMIs each");
    exit(0)
}

/// Every CPU but the first: waits in ring 0 to be held, and runs the program.
fn other_cpu(number: usize) -> ! {
    // SAFETY: as above.
    unsafe { start_cpu(number) };
    others::enable();
    READY.fetch_add(1, Ordering::Release);
    while checked_cpu().nmis.load(Ordering::Relaxed) == 0 {
        core::hint::spin_loop();
    }
    // SAFETY: `paranoid_trap` changes nothing.
    unsafe { asm!("int {vector}", vector = const DEBUG.number()) };
    // SAFETY: interrupts are off. The frame is one of ring 3, whose program this is.
    unsafe { resume::<Fixed>(NonNull::from(&width::this_cpu().frame)) }
}
