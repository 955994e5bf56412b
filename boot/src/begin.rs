//! The way from the first Rust instruction to the first process, in order.

use alloc::boxed::Box;
use core::convert::Infallible;
use core::fmt::Write;
use core::panic::PanicInfo;

use arch::cpu::features;
use arch::crash::{self, End};
use arch::firmware::acpi::Root;
use arch::log::journal::{self, Writer};
use arch::log::screen::{AnyGrid, TextMode};
use arch::memory::{BootMemory, FRAME_BYTES};
use arch::start::Prepared;
use arch::{Cpu, layout};
use kernel::Kernel;
use kernel::boot::Setup;
use kernel::frames::{Frame, FrameRecord, Records};
use kernel::machine::{Machine, Time};

use crate::failure::Failure;
use crate::information::Information;
use crate::start::stack::BOOT_STACK;
use crate::{first_process, heap, prepare, provoke};

/// Runs as the kernel's first Rust function. The start code calls this with the loader's magic number and the address
/// of the loader's information.
pub extern "C" fn begin(magic: u32, information: u32) -> ! {
    let began = arch::clock::time::now();
    journal::begin(began);
    journal::install();
    journal::take_serial();
    // SAFETY: the start code maps low memory, the text cells included, at the direct map's base.
    let text = unsafe { TextMode::new((layout::DIRECT_MAP + TextMode::PHYSICAL_ADDRESS as usize) as *mut u16) };
    journal::take_screen(AnyGrid::Text(text));
    log::info!("Bellwire {} {}", env!("CARGO_PKG_VERSION"), layout::NAME);
    let stack = core::ptr::from_ref(&BOOT_STACK).wrapping_add(1).addr();
    // SAFETY: this runs once, in ring 0, with interrupts off; the start code maps the kernel, and nothing else uses the
    // boot stack.
    unsafe { arch::start::catch_exceptions(stack) };
    match boot(magic, information, began) {
        Ok(never) => match never {},
        Err(failure) => cannot_start(format_args!("{failure}")),
    }
}

fn boot(magic: u32, information: u32, began: Time) -> Result<Infallible, Failure> {
    let mut information = Information::read(magic, information, &prepare::EarlyMemory)?;
    if information.option("exit") == Some("debug") {
        crash::exit_on_stop();
    }
    if information.option("nmi") == Some("crash") {
        crash::crash_at_non_maskable();
    }
    if information.option("log") == Some("plain") {
        journal::without_times();
    }
    if information.option("console") == Some("serial") {
        journal::release_screen();
    }
    if let Some(end) = information.option("early-crash") {
        provoke::crash(end);
    }
    let mut memory = prepare::memory(&mut information)?;
    prepare::tables(&mut memory)?;
    information.framebuffer = information.framebuffer.filter(|framebuffer| prepare::can_be_there(framebuffer, &memory));
    if let Some(framebuffer) = information.framebuffer {
        prepare::screen(framebuffer);
    }
    features::with_name(|name| log::info!("CPU: {name}"));
    log::info!("protection: {}", features::features());
    log::info!("memory: {} MiB, {} MiB free", memory.ram().count() >> 8, memory.free_frames() >> 8);

    let map = Box::leak(Box::new(memory.map().clone()));
    let root = information.acpi_root.map_or(Root::InBiosArea, Root::Pointer);
    // SAFETY: this runs once, in ring 0, with interrupts off, on the final page tables; root and map are the
    // firmware's.
    let prepared = unsafe { arch::start::prepare(root, map) }.map_err(Failure::Clock)?;
    let records = records(&mut memory).ok_or_else(|| prepare::no_low_memory(&memory))?;
    // SAFETY: the machine was prepared, and this runs once.
    unsafe {
        arch::start::run(|kernel, cpu| {
            first_decision(kernel, cpu, Memory { records, rest: memory }, &Known { information, prepared });
            let waited = prepared.waited;
            let cycles = arch::clock::time::now().0.wrapping_sub(began.0).wrapping_sub(waited);
            let milliseconds = (cycles * 1000).checked_div(cpu.clock().0).unwrap_or(0);
            log::info!("started in {cycles} cycles ({milliseconds} ms), and {waited} for measuring the clock");
            journal::release_screen();
        })
    }
}

/// Takes memory for the core's records of all frames. Returns `None` if there is too little.
fn records(memory: &mut BootMemory) -> Option<Records> {
    let count = memory.frame_limit() as usize;
    // SAFETY: records are plain numbers, of which any are values.
    let records = unsafe { memory.take_uncleared_table::<FrameRecord>(count) }?;
    // SAFETY: zeros are numbers.
    let zeros = unsafe { memory.take_table(Records::words(count)) }?;
    Some(Records::new(records, zeros))
}

/// The memory that the core gets.
struct Memory {
    records: Records,
    rest: BootMemory,
}

/// The description of the machine: what the loader says, and what start-up found.
pub struct Known {
    /// What the loader says.
    pub information: Information,
    /// What start-up found.
    pub prepared: Prepared,
}

/// Hands memory over to the core, makes the first process and lets the core choose what runs.
fn first_decision(kernel: &mut Kernel<Cpu>, cpu: &mut Cpu, memory: Memory, known: &Known) {
    let low_end = Frame(u32::try_from(layout::DIRECT_MAP_END / FRAME_BYTES).unwrap_or(u32::MAX));
    let setup = Setup { records: memory.records, low_end, runs: memory.rest.into_runs().iter().copied() };
    let made = kernel.initialise(cpu, setup).map_err(Failure::from);
    if let Err(failure) = made.and_then(|()| first_process::make(kernel, cpu, known)) {
        cannot_start(format_args!("{failure}"));
    }
    if let Some(end) = known.information.option("crash") {
        provoke::crash(end);
    }
    heap::seal();
    kernel.start(cpu);
}

/// Writes why the kernel can't start on this machine, and stops.
fn cannot_start(why: core::fmt::Arguments<'_>) -> ! {
    // Writing to the log can't fail.
    let _ = writeln!(Writer, "Bellwire can't start: {why}");
    crash::stop(End::NotStarted)
}

#[panic_handler]
fn panic(information: &PanicInfo) -> ! {
    crash::panicked(information)
}
