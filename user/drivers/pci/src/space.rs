//! Configuration space: 256 bytes a function, read and written as 32-bit registers.

use bellwire::protocol::PciAddress;
use bellwire::{Port, PortRange};
use bitflags::bitflags;

/// Vendor and device (sections here are those of the PCI Local Bus Specification 3.0; 6.1).
pub const ID: u8 = 0x00;
/// Command in the low half, status in the high one (6.2.2, 6.2.3).
pub const COMMAND: u8 = 0x04;
/// Class, subclass, programming interface, revision (6.2.1).
pub const CLASS: u8 = 0x08;
/// The header's type in bits 16 to 23 (6.2.1).
pub const HEADER: u8 = 0x0C;
/// The first base address register (6.2.5).
pub const FIRST_BAR: u8 = 0x10;
/// A bridge's bus numbers: primary, secondary and subordinate (PCI-to-PCI Bridge Architecture Specification 1.2,
/// 3.2.5).
pub const BUSES: u8 = 0x18;
/// The pointer to the first capability (6.7).
pub const CAPABILITIES: u8 = 0x34;
/// The pointer to the first capability in the header of a CardBus bridge (PC Card Standard 8.0, volume 7, 5.5.2).
pub const CARDBUS_CAPABILITIES: u8 = 0x14;
/// Interrupt line and pin (6.2.4).
pub const INTERRUPT: u8 = 0x3C;

bitflags! {
    /// The bits of a function's command register that matter here (6.2.2).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Command: u16 {
        /// The function answers to its ports.
        const PORTS = 1 << 0;
        /// The function answers to its memory.
        const MEMORY = 1 << 1;
        /// The function reads and writes memory, and sends messages.
        const BUS_MASTER = 1 << 2;
        /// The function's pin stays silent.
        const INTERRUPT_DISABLE = 1 << 10;
        // Other bits stay as firmware has set them.
        const _ = !0;
    }
}

/// The configuration space of all functions. A register's number is that of its first byte, a multiple of 4.
pub trait ConfigurationSpace {
    /// Reads a register. Returns all ones if there is no such function.
    fn read(&mut self, function: PciAddress, register: u8) -> u32;

    /// Writes a register.
    fn write(&mut self, function: PciAddress, register: u8, value: u32);

    /// Reads the command register.
    fn command(&mut self, function: PciAddress) -> Command {
        Command::from_bits_retain(self.read(function, COMMAND) as u16)
    }

    /// Writes the command register. Ones would clear the status bits beside it, so those are written as zeros.
    fn set_command(&mut self, function: PciAddress, command: Command) {
        self.write(function, COMMAND, command.bits().into());
    }

    /// Returns the kind of the function's header, which says what registers it has.
    fn header(&mut self, function: PciAddress) -> Header {
        match self.read(function, HEADER) >> 16 & 0x7F {
            0 => Header::Endpoint,
            1 => Header::Bridge,
            2 => Header::CardBus,
            _ => Header::Other,
        }
    }
}

/// The kinds of headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    /// A function of its own.
    Endpoint,
    /// A bridge to another bus.
    Bridge,
    /// A bridge to a slot for PC Cards. Its bus numbers are in the same register as a bridge's.
    CardBus,
    /// An unknown kind. Only the first 16 bytes are known, which every header has (6.1).
    Other,
}

/// Configuration mechanism #1 (3.2.2.3.2): a port for the address, and one for the register.
#[derive(Debug)]
pub struct Mechanism {
    address: Port<u32>,
    data: Port<u32>,
}

impl Mechanism {
    /// The first of its eight ports.
    pub const FIRST_PORT: u16 = 0xCF8;
    /// The address register's bit that makes the data port a register.
    const ENABLE: u32 = 1 << 31;

    /// Returns the mechanism, if the machine has it: its address register holds what is written.
    pub fn new(ports: PortRange) -> Option<Self> {
        let found = Self { address: ports.port(0), data: ports.port(4) };
        found.address.write(Self::ENABLE);
        (found.address.read() == Self::ENABLE).then_some(found)
    }

    fn select(&self, function: PciAddress, register: u8) {
        self.address.write(address(function, register));
    }
}

/// Returns the value of the address register that selects a register.
fn address(function: PciAddress, register: u8) -> u32 {
    Mechanism::ENABLE | u32::from(function.number()) << 8 | u32::from(register & !3)
}

impl ConfigurationSpace for Mechanism {
    fn read(&mut self, function: PciAddress, register: u8) -> u32 {
        self.select(function, register);
        self.data.read()
    }

    fn write(&mut self, function: PciAddress, register: u8, value: u32) {
        self.select(function, register);
        self.data.write(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;

    #[test]
    fn the_address_register_selects_bus_device_function_and_register() {
        assert_eq!(address(PciAddress::new(0, 0, 0), 0), 0x8000_0000);
        assert_eq!(address(PciAddress::new(0x12, 0x1F, 7), 0x3C), 0x8012_FF3C);
        assert_eq!(address(PciAddress::new(0, 4, 0), 0x37), 0x8000_2034);
    }

    #[test]
    fn changing_the_command_clears_no_status() {
        let mut fake = Fake::default();
        let function = fake.endpoint(4, 0x1234_11E8);
        fake.set(function, COMMAND, 0xF900_0103);
        let command = fake.command(function);
        fake.set_command(function, command | Command::BUS_MASTER);
        assert_eq!(fake.read(function, COMMAND), 0xF900_0107);
    }
}
