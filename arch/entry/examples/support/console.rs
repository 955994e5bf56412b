//! Lines on the first serial port, and the end of the run.
use core::fmt::{self, Write};

use x86::io::outb;

const SERIAL: u16 = 0x3F8;
const DEBUG_EXIT: u16 = 0xF4;

/// The serial port as QEMU sets it up.
pub struct Console;

impl Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            // SAFETY: ring 0; a byte more on the serial line harms nothing.
            unsafe { outb(SERIAL, byte) };
        }
        Ok(())
    }
}

/// Prints a line.
macro_rules! line {
    ($($part:tt)*) => {{
        use core::fmt::Write as _;
        let _ = writeln!($crate::support::console::Console, $($part)*);
    }};
}

/// Ends QEMU: its status is twice the code and one.
pub fn exit(code: u8) -> ! {
    // SAFETY: ring 0; the port ends the machine, or there is nothing behind it.
    unsafe { outb(DEBUG_EXIT, code) };
    loop {
        // SAFETY: ring 0.
        unsafe { x86::halt() };
    }
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    line!("{info}");
    exit(2)
}
