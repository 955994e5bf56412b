//! Mistakes that compile. Each is a panic with a sentence and not a silent hang: in release builds where set-up makes
//! the mistake, and with the feature `checks` or in debug builds where a return makes it.
//!
//! The kernel makes one mistake after the other. The panic handler goes on with the next one.
#![no_std]
#![no_main]

#[path = "../support/mod.rs"]
#[macro_use]
mod support;

use core::arch::asm;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering};

use support::console::exit;
use x86_entry::vector::VectorRange;
use x86_entry::{
    CpuSegments, FloatingPointUse, InterruptDescriptorTable, KernelEntry, ParanoidStacks, Stack, TakeOnce, TrapFrame,
    WithoutSmap, entry_data, resume,
};

/// A kernel with every default.
struct Plain;

// SAFETY: `set_up` loads the crate's own segments and the CPU's data before any trap; both functions end the run.
unsafe impl KernelEntry for Plain {
    extern "C" fn trap(frame: NonNull<TrapFrame>) -> NonNull<TrapFrame> {
        // SAFETY: the entry has just saved it there.
        unexpected(unsafe { frame.as_ref() })
    }

    extern "C" fn paranoid_trap(frame: &mut TrapFrame) {
        unexpected(frame)
    }
}

/// A kernel that says that it uses floating point.
struct Floating;

// SAFETY: none of its gates is loaded.
unsafe impl KernelEntry for Floating {
    const FLOATING_POINT_USE: FloatingPointUse = FloatingPointUse::Anywhere;

    extern "C" fn trap(frame: NonNull<TrapFrame>) -> NonNull<TrapFrame> {
        frame
    }

    extern "C" fn paranoid_trap(frame: &mut TrapFrame) {
        unexpected(frame)
    }
}

/// The mistakes, and what the panic must say.
const MISTAKES: [(fn(), &str); 4] = [
    (fast_calls_without_paranoid_gates, "fast calls need NMI, #MC and #DB on stacks of their own"),
    (floating_point_without_format, "FloatingPointUse::Anywhere needs a format"),
    (ring_3_without_stack, "a return to ring 3 without a kernel stack"),
    (return_with_interrupts_on, "a frame is resumed with interrupts on"),
];

static MADE: AtomicUsize = AtomicUsize::new(0);

static SEGMENTS: TakeOnce<CpuSegments> = TakeOnce::new(CpuSegments::new([]));
static TABLE: TakeOnce<InterruptDescriptorTable> = TakeOnce::new(InterruptDescriptorTable::new());
static OTHER_TABLE: TakeOnce<InterruptDescriptorTable> = TakeOnce::new(InterruptDescriptorTable::new());
static STACKS: [Stack; 4] = [const { Stack::new() }; 4];

/// The vector of a handler that leaves interrupts on.
const VECTOR: u8 = 0x90;

/// Loads segments and gates, but neither paranoid gates nor a stack for traps of ring 3.
fn set_up() {
    let [double_fault, non_maskable_interrupt, machine_check, debug] = STACKS.each_ref().map(Stack::top);
    let stacks = ParanoidStacks { double_fault, non_maskable_interrupt, machine_check, debug };
    let mut cpu = entry_data::<Plain>().expect("there is one CPU");
    // SAFETY: nothing else refers to the data yet.
    let cpu = unsafe { cpu.as_mut() };
    let segments = SEGMENTS.take().expect("this function runs once");
    // SAFETY: ring 0, interrupts off, and all of it is static.
    unsafe { segments.load::<Plain>(cpu, stacks) };
    let table = TABLE.take().expect("this function runs once");
    table.fill::<Plain, WithoutSmap>().interrupts(VectorRange::<VECTOR, VECTOR>, |_: &mut TrapFrame, _: u8| {
        // SAFETY: every line of the interrupt controllers is masked.
        unsafe { asm!("sti") };
    });
    table.fill::<Plain, WithoutSmap>().trap_every_vector();
    // SAFETY: the segments are loaded.
    unsafe { table.load() };
}

fn fast_calls_without_paranoid_gates() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: ring 0; it panics before it changes anything.
    unsafe {
        x86_entry::enable_fast_calls::<Plain>()
    };
    #[cfg(target_arch = "x86")]
    // SAFETY: ring 0; it panics before it changes anything.
    unsafe {
        x86_entry::enable_fast_calls::<Plain>(entry_data::<Plain>().expect("there is one CPU"))
    };
}

fn floating_point_without_format() {
    OTHER_TABLE.take().expect("this function runs once").fill::<Floating, WithoutSmap>();
}

fn ring_3_without_stack() {
    let mut frame = TrapFrame::for_user::<Plain>(0, 0, 0);
    // SAFETY: it panics before ring 3 runs.
    unsafe { resume::<Plain>(NonNull::from(&mut frame)) }
}

fn return_with_interrupts_on() {
    // SAFETY: the handler doesn't return.
    unsafe { asm!("int {vector}", vector = const VECTOR) };
}

fn make_next() -> ! {
    let Some((mistake, _)) = MISTAKES.get(MADE.load(Ordering::Relaxed)) else {
        line!("misuse: {} mistakes, each said", MISTAKES.len());
        exit(0)
    };
    mistake();
    line!("misuse: a mistake passed in silence");
    exit(1)
}

fn unexpected(frame: &TrapFrame) -> ! {
    line!("misuse: {}: {frame:?}", x86_entry::vector::name(frame.vector()));
    exit(1)
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    // SAFETY: ring 0. The last mistake leaves interrupts on.
    unsafe { asm!("cli") };
    line!("{}", info.message());
    let expected = MISTAKES.get(MADE.fetch_add(1, Ordering::Relaxed)).map_or("", |(_, words)| words);
    if info.message().as_str().is_none_or(|said| !said.starts_with(expected)) {
        line!("misuse: not the sentence {expected:?}");
        exit(2)
    }
    make_next()
}

extern "C" fn kernel_main() -> ! {
    line!("misuse: x86-entry on {}", support::NAME);
    support::timer::initialise();
    set_up();
    make_next()
}
