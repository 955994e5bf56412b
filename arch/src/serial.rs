//! COM1 as the kernel's log uses it: output only, without interrupts, at 115200 baud, eight bits, no parity.
//!
//! Programmed from scratch rather than taken as found: firmware leaves it in any state, and Bochs garbles output of a
//! chip whose divisor was never set. User mode's serial driver takes the port over later.

use core::fmt;

use x86::io::{inb, outb};

/// The first port of COM1.
pub const COM1: u16 = 0x3F8;
/// Its ports.
pub const PORTS: u16 = 8;

// Registers of the 16550, as offsets from the first port.
const DATA: u16 = 0;
const INTERRUPT_ENABLE: u16 = 1;
const FIFO_CONTROL: u16 = 2;
const LINE_CONTROL: u16 = 3;
const MODEM_CONTROL: u16 = 4;
const LINE_STATUS: u16 = 5;

/// While set, the first two registers are the divisor's bytes.
const DIVISOR_LATCH: u8 = 0x80;
const EIGHT_BITS: u8 = 0x03;
/// Buffers on and emptied.
const FIFO_CLEAR: u8 = 0x07;
/// Data terminal ready, request to send; not the output that lets its interrupt through.
const READY: u8 = 0x03;
const TRANSMITTER_EMPTY: u8 = 0x20;

/// How often a full transmitter is looked at before its byte is given up: for a second on real ports, where a look takes
/// a microsecond and a byte a hundred of those; whoever reads a virtual one may be that slow. Output must never hang on
/// a chip that is stuck, so only one byte is waited for in that way until the chip takes another.
const PATIENCE: u32 = 1_000_000;

/// The kernel's output to COM1.
#[derive(Debug)]
pub struct SerialPort {
    /// How often the next byte looks for room.
    patience: u32,
}

impl SerialPort {
    /// Programs the chip and takes it for the kernel's output.
    pub fn take() -> Self {
        let mut port = Self { patience: PATIENCE };
        for (register, value) in [
            (INTERRUPT_ENABLE, 0),
            (LINE_CONTROL, DIVISOR_LATCH),
            (DATA, 1),
            (INTERRUPT_ENABLE, 0),
            (LINE_CONTROL, EIGHT_BITS),
            (FIFO_CONTROL, FIFO_CLEAR),
            (MODEM_CONTROL, READY),
        ] {
            port.write(register, value);
        }
        port
    }

    /// Writes text; a line feed also returns the carriage, as terminals want it.
    pub fn put(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if byte == b'\n' {
                self.put_byte(b'\r');
            }
            self.put_byte(byte);
        }
    }

    fn put_byte(&mut self, byte: u8) {
        let ready = (0..self.patience).any(|_| self.read(LINE_STATUS) & TRANSMITTER_EMPTY != 0);
        if ready {
            self.write(DATA, byte);
        }
        self.patience = if ready { PATIENCE } else { 1 };
    }

    fn read(&self, register: u16) -> u8 {
        // SAFETY: ring 0 may use every port, and reading COM1's registers affects no memory.
        unsafe { inb(COM1 + register) }
    }

    fn write(&mut self, register: u16, value: u8) {
        // SAFETY: ring 0 may use every port, and the 16550 has no access to memory.
        unsafe { outb(COM1 + register, value) }
    }
}

impl fmt::Write for SerialPort {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.put(text.as_bytes());
        Ok(())
    }
}
