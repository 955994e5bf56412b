//! The way from the first Rust instruction to the first process.

use core::fmt::Write;
use core::panic::PanicInfo;

use arch::journal::{self, Writer};
use arch::layout;
use arch::screen::TextMode;

/// Where the start code ends and Rust begins: the loader's magic number, and where its information is.
pub extern "C" fn begin(_magic: u32, _information: u32) -> ! {
    journal::install();
    journal::take_serial();
    // SAFETY: the start code maps low memory, the text cells included, at the direct map's base.
    journal::take_screen(unsafe { TextMode::new((layout::DIRECT_MAP + 0xB8000) as *mut u16) });
    log::info!("Bellwire {} {}", env!("CARGO_PKG_VERSION"), layout::NAME);
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
    let _ = writeln!(Writer, "Bellwire can't start: {}", information.message());
    halt()
}
