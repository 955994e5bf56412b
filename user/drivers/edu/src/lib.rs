//! The logic of QEMU's teaching device (`-device edu`; docs/specs/edu in QEMU's sources), apart from its driver's loop.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

mod watch;

use core::fmt;

pub use watch::{Seen, Watch};

/// Identification: the low byte is `IDENTITY`, the rest the device's version.
const IDENTIFICATION: usize = 0x00;
const IDENTITY: u32 = 0xED;
/// Liveness: reads as the inverse of what was written.
const LIVENESS: usize = 0x04;
/// Factorial: takes a number, and holds its factorial some time later.
const FACTORIAL: usize = 0x08;
/// Status: what the device does, and whether it interrupts when it has a factorial.
const STATUS: usize = 0x20;
const CALCULATING: u32 = 0x01;
const INTERRUPT_WHEN_CALCULATED: u32 = 0x80;
/// Interrupt status: the causes of the interrupt.
const INTERRUPT_STATUS: usize = 0x24;
/// Adds causes of an interrupt.
const RAISE: usize = 0x60;
/// Removes causes of an interrupt.
const ACKNOWLEDGE: usize = 0x64;

/// The least number whose factorial is 0 modulo 2^32: it has 32 factors of 2.
const ALL_ZERO: u32 = 34;
// The registers of transfers between memory and the device's buffer. The command register keeps its value until the
// transfer is done.
const TRANSFER_SOURCE: usize = 0x80;
const TRANSFER_DESTINATION: usize = 0x88;
const TRANSFER_BYTES: usize = 0x90;
const TRANSFER_COMMAND: usize = 0x98;
const RUN: u32 = 1 << 0;
const TO_MEMORY: u32 = 1 << 1;
/// The device's own address of its buffer.
const BUFFER: u32 = 0x4_0000;

/// How many pauses a transfer may take. With pauses of a millisecond that is ten times as long as any takes.
const MOST_PAUSES: usize = 1000;

/// How often a device is asked for further causes, of which there are two. A device that then still has some is stuck,
/// or has vanished and reads as ones.
const ROUNDS: usize = 16;

/// The causes of a device's interrupt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Causes(u32);

impl Causes {
    const CALCULATED: u32 = 1 << 0;
    const RAISED: u32 = 1 << 1;

    /// Returns whether the device doesn't interrupt.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Returns whether the device was told to interrupt.
    pub const fn was_raised(self) -> bool {
        self.0 & Self::RAISED != 0
    }

    /// Returns whether the device has a factorial.
    pub const fn has_calculated(self) -> bool {
        self.0 & Self::CALCULATED != 0
    }
}

/// The device's registers, of 32 bits each.
pub trait Registers {
    /// Reads the register at an offset.
    fn read(&mut self, offset: usize) -> u32;

    /// Writes the register at an offset.
    fn write(&mut self, offset: usize, value: u32);
}

/// The registers belong to no such device, or it doesn't work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoSuchDevice {
    /// The value of the identification register.
    pub identification: u32,
}

impl fmt::Display for NoSuchDevice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "a device that says {:#x} is none of these, or doesn't work", self.identification)
    }
}

/// The device's interrupt doesn't end, whatever is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stuck;

impl fmt::Display for Stuck {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("its interrupt doesn't end")
    }
}

/// A device.
#[derive(Debug)]
pub struct Edu<R> {
    registers: R,
}

impl<R: Registers> Edu<R> {
    /// The bytes of the device's registers.
    pub const REGISTER_BYTES: usize = 0x100;

    /// Takes a device over, in whatever state it was left, and ends its interrupt.
    pub fn new(mut registers: R) -> Result<Self, NoSuchDevice> {
        let identification = registers.read(IDENTIFICATION);
        let answers = [0x1234_5678, 0].into_iter().all(|value| {
            registers.write(LIVENESS, value);
            registers.read(LIVENESS) == !value
        });
        if identification & 0xFF != IDENTITY || !answers {
            return Err(NoSuchDevice { identification });
        }
        let mut device = Self { registers };
        device.serve().map_err(|Stuck| NoSuchDevice { identification })?;
        Ok(device)
    }

    /// Waits until the device makes no transfer any more, which a dead driver may have begun: nothing ends one early.
    /// `pause` lets a millisecond or more pass.
    pub fn come_to_rest(&mut self, mut pause: impl FnMut()) -> Result<(), Stuck> {
        for _ in 0..MOST_PAUSES {
            if !self.is_transferring() {
                return Ok(());
            }
            pause();
        }
        Err(Stuck)
    }

    /// Returns whether the device makes a transfer.
    pub fn is_transferring(&mut self) -> bool {
        self.registers.read(TRANSFER_COMMAND) & RUN != 0
    }

    /// The most bytes of a transfer. The buffer has 4096, but QEMU 7.2 ends itself over a transfer of all of them.
    pub const MOST_BYTES: u32 = 4092;

    /// Has the device write its buffer to memory by a physical address. It does so 100 milliseconds later.
    pub fn write_to_memory(&mut self, address: u32, bytes: u32) {
        self.transfer(BUFFER, address, bytes, TO_MEMORY);
    }

    /// Has the device read its buffer from memory. It does so 100 milliseconds later.
    pub fn read_from_memory(&mut self, address: u32, bytes: u32) {
        self.transfer(address, BUFFER, bytes, 0);
    }

    fn transfer(&mut self, source: u32, destination: u32, bytes: u32, direction: u32) {
        self.registers.write(TRANSFER_SOURCE, source);
        self.registers.write(TRANSFER_DESTINATION, destination);
        self.registers.write(TRANSFER_BYTES, bytes);
        self.registers.write(TRANSFER_COMMAND, RUN | direction);
    }

    /// Makes the device interrupt.
    pub fn raise(&mut self) {
        self.registers.write(RAISE, Causes::RAISED);
    }

    /// Makes the device calculate a factorial modulo 2^32, and interrupt then. The device multiplies number by number,
    /// so it isn't asked for more than `ALL_ZERO`: those have the same result.
    pub fn calculate(&mut self, number: u32) {
        self.registers.write(STATUS, INTERRUPT_WHEN_CALCULATED);
        self.registers.write(FACTORIAL, number.min(ALL_ZERO));
    }

    /// Returns whether the device calculates a factorial. One that has vanished, and reads as ones, doesn't.
    pub fn is_calculating(&mut self) -> bool {
        let status = self.registers.read(STATUS);
        status & CALCULATING != 0 && status != u32::MAX
    }

    /// Returns the factorial, modulo 2^32.
    pub fn calculated(&mut self) -> u32 {
        self.registers.read(FACTORIAL)
    }

    /// Acknowledges the causes of the device's interrupt until there are none, and returns them.
    pub fn serve(&mut self) -> Result<Causes, Stuck> {
        let mut causes = Causes::default();
        for _ in 0..ROUNDS {
            let status = self.registers.read(INTERRUPT_STATUS);
            if status == 0 {
                return Ok(causes);
            }
            self.registers.write(ACKNOWLEDGE, status);
            causes.0 |= status;
        }
        Err(Stuck)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fake {
        identification: u32,
        liveness: u32,
        factorial: u32,
        status: u32,
        causes: u32,
        /// Causes that no acknowledgement removes.
        stuck: u32,
        /// Source, destination, length and command of a transfer.
        transfer: [u32; 4],
    }

    impl Fake {
        const NEW: Self = Self {
            identification: 0x0100_00ED,
            liveness: 0,
            factorial: 0,
            status: 0,
            causes: 0,
            stuck: 0,
            transfer: [0; 4],
        };
    }

    impl Registers for &mut Fake {
        fn read(&mut self, offset: usize) -> u32 {
            match offset {
                IDENTIFICATION => self.identification,
                LIVENESS => self.liveness,
                FACTORIAL => self.factorial,
                STATUS => self.status,
                INTERRUPT_STATUS => self.causes | self.stuck,
                TRANSFER_SOURCE..=TRANSFER_COMMAND => self.transfer[(offset - TRANSFER_SOURCE) / 8],
                _ => panic!("a read of {offset:#x}"),
            }
        }

        fn write(&mut self, offset: usize, value: u32) {
            match offset {
                LIVENESS => self.liveness = !value,
                FACTORIAL => {
                    assert!(value <= ALL_ZERO, "it would calculate for long");
                    self.factorial = (1..=value).fold(1, u32::wrapping_mul);
                    if self.status & INTERRUPT_WHEN_CALCULATED != 0 {
                        self.causes |= Causes::CALCULATED;
                    }
                }
                STATUS => self.status = value,
                RAISE => self.causes |= value,
                ACKNOWLEDGE => self.causes &= !value,
                TRANSFER_SOURCE..=TRANSFER_COMMAND if self.transfer[3] & RUN != 0 => {}
                TRANSFER_SOURCE..=TRANSFER_COMMAND => self.transfer[(offset - TRANSFER_SOURCE) / 8] = value,
                _ => panic!("a write of {offset:#x}"),
            }
        }
    }

    #[test]
    fn another_device_is_refused() {
        let mut other = Fake { identification: 0x0100_00EE, ..Fake::NEW };
        assert_eq!(Edu::new(&mut other).err(), Some(NoSuchDevice { identification: 0x0100_00EE }));
    }

    #[test]
    fn what_a_dead_driver_left_is_acknowledged() {
        let mut fake = Fake { causes: 0x8000_0003, ..Fake::NEW };
        assert!(Edu::new(&mut fake).is_ok());
        assert_eq!(fake.causes, 0);
    }

    #[test]
    fn a_device_that_interrupts_for_ever_is_given_up() {
        let mut fake = Fake { stuck: 2, ..Fake::NEW };
        assert_eq!(Edu::new(&mut fake).err(), Some(NoSuchDevice { identification: 0x0100_00ED }));
        fake.stuck = 0;
        let mut device = Edu::new(&mut fake).unwrap();
        device.registers.stuck = u32::MAX;
        assert_eq!(device.serve(), Err(Stuck), "as one that has vanished");
    }

    #[test]
    fn a_transfer_is_waited_for() {
        let mut fake = Fake::NEW;
        let mut device = Edu::new(&mut fake).unwrap();
        device.write_to_memory(0x10_0000, 4092);
        assert_eq!(device.registers.transfer, [0x4_0000, 0x10_0000, 4092, 3]);
        let mut pauses = 0;
        assert_eq!(device.come_to_rest(|| pauses += 1), Err(Stuck), "it never ends");
        assert_eq!(pauses, MOST_PAUSES);
        device.registers.transfer[3] &= !RUN;
        assert_eq!(device.come_to_rest(|| panic!("it has ended")), Ok(()));
        device.read_from_memory(0x20_0000, 16);
        assert_eq!(device.registers.transfer, [0x20_0000, 0x4_0000, 16, 1]);
    }

    #[test]
    fn a_device_that_has_vanished_does_not_calculate() {
        let mut fake = Fake::NEW;
        let mut device = Edu::new(&mut fake).unwrap();
        for (status, calculates) in [(0x80, false), (0x81, true), (u32::MAX, false)] {
            device.registers.status = status;
            assert_eq!(device.is_calculating(), calculates, "{status:#x}");
        }
    }

    #[test]
    fn each_cause_is_told_once() {
        let mut fake = Fake::NEW;
        let mut device = Edu::new(&mut fake).unwrap();
        assert_eq!(device.serve(), Ok(Causes::default()));
        device.raise();
        let causes = device.serve().unwrap();
        assert!(causes.was_raised() && !causes.has_calculated());
        device.calculate(5);
        let causes = device.serve().unwrap();
        assert!(causes.has_calculated() && !causes.was_raised());
        assert_eq!(device.calculated(), 120);
        assert!(device.serve().is_ok());
        for (number, result) in [(33, 0x8000_0000), (34, 0), (u32::MAX, 0)] {
            device.calculate(number);
            assert_eq!((device.calculated(), device.serve().map(Causes::has_calculated)), (result, Ok(true)));
        }
        assert_eq!(device.serve(), Ok(Causes::default()));
    }
}
