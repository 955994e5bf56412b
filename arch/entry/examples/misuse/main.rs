//! Mistakes that compile. Each is a panic with a sentence and not a silent hang: in release builds where set-up makes
//! the mistake, and with the feature `checks` or in debug builds where a return makes it.
//!
//! The kernel makes one mistake after the other. The panic handler goes on with the next one.
#![no_std]
#![no_main]

#[path = "../support/mod.rs"]
#[macro_use]
mod support;

mod kernels;
mod returns;
mod set_up;

use core::arch::asm;
use core::sync::atomic::{AtomicUsize, Ordering};

use support::console::exit;
use x86::controlregs::{Cr4, cr4, cr4_write};
use x86_entry::{
    CpuSegments, InterruptDescriptorTable, ParanoidStacks, Stack, TakeOnce, TrapFrame, WithoutSmap, entry_data,
};

use kernels::Plain;

/// The mistakes, and what the panic must say.
const MISTAKES: &[(fn(), &str)] = &[
    (set_up::fast_calls_without_paranoid_gates, "fast calls need NMI, #MC and #DB on stacks of their own"),
    (set_up::fast_calls_with_plain_debug_gate, "fast calls need NMI, #MC and #DB on stacks of their own"),
    #[cfg(target_arch = "x86_64")]
    (set_up::swapping_without_paranoid_gates, "a kernel that swaps the GS base needs paranoid gates"),
    #[cfg(target_arch = "x86_64")]
    (set_up::fast_calls_of_swapping_with_plain_stacks, "fast calls need NMI, #MC and #DB on stacks of their own"),
    (set_up::floating_point_without_format, "FloatingPointUse::Anywhere needs a format"),
    (returns::other_frame_with_floating_point, "another frame is returned, with FloatingPointUse::Anywhere"),
    (set_up::floating_point_off, "the CPU lacks the floating-point format"),
    (returns::ring_3_without_stack, "a return to ring 3 without a kernel stack"),
    (returns::ring_3_without_cpu_stack, "a return to ring 3 without the CPU's stack"),
    (set_up::data_of_another_cpu, "an EntryData is loaded twice"),
    (set_up::data_elsewhere, "with EntryDataLocation::Static the stubs use the crate's own EntryData"),
    #[cfg(target_arch = "x86_64")]
    (returns::smap_switched_on_late, "CR4.SMAP was switched on after the table was loaded"),
    #[cfg(target_arch = "x86_64")]
    (returns::ring_3_without_gs_base, "a return to ring 3 without the kernel's GS base"),
    #[cfg(target_arch = "x86_64")]
    (returns::gs_base_of_ones_own, "a return to ring 3 with another GS base than the paranoid gates load"),
    #[cfg(target_arch = "x86_64")]
    (set_up::gs_base_before_segments, "an interrupt stack isn't set"),
    (returns::task_of_ones_own, "the TSS in the task register isn't that of the EntryData"),
    #[cfg(target_arch = "x86")]
    (
        returns::page_table_of_another_process,
        "a return to ring 3 with another page table than `EntryData::set_page_table`",
    ),
    (returns::return_with_interrupts_on, "a frame is resumed with interrupts on"),
    // The last one: the crate doesn't hear that `paranoid_trap` is left by a panic.
    (returns::exception_in_paranoid_trap, "an exception or interrupt inside `paranoid_trap`"),
];

static MADE: AtomicUsize = AtomicUsize::new(0);

static SEGMENTS: TakeOnce<CpuSegments> = TakeOnce::new(CpuSegments::new([]));
static TABLE: TakeOnce<InterruptDescriptorTable> = TakeOnce::new(InterruptDescriptorTable::new());
static STACKS: [Stack; 4] = [const { Stack::new() }; 4];

fn paranoid_stacks() -> ParanoidStacks {
    let [double_fault, non_maskable_interrupt, machine_check, debug] = STACKS.each_ref().map(Stack::top);
    ParanoidStacks { double_fault, non_maskable_interrupt, machine_check, debug }
}

/// Loads segments and gates, but neither paranoid gates nor a stack for traps of ring 3.
fn load_tables() {
    let mut cpu = entry_data::<Plain>().expect("there is one CPU");
    // SAFETY: nothing else refers to the data yet.
    let cpu = unsafe { cpu.as_mut() };
    let segments = SEGMENTS.take().expect("this function runs once");
    // SAFETY: ring 0, interrupts off, and all of it is static.
    unsafe { segments.load::<Plain>(cpu, paranoid_stacks()) };
    let table = TABLE.take().expect("this function runs once");
    table.fill::<Plain, WithoutSmap>().trap_every_vector();
    // SAFETY: the segments are loaded.
    unsafe { table.load() };
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
    // SAFETY: ring 0. A mistake leaves interrupts on.
    unsafe { asm!("cli") };
    // SAFETY: ring 0.
    let control = unsafe { cr4() };
    // SAFETY: ring 0. A mistake leaves SMAP on.
    unsafe { cr4_write(control & !Cr4::CR4_ENABLE_SMAP) };
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
    load_tables();
    make_next()
}
