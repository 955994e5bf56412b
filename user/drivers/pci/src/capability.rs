//! Capabilities. The program knows two: MSI and MSI-X, the ways to interrupt by messages.

use crate::space::{CAPABILITIES, CARDBUS_CAPABILITIES, COMMAND, ConfigurationSpace, Header};
use bellwire::InterruptWrite;
use bellwire::protocol::PciAddress;

/// The status register's bit that says that there are capabilities (6.2.3), in the register that holds command and
/// status.
const HAS_CAPABILITIES: u32 = 1 << 20;
/// The first place of a capability: behind the header (6.7).
const FIRST: u8 = 0x40;
/// The longest list of capabilities: each has at least 4 of the 192 bytes. A longer list goes in a circle.
const MOST: usize = (256 - FIRST as usize) / 4;

/// A kind of capability by its number (appendix H).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Capability {
    /// Message-signalled interrupts (MSI).
    Messages = 0x05,
    /// Message-signalled interrupts whose addresses stand in a table in memory (MSI-X).
    MessageTable = 0x11,
}

impl Capability {
    /// Returns the register at which the capability begins, if the function has it. The low two bits of each pointer
    /// are reserved and must be ignored (6.7).
    pub fn find(self, space: &mut impl ConfigurationSpace, function: PciAddress) -> Option<u8> {
        if space.read(function, COMMAND) & HAS_CAPABILITIES == 0 {
            return None;
        }
        let first = match space.header(function) {
            Header::Endpoint | Header::Bridge => CAPABILITIES,
            Header::CardBus => CARDBUS_CAPABILITIES,
            Header::Other => return None,
        };
        let mut register = space.read(function, first) as u8 & !3;
        for _ in 0..MOST {
            if register < FIRST {
                return None;
            }
            let header = space.read(function, register);
            if header as u8 == self as u8 {
                return Some(register);
            }
            register = (header >> 8) as u8 & !3;
        }
        None
    }
}

/// MSI-X's enable bit, in the upper half of the capability's first register (6.8.2.3).
const TABLE_ENABLE: u32 = 1 << 31;

/// Makes a function send no messages of either kind. The rest of the capability isn't read: a broken device may say
/// anything there.
pub fn disable_messages(space: &mut impl ConfigurationSpace, function: PciAddress) {
    for (kind, enable) in [(Capability::Messages, ENABLE), (Capability::MessageTable, TABLE_ENABLE)] {
        if let Some(register) = kind.find(space, function) {
            let control = space.read(function, register);
            space.write(function, register, control & !enable);
        }
    }
}

/// The message control register's bits (6.8.1.3), in the upper half of the capability's first register.
const ENABLE: u32 = 1 << 16;
const MULTIPLE_MESSAGES_ENABLED: u32 = 0b111 << 20;
const ADDRESS_64: u32 = 1 << 23;
const MASKS: u32 = 1 << 24;

/// A function's capability to interrupt by messages (6.8.1). Its control register says which of four layouts it has;
/// offsets of the registers in bytes:
///
/// | | address | upper address | data | mask | pending |
/// |---|---|---|---|---|---|
/// | 32-bit | 4 | - | 8 | - | - |
/// | 64-bit | 4 | 8 | 0xC | - | - |
/// | 32-bit with masks | 4 | - | 8 | 0xC | 0x10 |
/// | 64-bit with masks | 4 | 8 | 0xC | 0x10 | 0x14 |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageCapability {
    function: PciAddress,
    control: u8,
    upper_address: Option<u8>,
    data: u8,
    mask: Option<u8>,
}

impl MessageCapability {
    /// Returns the function's capability, if it has one.
    pub fn find(space: &mut impl ConfigurationSpace, function: PciAddress) -> Option<Self> {
        let control = Capability::Messages.find(space, function)?;
        let value = space.read(function, control);
        let wide = value & ADDRESS_64 != 0;
        let data = if wide { 0xC } else { 8 };
        let mask = (value & MASKS != 0).then_some(data + 4);
        // The capability's last byte must still be in configuration space.
        control.checked_add(mask.map_or(data, |mask| mask + 4))?.checked_add(3)?;
        Some(Self {
            function,
            control,
            upper_address: wide.then(|| control + 8),
            data: control + data,
            mask: mask.map(|mask| control + mask),
        })
    }

    /// Lets the function send one message, and no further ones. Returns `None` if the function can't reach the address.
    pub fn enable(&self, space: &mut impl ConfigurationSpace, write: InterruptWrite) -> Option<()> {
        let (low, high) = (write.address as u32, (write.address >> 32) as u32);
        if high != 0 && self.upper_address.is_none() {
            return None;
        }
        disable_messages(space, self.function);
        space.write(self.function, self.control + 4, low);
        if let Some(upper) = self.upper_address {
            space.write(self.function, upper, high);
        }
        // The data has 16 bits; the bits beside them are reserved.
        space.write(self.function, self.data, write.data & 0xFFFF);
        if let Some(mask) = self.mask {
            space.write(self.function, mask, 0);
        }
        let control = space.read(self.function, self.control);
        space.write(self.function, self.control, control & !MULTIPLE_MESSAGES_ENABLED | ENABLE);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;
    use crate::space::HEADER;

    const WRITE: InterruptWrite = InterruptWrite { address: 0xFEE0_1000, data: 0x81 };

    /// Makes a function with an unknown capability, and then one for messages at 0x60.
    fn function(control: u32) -> (Fake, PciAddress) {
        let mut fake = Fake::default();
        let function = fake.endpoint(4, 0x11E8_1234);
        fake.set(function, COMMAND, HAS_CAPABILITIES);
        // Reserved bits of pointers may be anything.
        fake.set(function, CAPABILITIES, 0x43);
        fake.set(function, 0x40, 0x0000_6201);
        fake.define(function, 0x60, 0x05 | control << 16, ENABLE | MULTIPLE_MESSAGES_ENABLED);
        for register in (0x64..0x78).step_by(4) {
            fake.define(function, register, 0xFFFF_FFFF, 0xFFFF_FFFF);
        }
        (fake, function)
    }

    fn enabled(control: u32) -> [u32; 6] {
        let (mut fake, function) = function(control);
        let capability = MessageCapability::find(&mut fake, function).unwrap();
        assert_eq!(capability.enable(&mut fake, WRITE), Some(()));
        [0x60, 0x64, 0x68, 0x6C, 0x70, 0x74].map(|register| fake.read(function, register))
    }

    #[test]
    fn all_four_layouts_are_filled() {
        const UNTOUCHED: u32 = u32::MAX;
        let narrow = [0x0001_0005, 0xFEE0_1000, 0x81, UNTOUCHED, UNTOUCHED, UNTOUCHED];
        assert_eq!(enabled(0), narrow);
        let wide = [0x0081_0005, 0xFEE0_1000, 0, 0x81, UNTOUCHED, UNTOUCHED];
        assert_eq!(enabled(1 << 7), wide);
        let narrow_with_masks = [0x0101_0005, 0xFEE0_1000, 0x81, 0, UNTOUCHED, UNTOUCHED];
        assert_eq!(enabled(1 << 8), narrow_with_masks);
        let wide_with_masks = [0x0181_0005, 0xFEE0_1000, 0, 0x81, 0, UNTOUCHED];
        assert_eq!(enabled(1 << 7 | 1 << 8), wide_with_masks);
    }

    #[test]
    fn of_several_messages_one_is_used() {
        // The function could send 32, and firmware had enabled 4.
        assert_eq!(enabled(0b101 << 1 | 0b010 << 4)[0], 0x000B_0005);
    }

    #[test]
    fn disabling_leaves_the_rest() {
        let (mut fake, function) = function(1 << 7 | 1);
        disable_messages(&mut fake, function);
        assert_eq!(fake.read(function, 0x60), 0x0080_0005);
    }

    /// Firmware may have used either kind, and either would interrupt at an address of the firmware's.
    #[test]
    fn messages_of_both_kinds_are_turned_off() {
        let (mut fake, function) = function(1 << 7 | 1);
        fake.set(function, 0x60, 0x0081_8005);
        fake.define(function, 0x80, 0xC007_0011, 0xC000_0000);
        disable_messages(&mut fake, function);
        assert_eq!(fake.read(function, 0x60), 0x0080_8005);
        assert_eq!(fake.read(function, 0x80), 0x4007_0011, "its mask bit is the driver's business");
    }

    #[test]
    fn a_cardbus_bridge_has_its_list_elsewhere() {
        let (mut fake, function) = function(1);
        fake.set(function, HEADER, 2 << 16);
        assert_eq!(Capability::Messages.find(&mut fake, function), None, "0x34 is an address there");
        fake.set(function, CARDBUS_CAPABILITIES, 0x60);
        assert_eq!(Capability::Messages.find(&mut fake, function), Some(0x60));
        fake.set(function, HEADER, 3 << 16);
        assert_eq!(Capability::Messages.find(&mut fake, function), None, "nobody knows that header");
    }

    #[test]
    fn an_address_that_cannot_be_written_to_is_refused() {
        let (mut fake, function) = function(0);
        let capability = MessageCapability::find(&mut fake, function).unwrap();
        assert_eq!(capability.enable(&mut fake, InterruptWrite { address: 0x1_FEE0_0000, data: 1 }), None);
        assert_eq!(fake.read(function, 0x60), 0x0005, "and nothing is enabled");
    }

    #[test]
    fn a_list_in_a_circle_ends() {
        let (mut fake, function) = function(0);
        fake.set(function, 0x60, 0x0000_4001);
        assert_eq!(Capability::Messages.find(&mut fake, function), None);
    }

    #[test]
    fn a_list_that_leads_into_the_header_ends() {
        let (mut fake, function) = function(0);
        fake.set(function, 0x40, 0x0000_0C01);
        fake.set(function, 0x0C, 0x05);
        assert_eq!(Capability::Messages.find(&mut fake, function), None);
        fake.set(function, COMMAND, 0);
        assert_eq!(Capability::Messages.find(&mut fake, function), None, "the status says that there is none");
    }

    #[test]
    fn a_capability_over_the_end_is_none() {
        let (mut fake, function) = function(0);
        fake.set(function, 0x40, 0x0000_F801);
        fake.set(function, 0xF8, 0x0080_0005);
        assert_eq!(MessageCapability::find(&mut fake, function), None);
        fake.set(function, 0x40, 0x0000_F001);
        fake.set(function, 0xF0, 0x0080_0005);
        assert!(MessageCapability::find(&mut fake, function).is_some(), "one up to the last byte is one");
    }
}
