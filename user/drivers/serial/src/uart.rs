//! A UART of the PC's kind (8250, 16450, 16550, 16550A) and its two rings.
//!
//! Nothing is lost as long as the sender heeds flow control. When the input ring is full, the driver turns the receive
//! interrupt off and drops RTS. Then bytes wait in the chip's FIFO, and beyond it at the sender (another 16550, a USB
//! adapter, QEMU's character device), until a reader has made room. The driver doesn't heed CTS when it sends: a cable
//! with three wires leaves CTS inactive for ever.
//!
//! The names of registers and bits come from the crate `uart_16550`. Its driver isn't used, since that one polls.

use alloc::collections::VecDeque;
use bellwire::protocol::Chunk;
use bellwire::registers::Registers;
use bellwire::stream::Source;
use core::fmt;
use core::time::Duration;
use uart_16550::spec::FIFO_SIZE;
use uart_16550::spec::registers::offsets::{self, DATA};
use uart_16550::spec::registers::{FCR, FifoTriggerLevel, IER, ISR, LCR, LSR, MCR, WordLength};

/// The first port of COM1.
pub const COM1: u16 = 0x3F8;

/// The most bytes that wait in each direction.
pub const RING_BYTES: usize = 4096;

/// The divisor for 115200 bits a second: the chip's clock of 1.8432 MHz, divided by 16 for each bit and by nothing
/// more.
const DIVISOR: u16 = 1;

/// How many pauses a transmitter gets to send what it has before it counts as stuck. Sixteen bytes at this speed take
/// 1400 microseconds, and a pause at least a millisecond. A count of port reads would be no bound in time.
const MOST_PAUSES: usize = 10;

/// How often the chip may ask for service without anything to do before its interrupt counts as stuck.
const IDLE_ROUNDS: usize = 64;

/// How many consecutive equal bytes may arrive while the FIFO never runs empty, before the chip is taken to invent
/// them. No sender refills sixteen places before the driver's next look four thousand consecutive times.
const ENDLESS: usize = 64 * 1024;

/// How long output waits for the transmit interrupt before the driver looks at the line status, and the period of looks
/// for input while the UART is polled. Sixteen bytes at this speed leave in 1400 microseconds.
const REST: Duration = Duration::from_millis(20);

/// The period of looks at a polled UART while output waits: sixteen bytes each time are as fast as the wire.
const SHORT_REST: Duration = Duration::from_millis(1);

/// How many consecutive looks must find an interrupt missing before the UART is polled. A single one may have come
/// after the transmitter ran empty and before its interrupt.
const MISSES: u8 = 2;

/// The value that registers read as where no chip answers. The line status never has it: its bit of a parity error
/// takes parity, which is off.
const NOBODY: u8 = 0xFF;

/// The interrupt enable register's bits that every chip has and keeps.
const INTERRUPTS: u8 = 0x0F;

/// The reason why a chip is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The chip no longer answers.
    Gone,
    /// The chip asks for service without end, whatever is done.
    Stuck,
    /// The chip has the same byte ready without end.
    Endless,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Gone => "the UART no longer answers",
            Self::Stuck => "the UART's interrupt doesn't end",
            Self::Endless => "the UART's input doesn't end",
        })
    }
}

/// Returns whether there is a UART. Call this before anything else is done to it; the UART may be in use for sending.
///
/// The interrupt enable register keeps its low four bits in every chip of the kind, while the first ones lack the
/// scratch register (8250A data sheet). The interrupts stay off.
pub fn answers(registers: &mut impl Registers) -> bool {
    let mut keeps = |value: u8| {
        registers.write(offsets::IER as u16, value);
        registers.read(offsets::IER as u16) & INTERRUPTS == value
    };
    // The last write turns them off.
    let keeps = [INTERRUPTS, 0].map(&mut keeps);
    keeps == [true; 2] && registers.read(offsets::LSR as u16) != NOBODY
}

/// A serial line: 115200 bits a second, 8 data bits, no parity, one stop bit.
pub struct Uart<R> {
    registers: R,
    interrupts: IER,
    input: VecDeque<u8>,
    output: VecDeque<u8>,
    overruns: u32,
    /// The number of bytes that the chip takes when its transmitter is empty.
    room: usize,
    /// Whether an interrupt has ever come. Until then the transmit interrupt is wanted even if no output waits.
    proven: bool,
    /// The number of looks since the last interrupt that found the transmitter empty though its interrupt was wanted.
    misses: u8,
    /// The last byte received, and how many consecutive times it has come while the line status always said that more
    /// is there.
    repeated: (u8, usize),
    fault: Option<Fault>,
}

impl<R: Registers> Uart<R> {
    /// Programs a chip that [`answers`], and keeps what has already arrived: a person may type while the system starts.
    /// `pause` lets a millisecond or more pass, in which a predecessor's bytes leave.
    pub fn new(registers: R, pause: impl FnMut()) -> Self {
        let mut uart = Self {
            registers,
            interrupts: IER::empty(),
            input: VecDeque::with_capacity(RING_BYTES),
            output: VecDeque::with_capacity(RING_BYTES),
            overruns: 0,
            room: 1,
            proven: false,
            misses: 0,
            repeated: (0, 0),
            fault: None,
        };
        uart.wait_until_sent(pause);
        let frame = LCR::empty().set_word_length(WordLength::EightBits);
        uart.write_register(offsets::IER, 0);
        uart.write_register(offsets::LCR, (frame | LCR::DLAB).bits());
        uart.write_register(offsets::DLL, DIVISOR as u8);
        uart.write_register(offsets::DLM, (DIVISOR >> 8) as u8);
        uart.write_register(offsets::LCR, frame.bits());
        uart.enable_fifo();
        uart.accept_input(Acceptance::Open);
        uart
    }

    /// Turns the FIFO on where there is one that works. An 8250 and a 16450 have none. The FIFO of the first 16550
    /// loses bytes; that chip shows one of the two bits only (National Semiconductor application note AN-493).
    fn enable_fifo(&mut self) {
        // Eight of sixteen: the interrupt comes often enough that 700 microseconds remain to answer it, at full speed.
        let fifo = FCR::FIFO_ENABLE.set_fifo_trigger_level(FifoTriggerLevel::Eight);
        self.write_register(offsets::FCR, fifo.bits());
        let works = ISR::FIFOS_ENABLED0 | ISR::FIFOS_ENABLED1;
        if ISR::from_bits_retain(self.read_register(offsets::ISR)).contains(works) {
            self.room = FIFO_SIZE;
        } else {
            self.write_register(offsets::FCR, 0);
        }
    }

    /// Serves an interrupt until the chip has no more to report: its line must fall before it can rise again. Look for
    /// a [`Uart::fault`] afterwards.
    pub fn serve(&mut self) {
        let mut idle = 0;
        while self.fault.is_none() && ISR::from_bits_retain(self.read_register(offsets::ISR)).has_pending_interrupt() {
            self.proven = true;
            self.misses = 0;
            let work = self.receive() + self.transmit();
            idle = if work == 0 { idle + 1 } else { 0 };
            if idle == IDLE_ROUNDS {
                self.fail(Fault::Stuck);
            }
        }
    }

    /// Returns how long to wait for an interrupt before a [`Uart::look`]. `None`: there is nothing to look for.
    pub fn patience(&self) -> Option<Duration> {
        match (self.is_polled(), self.output.is_empty()) {
            (true, false) => Some(SHORT_REST),
            (false, _) if !self.interrupts.contains(IER::THR_EMPTY) => None,
            _ => Some(REST),
        }
    }

    /// Does an interrupt's work without one: sends while the chip takes bytes, and takes what has arrived.
    pub fn look(&mut self) {
        self.receive();
        let wanted = self.interrupts.contains(IER::THR_EMPTY);
        if wanted && self.line_status().contains(LSR::THR_EMPTY) {
            self.misses = MISSES.min(self.misses + 1);
        }
        while self.transmit() != 0 {}
    }

    /// Returns whether the chip is polled because its interrupt doesn't come. Polling ends with the first interrupt
    /// that comes.
    pub fn is_polled(&self) -> bool {
        self.misses == MISSES
    }

    /// Returns why the chip was given up, if it was. Nothing is received or sent then, and the chip doesn't interrupt.
    pub fn fault(&self) -> Option<Fault> {
        self.fault
    }

    /// Takes as many bytes to send as there is room for, and returns how many that is.
    pub fn write(&mut self, bytes: &[u8]) -> usize {
        let taken = bytes.len().min(RING_BYTES - self.output.len());
        self.output.extend(&bytes[..taken]);
        self.transmit();
        taken
    }

    /// Returns whether another byte to send would be taken.
    pub fn has_room(&self) -> bool {
        self.output.len() < RING_BYTES
    }

    /// Returns how many times the chip's FIFO ran over, because the sender heeded no flow control.
    pub fn overruns(&self) -> u32 {
        self.overruns
    }

    /// Takes what has arrived, up to a full ring, and returns how many bytes that was.
    fn receive(&mut self) -> usize {
        let mut received = 0;
        while self.interrupts.contains(IER::DATA_READY) {
            if !self.line_status().contains(LSR::DATA_READY) || self.fault.is_some() {
                break;
            }
            let byte = self.read_register(DATA);
            self.repeated = (byte, if byte == self.repeated.0 { self.repeated.1 + 1 } else { 1 });
            if self.repeated.1 > ENDLESS {
                self.fail(Fault::Endless);
                break;
            }
            self.input.push_back(byte);
            received += 1;
            if self.input.len() == RING_BYTES {
                self.accept_input(Acceptance::Shut);
            }
        }
        received
    }

    /// Sends what the chip takes, and returns how many bytes that was. An empty transmit register means an empty FIFO,
    /// if there is one, and so room for all of its size.
    fn transmit(&mut self) -> usize {
        let mut sent = 0;
        if self.line_status().contains(LSR::THR_EMPTY) && self.fault.is_none() {
            while sent < self.room
                && let Some(byte) = self.output.pop_front()
            {
                self.write_register(DATA, byte);
                sent += 1;
            }
        }
        // Output must cause an interrupt once, which proves that interrupts come.
        let proof = !self.proven && (sent != 0 || self.interrupts.contains(IER::THR_EMPTY));
        let wanted = if self.output.is_empty() && !proof { IER::empty() } else { IER::THR_EMPTY };
        self.enable((self.interrupts - IER::THR_EMPTY) | wanted);
        sent
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
        if self.fault.is_none() && interrupts != self.interrupts {
            self.interrupts = interrupts;
            self.write_register(offsets::IER, interrupts.bits());
        }
    }

    /// Gives the chip up, and turns its interrupts off, if it listens at all.
    fn fail(&mut self, fault: Fault) {
        self.enable(IER::empty());
        self.write_register(offsets::MCR, 0);
        self.fault = Some(fault);
    }

    /// Waits until the transmitter is empty, or stuck. A predecessor or the kernel's log may still be sending, and a
    /// new divisor would garble that.
    fn wait_until_sent(&mut self, mut pause: impl FnMut()) {
        for _ in 0..MOST_PAUSES {
            if self.line_status().contains(LSR::TRANSMITTER_EMPTY) {
                break;
            }
            pause();
        }
    }

    /// Reads the line status, and counts the errors in it: reading clears them.
    fn line_status(&mut self) -> LSR {
        let status = self.read_register(offsets::LSR);
        if status == NOBODY {
            self.fail(Fault::Gone);
            return LSR::empty();
        }
        let status = LSR::from_bits_retain(status);
        self.overruns = self.overruns.saturating_add(status.contains(LSR::OVERRUN_ERROR).into());
        if !status.contains(LSR::DATA_READY) {
            self.repeated.1 = 0;
        }
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
