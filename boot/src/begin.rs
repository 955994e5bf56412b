//! The way from the first Rust instruction to the first process, in order.

use core::fmt::Write;
use core::panic::PanicInfo;

use arch::cpu;
use arch::journal::{self, Writer};
use arch::layout;
use arch::screen::{AnyGrid, TextMode};

use crate::failure::Failure;
use crate::information::Information;
use crate::prepare;

/// Where the start code ends and Rust begins: the loader's magic number, and where its information is.
pub extern "C" fn begin(magic: u32, information: u32) -> ! {
    journal::install();
    journal::take_serial();
    // SAFETY: the start code maps low memory, the text cells included, at the direct map's base.
    let text = unsafe { TextMode::new((layout::DIRECT_MAP + TextMode::PHYSICAL_ADDRESS as usize) as *mut u16) };
    journal::take_screen(AnyGrid::Text(text));
    log::info!("Bellwire {} {}", env!("CARGO_PKG_VERSION"), layout::NAME);
    match boot(magic, information) {
        Ok(()) => halt(),
        Err(failure) => cannot_start(format_args!("{failure}")),
    }
}

fn boot(magic: u32, information: u32) -> Result<(), Failure> {
    let information = Information::read(magic, information, &prepare::EarlyMemory)?;
    let mut memory = prepare::memory(&information)?;
    prepare::tables(&mut memory)?;
    if let Some(framebuffer) = information.framebuffer {
        prepare::screen(framebuffer);
    }
    cpu::with_name(|name| log::info!("CPU: {name}"));
    log::info!("protection: {}", cpu::features());
    log::info!("memory: {} MiB, {} MiB free", memory.ram().len() >> 8, memory.free_frames() >> 8);
    Ok(())
}

/// The one line of a machine on which the kernel can't start.
fn cannot_start(why: core::fmt::Arguments<'_>) -> ! {
    // Writing to the log can't fail.
    let _ = writeln!(Writer, "Bellwire can't start: {why}");
    halt()
}

/// Stops this CPU for good.
fn halt() -> ! {
    loop {
        // SAFETY: with interrupts off, which they are from the first instruction on, this only waits.
        unsafe { x86::halt() };
    }
}

#[panic_handler]
fn panic(information: &PanicInfo) -> ! {
    cannot_start(format_args!("{}", information.message()))
}
