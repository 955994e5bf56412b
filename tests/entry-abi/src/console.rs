//! Lines on the first serial port, texts of a fixed size, and the end of the run.
use core::fmt::{self, Arguments, Write};

use x86::io::{inb, outb};

const SERIAL: u16 = 0x3F8;
const LINE_STATUS: u16 = SERIAL + 5;
/// The last byte has been sent. Rows wait for this, since a row may end the machine before a slow reader has its bytes.
const IS_IDLE: u8 = 1 << 6;
const DEBUG_EXIT: u16 = 0xF4;

/// The serial port as QEMU sets it up.
pub struct Console;

impl Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            // SAFETY: ring 0; a byte more on the serial line harms nothing.
            unsafe { outb(SERIAL, byte) };
            // SAFETY: ring 0; reading the status clears no more than error bits.
            while unsafe { inb(LINE_STATUS) } & IS_IDLE == 0 {}
        }
        Ok(())
    }
}

/// Prints a line.
#[macro_export]
macro_rules! line {
    ($($part:tt)*) => {{
        use core::fmt::Write as _;
        let _ = writeln!($crate::console::Console, $($part)*);
    }};
}

/// A text that needs no allocation; what doesn't fit is cut off.
#[derive(Clone, Copy)]
pub struct Text {
    bytes: [u8; 112],
    length: usize,
}

impl Text {
    /// Writes a text down.
    pub fn new(arguments: Arguments<'_>) -> Self {
        let mut text = Self { bytes: [0; 112], length: 0 };
        let _ = text.write_fmt(arguments);
        text
    }
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for (place, byte) in self.bytes[self.length..].iter_mut().zip(text.bytes()) {
            *place = byte;
            self.length += 1;
        }
        Ok(())
    }
}

impl fmt::Display for Text {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(str::from_utf8(&self.bytes[..self.length]).unwrap_or("?"))
    }
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
    line!("panic: {info}");
    exit(3)
}
