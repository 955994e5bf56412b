//! A device's registers, as a driver's logic sees them.
//!
//! Logic that is written over this trait runs in the driver on real ports, and in a host test on a fake device that
//! can be made to misbehave at will.

use crate::PortRange;

/// Registers of one byte each, numbered from the device's first.
pub trait Registers {
    /// Reads a register, which may change the device's state.
    fn read(&mut self, register: u16) -> u8;

    /// Writes a register.
    fn write(&mut self, register: u16, value: u8);
}

impl Registers for PortRange {
    fn read(&mut self, register: u16) -> u8 {
        self.port::<u8>(register).read()
    }

    fn write(&mut self, register: u16, value: u8) {
        self.port::<u8>(register).write(value);
    }
}
