//! A kernel that is built with SSE: the compiler uses the xmm registers where it likes, in handlers too.
//!
//! The kernel computes while a timer interrupts it, whose handler computes as well: each result must be right. The
//! target has SSE (`"features"` of the target file); on a target without it, `FloatingPointUse::OnRequest` is the
//! choice.
#![no_std]
#![no_main]

#[path = "../support/mod.rs"]
#[macro_use]
mod support;
#[path = "../support/panic.rs"]
mod panic;

use core::arch::{asm, naked_asm};
use core::hint::black_box;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering};

use support::{NAME, console::exit, timer};
use x86::controlregs::{Cr0, Cr4};
use x86_entry::vector::{VectorRange, name};
use x86_entry::{
    CpuSegments, FloatingPointFormat, FloatingPointUse, InterruptDescriptorTable, KernelEntry, ParanoidStacks, Stack,
    TakeOnce, TrapFrame, WithoutSmap, entry_data,
};

/// This kernel, as the entries see it.
struct Sse;

// SAFETY: `set_up` loads the crate's own segments and the CPU's data before any trap, and chooses the format. `trap`
// and `paranoid_trap` end the run.
unsafe impl KernelEntry for Sse {
    /// Without this line the kernel doesn't compile for a target with SSE.
    const FLOATING_POINT_USE: FloatingPointUse = FloatingPointUse::Anywhere;

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

static SEGMENTS: TakeOnce<CpuSegments> = TakeOnce::new(CpuSegments::new([]));
static TABLE: TakeOnce<InterruptDescriptorTable> = TakeOnce::new(InterruptDescriptorTable::new());
static STACKS: [Stack; 4] = [const { Stack::new() }; 4];
static TICKS: AtomicUsize = AtomicUsize::new(0);

/// Chooses the format in which entries keep the registers, and loads segments and gates.
///
/// # Safety
///
/// Once, in ring 0, with interrupts off and SSE on.
unsafe fn set_up() {
    let format = FloatingPointFormat::detect().expect("a CPU with SSE");
    // SAFETY: the caller's promise; there is one CPU.
    unsafe { format.use_in_entries() };
    let [double_fault, non_maskable_interrupt, machine_check, debug] = STACKS.each_ref().map(Stack::top);
    let stacks = ParanoidStacks { double_fault, non_maskable_interrupt, machine_check, debug };
    let mut cpu = entry_data::<Sse>().expect("there is one CPU");
    // SAFETY: nothing else refers to the data yet.
    let cpu = unsafe { cpu.as_mut() };
    let segments = SEGMENTS.take().expect("this function runs once");
    // SAFETY: the caller's promise; all of it is static.
    unsafe { segments.load::<Sse>(cpu, stacks) };
    let table = TABLE.take().expect("this function runs once");
    table
        .fill::<Sse, WithoutSmap>()
        .trap_every_vector()
        .paranoid_gates()
        .interrupts(VectorRange::<{ timer::VECTOR }, { timer::VECTOR }>, tick);
    // SAFETY: the segments are loaded.
    unsafe { table.load() };
}

/// Computes as the interrupted code does, with other values in the same registers.
fn tick(_frame: &mut TrapFrame, _vector: u8) {
    black_box(compute(3.0));
    TICKS.fetch_add(1, Ordering::Relaxed);
    timer::end_of_interrupt();
}

/// Computes something that keeps several xmm registers in use for a while. A value that is lost halfway shows in the
/// result.
fn compute(start: f64) -> [f64; 4] {
    let mut values = [start, start + 1.0, start + 2.0, start + 3.0];
    for step in 1..=10_000 {
        let step = f64::from(step);
        values = values.map(|value| value + 1.0 / step);
    }
    values
}

fn unexpected(frame: &TrapFrame) -> ! {
    line!("sse: {}: {frame:?}", name(frame.vector()));
    exit(1)
}

/// Switches SSE on (SDM 3A 9.6.1) before compiled code runs, which may use it.
#[unsafe(naked)]
extern "C" fn kernel_main() -> ! {
    const KEPT: u32 = !(Cr0::CR0_EMULATE_COPROCESSOR.bits() | Cr0::CR0_TASK_SWITCHED.bits()) as u32;
    #[cfg(target_arch = "x86_64")]
    naked_asm!(
        "mov rax, cr0", "and eax, {kept}", "or eax, {monitor}", "mov cr0, rax",
        "mov rax, cr4", "or eax, {sse}", "mov cr4, rax",
        "jmp {main}",
        kept = const KEPT,
        monitor = const Cr0::CR0_MONITOR_COPROCESSOR.bits(),
        sse = const Cr4::CR4_ENABLE_SSE.bits() | Cr4::CR4_UNMASKED_SSE.bits(),
        main = sym main,
    );
    #[cfg(target_arch = "x86")]
    naked_asm!(
        "mov eax, cr0", "and eax, {kept}", "or eax, {monitor}", "mov cr0, eax",
        "mov eax, cr4", "or eax, {sse}", "mov cr4, eax",
        "jmp {main}",
        kept = const KEPT,
        monitor = const Cr0::CR0_MONITOR_COPROCESSOR.bits(),
        sse = const Cr4::CR4_ENABLE_SSE.bits() | Cr4::CR4_UNMASKED_SSE.bits(),
        main = sym main,
    );
}

extern "C" fn main() -> ! {
    line!("sse: x86-entry on {NAME}");
    // SAFETY: the start code leads here once, in ring 0, with interrupts off; SSE is on.
    unsafe { set_up() };
    let expected = compute(black_box(1.0));
    timer::initialise();
    timer::unmask();
    // SAFETY: the handler changes nothing but the count.
    unsafe { asm!("sti") };
    while TICKS.load(Ordering::Relaxed) < 10 {
        let computed = compute(black_box(1.0));
        if computed != expected {
            line!("sse: {computed:?} instead of {expected:?}");
            exit(1)
        }
    }
    line!("sse: every result is right, in {} ticks", TICKS.load(Ordering::Relaxed));
    exit(0)
}
