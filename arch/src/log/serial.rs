//! COM1 as the kernel's log uses it: output only, without interrupts, at 115200 baud, eight bits, no parity.
//!
//! The kernel programs all of the chip: firmware leaves it in any state, and Bochs garbles output of a chip whose
//! divisor was never set. User mode's serial driver takes the port over later.

use core::fmt;

use crate::io::pc::COM1;
use x86::io::{inb, outb};

// Registers of the 16550, as offsets from the first port.
const DATA: u16 = 0;
const INTERRUPT_ENABLE: u16 = 1;
const FIFO_CONTROL: u16 = 2;
const LINE_CONTROL: u16 = 3;
const MODEM_CONTROL: u16 = 4;
const LINE_STATUS: u16 = 5;
const SCRATCH: u16 = 7;

/// While set, the first two registers are the divisor's bytes.
const DIVISOR_LATCH: u8 = 0x80;
const EIGHT_BITS: u8 = 0x03;
/// Buffers on and emptied.
const FIFO_CLEAR: u8 = 0x07;
/// Data terminal ready, request to send; not the output that lets its interrupt through.
const READY: u8 = 0x03;
/// There is room for the next byte.
const TRANSMITTER_EMPTY: u8 = 0x20;
/// The last byte has been sent.
const SENDER_EMPTY: u8 = 0x40;

/// The number of looks at a full transmitter before its byte is given up. A look takes a microsecond on real ports, and
/// a byte a hundred of those. A look at an emulated port takes a tenth of that, and the program that reads its bytes
/// may be slow. Output must never hang on a stuck chip, so after one byte that was waited for in vain the others get
/// one look, until the chip takes one.
const PATIENCE: u32 = 60_000_000;
/// The number of looks for a crash record, which has no second chance: ten minutes on real ports, and one on emulated
/// ones.
const PATIENCE_AT_LAST: u32 = 600_000_000;
/// The number of looks where no chip seems to be: 10 ms.
const PATIENCE_WITHOUT_CHIP: u32 = 10_000;
/// Values that are written to the scratch register to find the chip. A bus without a chip gives one value, whichever
/// was written.
const SCRATCHES: [u8; 2] = [0x5A, 0xA5];

/// The kernel's output to COM1.
#[derive(Debug)]
pub struct SerialPort {
    /// The number of looks for room for a byte.
    patience: u32,
    /// Whether the last byte found room.
    taken: bool,
}

impl SerialPort {
    /// Programs the chip and takes it for the kernel's output.
    pub fn take() -> Self {
        let mut port = Self::with_patience(PATIENCE);
        port.program();
        port
    }

    /// Takes the chip for a crash record, from the driver that had it. Waits for that driver's last bytes, since
    /// programming discards them.
    pub fn take_back() -> Self {
        let mut port = Self::with_patience(PATIENCE_AT_LAST);
        port.finish();
        port.program();
        port
    }

    fn with_patience(patience: u32) -> Self {
        let mut port = Self { patience, taken: true };
        if !port.is_there() {
            port.patience = PATIENCE_WITHOUT_CHIP;
        }
        port
    }

    fn program(&mut self) {
        for (register, value) in [
            (INTERRUPT_ENABLE, 0),
            (LINE_CONTROL, DIVISOR_LATCH),
            (DATA, 1),
            (INTERRUPT_ENABLE, 0),
            (LINE_CONTROL, EIGHT_BITS),
            (FIFO_CONTROL, FIFO_CLEAR),
            (MODEM_CONTROL, READY),
        ] {
            self.write(register, value);
        }
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

    /// Waits until all has been sent.
    pub fn finish(&mut self) {
        self.wait_for(SENDER_EMPTY);
    }

    fn put_byte(&mut self, byte: u8) {
        if self.wait_for(TRANSMITTER_EMPTY) {
            self.write(DATA, byte);
        }
    }

    /// Waits until the line's status has one of these bits. A chip that didn't show one in time gets one look a byte,
    /// until it does.
    fn wait_for(&mut self, status: u8) -> bool {
        let looks = if self.taken { self.patience } else { 1 };
        self.taken = (0..looks).any(|_| self.read(LINE_STATUS) & status != 0);
        self.taken
    }

    fn is_there(&mut self) -> bool {
        SCRATCHES.into_iter().all(|value| {
            self.write(SCRATCH, value);
            self.read(SCRATCH) == value
        })
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
