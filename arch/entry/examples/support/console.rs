//! Lines on the first serial port, and the end of the run.
use core::fmt::{self, Write};
use core::sync::atomic::{AtomicBool, Ordering};

use x86::io::{inb, outb};

/// The first serial port's registers, a 16550's: data, interrupt enable, FIFO control, line control, line status.
const SERIAL: u16 = 0x3F8;
const INTERRUPT_ENABLE: u16 = SERIAL + 1;
const FIFO_CONTROL: u16 = SERIAL + 2;
const LINE_CONTROL: u16 = SERIAL + 3;
const LINE_STATUS: u16 = SERIAL + 5;
/// Bits of the line status: there is room for a byte; every byte is sent.
const HAS_ROOM: u8 = 1 << 5;
const IS_IDLE: u8 = 1 << 6;

/// QEMU's isa-debug-exit device, where a command line puts it.
const DEBUG_EXIT: u16 = 0xF4;
/// Bochs ends when it reads this at this port.
const SHUTDOWN_PORT: u16 = 0x8900;
const SHUTDOWN: &[u8] = b"Shutdown";

/// The serial port, set up when it is first used.
pub struct Console;

static IS_SET_UP: AtomicBool = AtomicBool::new(false);

impl Console {
    /// Sets the port up: 115,200 baud, eight bits, no parity, one stop bit. QEMU doesn't care; other machines do.
    fn set_up() {
        const DIVISOR_ACCESS: u8 = 1 << 7;
        const EIGHT_BITS: u8 = 0b11;
        let writes = [
            (LINE_CONTROL, DIVISOR_ACCESS),
            // With that bit, the first two registers are the divisor.
            (SERIAL, 1),
            (INTERRUPT_ENABLE, 0),
            (LINE_CONTROL, EIGHT_BITS),
            (INTERRUPT_ENABLE, 0),
            (FIFO_CONTROL, 1),
        ];
        for (register, value) in writes {
            // SAFETY: ring 0; the port is this kernel's.
            unsafe { outb(register, value) };
        }
    }

    fn wait_for(status: u8) {
        // SAFETY: ring 0; reading the status clears no more than error bits.
        while unsafe { inb(LINE_STATUS) } & status == 0 {
            core::hint::spin_loop();
        }
    }
}

impl Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if !IS_SET_UP.swap(true, Ordering::Relaxed) {
            Console::set_up();
        }
        for byte in text.bytes() {
            Console::wait_for(HAS_ROOM);
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

/// Ends the emulator: QEMU's status is twice the code and one, Bochs has none to give.
pub fn exit(code: u8) -> ! {
    Console::wait_for(IS_IDLE);
    // SAFETY: ring 0; the port ends the machine, or there is nothing behind it.
    unsafe { outb(DEBUG_EXIT, code) };
    for &byte in SHUTDOWN {
        // SAFETY: as above.
        unsafe { outb(SHUTDOWN_PORT, byte) };
    }
    loop {
        // SAFETY: ring 0.
        unsafe { x86::halt() };
    }
}
