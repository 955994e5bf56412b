//! COM1 as the kernel's log uses it: output only, without interrupts, at 115200 baud, eight bits, no parity.
//!
//! The kernel programs all of the chip: firmware leaves it in any state, and Bochs garbles output of a chip whose
//! divisor was never set. User mode's serial driver takes the port over later.

use crate::io::pc::COM1;
use x86::io::{inb, outb};

// Registers of the 16550, as offsets from the first port.
pub(super) const DATA: u16 = 0;
const INTERRUPT_ENABLE: u16 = 1;
/// Written; reads give the interrupt identification.
pub(super) const FIFO_CONTROL: u16 = 2;
pub(super) const LINE_CONTROL: u16 = 3;
const MODEM_CONTROL: u16 = 4;
pub(super) const LINE_STATUS: u16 = 5;
pub(super) const SCRATCH: u16 = 7;

/// While set, the first two registers are the divisor's bytes.
pub(super) const DIVISOR_LATCH: u8 = 0x80;
const EIGHT_BITS: u8 = 0x03;
/// Buffers on and emptied.
const FIFO_CLEAR: u8 = 0x07;
/// Bits of the interrupt identification that are set where the buffers are on and work (16550A; those of the 16550
/// don't work, and it sets one bit only).
pub(super) const FIFO_WORKS: u8 = 0xC0;
/// The bytes that a chip with buffers takes once its transmitter is empty.
pub(super) const FIFO_BYTES: u8 = 16;
/// Data terminal ready, request to send; not the output that lets its interrupt through.
const READY: u8 = 0x03;
/// The transmitter takes bytes: one, or a whole buffer of them.
pub(super) const TRANSMITTER_EMPTY: u8 = 0x20;
/// The last byte has been sent.
pub(super) const SENDER_EMPTY: u8 = 0x40;

/// The number of looks at a full transmitter before a byte is given up: a minute on real ports, where a look takes a
/// microsecond and a byte a hundred looks; six seconds on emulated ports, whose reader may be slow. After a byte that
/// was given up, each further byte gets one look until the chip takes one: output never hangs on a stuck chip.
const PATIENCE: u32 = 60_000_000;
/// The number of looks for a crash record, which has no second chance: ten minutes on real ports, and one on emulated
/// ones.
const PATIENCE_AT_LAST: u32 = 600_000_000;
/// The number of looks where no chip seems to be: 10 ms.
pub(super) const PATIENCE_WITHOUT_CHIP: u32 = 10_000;
/// Values that are written to the scratch register to find the chip. A bus without a chip gives one value, whichever
/// was written.
const SCRATCHES: [u8; 2] = [0x5A, 0xA5];

/// The registers of a chip.
pub trait Chip {
    /// Reads a register.
    fn read(&mut self, register: u16) -> u8;
    /// Writes a register.
    fn write(&mut self, register: u16, value: u8);
}

/// The chip of COM1.
#[derive(Debug)]
pub struct Com1;

impl Chip for Com1 {
    fn read(&mut self, register: u16) -> u8 {
        // SAFETY: ring 0 may use every port, and reading COM1's registers affects no memory.
        unsafe { inb(COM1 + register) }
    }

    fn write(&mut self, register: u16, value: u8) {
        // SAFETY: ring 0 may use every port, and the 16550 has no access to memory.
        unsafe { outb(COM1 + register, value) }
    }
}

/// The kernel's output to a chip.
#[derive(Debug)]
pub struct SerialPort<C> {
    chip: C,
    /// The bytes that the chip takes once its transmitter is empty.
    depth: u8,
    /// The bytes that the chip still takes without another look.
    room: u8,
    /// The number of looks for room for a byte.
    patience: u32,
    /// Whether the last byte found room.
    taken: bool,
}

impl<C: Chip> SerialPort<C> {
    /// Programs the chip and takes it for the kernel's output.
    pub fn take(chip: C) -> Self {
        let mut port = Self::with_patience(chip, PATIENCE);
        port.program();
        port
    }

    /// Takes the chip for a crash record, from the driver that had it or from the code that crashed. Waits for bytes
    /// that the chip already has, since programming discards them.
    pub fn take_back(chip: C) -> Self {
        let mut port = Self::with_patience(chip, PATIENCE_AT_LAST);
        port.finish();
        port.program();
        port
    }

    fn with_patience(chip: C, patience: u32) -> Self {
        let mut port = Self { chip, depth: 1, room: 0, patience, taken: true };
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
            self.chip.write(register, value);
        }
        let has_fifo = self.chip.read(FIFO_CONTROL) & FIFO_WORKS == FIFO_WORKS;
        self.depth = if has_fifo { FIFO_BYTES } else { 1 };
    }

    /// Tells whether the chip takes a byte at once. Looks at most once.
    pub fn has_room(&mut self) -> bool {
        if self.room == 0 && self.shows(TRANSMITTER_EMPTY) {
            self.room = self.depth;
        }
        self.room != 0
    }

    /// Waits until the chip takes a byte, for a bounded number of looks; tells whether it does. After a wait in vain,
    /// later calls look once, until the chip takes a byte.
    pub fn wait_for_room(&mut self) -> bool {
        if self.room == 0 && self.wait_for(TRANSMITTER_EMPTY) {
            self.room = self.depth;
        }
        self.room != 0
    }

    /// Gives the number of bytes that the chip takes without another look.
    #[inline(always)]
    pub const fn known_room(&self) -> u8 {
        self.room
    }

    /// Gives the chip a byte, for which it has room.
    #[inline(always)]
    pub fn send(&mut self, byte: u8) {
        self.room = self.room.saturating_sub(1);
        self.chip.write(DATA, byte);
    }

    /// Waits until all has been sent.
    pub fn finish(&mut self) {
        self.wait_for(SENDER_EMPTY);
    }

    /// The chip, for tests with a fake.
    #[cfg(test)]
    pub(super) const fn chip(&mut self) -> &mut C {
        &mut self.chip
    }

    fn wait_for(&mut self, status: u8) -> bool {
        let looks = if self.taken { self.patience } else { 1 };
        self.taken = (0..looks).any(|_| self.shows(status));
        self.taken
    }

    fn shows(&mut self, status: u8) -> bool {
        self.chip.read(LINE_STATUS) & status != 0
    }

    fn is_there(&mut self) -> bool {
        SCRATCHES.into_iter().all(|value| {
            self.chip.write(SCRATCH, value);
            self.chip.read(SCRATCH) == value
        })
    }
}
