//! A 16550 and its two rings.
//!
//! Nothing is lost as long as the sender heeds flow control: when the input ring is full the receive interrupt goes
//! off and RTS drops, so the bytes wait in the chip's FIFO and beyond it at the sender (another 16550, a USB
//! adapter, QEMU's character device), until a reader has made room. CTS is not heeded when sending: a cable with
//! three wires leaves it inactive for good.
//!
//! The chip's registers and bits are those of the crate `uart_16550`; what it does to them is here, because its own
//! driver polls.

use alloc::collections::VecDeque;
use bellwire::protocol::Chunk;
use bellwire::registers::Registers;
use bellwire::stream::Source;
use uart_16550::spec::FIFO_SIZE;
use uart_16550::spec::registers::offsets::{self, DATA};
use uart_16550::spec::registers::{FCR, FifoTriggerLevel, IER, ISR, LCR, LSR, MCR, WordLength};

/// How many bytes wait in each direction at most.
pub const RING_BYTES: usize = 4096;

/// 115200 bits a second: the chip's clock of 1.8432 MHz, divided by 16 for each bit, undivided further.
const DIVISOR: u16 = 1;

/// How often the line status is read before a transmitter counts as stuck. Sixteen bytes at this speed take 1400
/// microseconds, a port of the ISA bus about one.
const PATIENCE: usize = 10_000;

/// A serial line: 115200 bits a second, 8 data bits, no parity, one stop bit.
pub struct Uart<R> {
    registers: R,
    interrupts: IER,
    input: VecDeque<u8>,
    output: VecDeque<u8>,
    overruns: u32,
}

impl<R: Registers> Uart<R> {
    /// Programs the chip, and keeps what has already arrived: a person may type while the system starts.
    pub fn new(registers: R) -> Self {
        let mut uart = Self {
            registers,
            interrupts: IER::empty(),
            input: VecDeque::with_capacity(RING_BYTES),
            output: VecDeque::with_capacity(RING_BYTES),
            overruns: 0,
        };
        uart.wait_until_sent();
        let frame = LCR::empty().set_word_length(WordLength::EightBits);
        uart.write_register(offsets::IER, 0);
        uart.write_register(offsets::LCR, (frame | LCR::DLAB).bits());
        uart.write_register(offsets::DLL, DIVISOR as u8);
        uart.write_register(offsets::DLM, (DIVISOR >> 8) as u8);
        uart.write_register(offsets::LCR, frame.bits());
        // Eight of sixteen: the interrupt comes often enough that 700 microseconds remain to answer it, at full speed.
        let fifo = FCR::FIFO_ENABLE.set_fifo_trigger_level(FifoTriggerLevel::Eight);
        uart.write_register(offsets::FCR, fifo.bits());
        uart.accept_input(Acceptance::Open);
        uart
    }

    /// Serves an interrupt, until the chip has no more to say: its line must fall before it can rise again.
    pub fn serve(&mut self) {
        while ISR::from_bits_retain(self.read_register(offsets::ISR)).has_pending_interrupt() {
            self.receive();
            self.transmit();
        }
    }

    /// Takes as many bytes to send as there is room for.
    pub fn write(&mut self, bytes: &[u8]) -> usize {
        let taken = bytes.len().min(RING_BYTES - self.output.len());
        self.output.extend(&bytes[..taken]);
        self.transmit();
        taken
    }

    /// Whether another byte to send would be taken.
    pub fn has_room(&self) -> bool {
        self.output.len() < RING_BYTES
    }

    /// How many times the chip's FIFO ran over, because the sender heeded no flow control.
    pub fn overruns(&self) -> u32 {
        self.overruns
    }

    fn receive(&mut self) {
        while self.interrupts.contains(IER::DATA_READY) {
            if !self.line_status().contains(LSR::DATA_READY) {
                return;
            }
            let byte = self.read_register(DATA);
            self.input.push_back(byte);
            if self.input.len() == RING_BYTES {
                self.accept_input(Acceptance::Shut);
            }
        }
    }

    /// An empty transmit register means an empty FIFO, that is, room for all of its size.
    fn transmit(&mut self) {
        if self.line_status().contains(LSR::THR_EMPTY) {
            for _ in 0..FIFO_SIZE {
                let Some(byte) = self.output.pop_front() else { break };
                self.write_register(DATA, byte);
            }
        }
        let wanted = if self.output.is_empty() { IER::empty() } else { IER::THR_EMPTY };
        self.enable((self.interrupts - IER::THR_EMPTY) | wanted);
    }

    /// Lets the sender go on, or stops it.
    fn accept_input(&mut self, acceptance: Acceptance) {
        let control = MCR::DTR | MCR::OUT_2_INT_ENABLE;
        let input = IER::DATA_READY | IER::RECEIVER_LINE_STATUS;
        match acceptance {
            Acceptance::Open => {
                self.write_register(offsets::MCR, (control | MCR::RTS).bits());
                self.enable(self.interrupts | input);
                self.receive();
            }
            Acceptance::Shut => {
                self.write_register(offsets::MCR, control.bits());
                self.enable(self.interrupts - input);
            }
        }
    }

    fn enable(&mut self, interrupts: IER) {
        if interrupts != self.interrupts {
            self.interrupts = interrupts;
            self.write_register(offsets::IER, interrupts.bits());
        }
    }

    /// A predecessor, or the kernel's log, may still be sending, which a new divisor would garble.
    fn wait_until_sent(&mut self) {
        let _ = (0..PATIENCE).find(|_| self.line_status().contains(LSR::TRANSMITTER_EMPTY));
    }

    /// Reading this register clears the errors that it reports, so they are counted wherever it is read.
    fn line_status(&mut self) -> LSR {
        let status = LSR::from_bits_retain(self.read_register(offsets::LSR));
        self.overruns += u32::from(status.contains(LSR::OVERRUN_ERROR));
        status
    }

    fn read_register(&mut self, register: usize) -> u8 {
        self.registers.read(register as u16)
    }

    fn write_register(&mut self, register: usize, value: u8) {
        self.registers.write(register as u16, value);
    }
}

impl<R: Registers> Source for Uart<R> {
    fn peek(&mut self) -> Chunk {
        self.input.iter().copied().collect()
    }

    /// Lets the sender go on once half the ring is free again.
    fn consume(&mut self, bytes: usize) {
        self.input.drain(..bytes);
        if !self.interrupts.contains(IER::DATA_READY) && self.input.len() <= RING_BYTES / 2 {
            self.accept_input(Acceptance::Open);
        }
    }
}

/// Whether the sender may go on.
#[derive(Clone, Copy)]
enum Acceptance {
    Open,
    Shut,
}

#[cfg(test)]
mod tests;
