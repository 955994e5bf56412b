//! Base address registers: where a function's registers are, and how many (6.2.5.1).

use crate::space::{Command, ConfigurationSpace, FIRST_BAR, Header};
use bellwire::protocol::{PciAddress, PciBar};

/// A register's bit that says that it is about ports.
const IS_PORTS: u32 = 1 << 0;
/// The bits that say how large a memory address it holds.
const MEMORY_TYPE: u32 = 0b110;
/// The address has 32 bits; in old devices that were to lie below 1 MiB, too.
const MEMORY_32: u32 = 0b000;
const MEMORY_BELOW_1_MIB: u32 = 0b010;
/// The address has 64 bits, the upper ones in the next register.
const MEMORY_64: u32 = 0b100;
/// What of a register is no address.
const PORT_FLAGS: u32 = 0b11;
const MEMORY_FLAGS: u32 = 0b1111;

/// What a base address register says. The function answers to none of its addresses for the time of this.
pub fn bar(space: &mut impl ConfigurationSpace, function: PciAddress, index: u8) -> PciBar {
    let Some(register) = starts(space, function).find(|(at, _)| *at == index).map(|(_, register)| register) else {
        return PciBar::None;
    };
    let command = space.command(function);
    space.set_command(function, command - Command::PORTS - Command::MEMORY);
    let found = measure(space, function, register);
    space.set_command(function, command);
    found
}

/// Which kinds of address the function is to answer to: those that the firmware has set.
pub fn decodes(space: &mut impl ConfigurationSpace, function: PciAddress) -> Command {
    let mut decodes = Command::empty();
    let registers: alloc::vec::Vec<_> = starts(space, function).collect();
    for (_, register) in registers {
        let value = space.read(function, register);
        if value & IS_PORTS != 0 && value & !PORT_FLAGS != 0 {
            decodes |= Command::PORTS;
        } else if value & IS_PORTS == 0 && (value & !MEMORY_FLAGS != 0 || upper(space, function, register, value) != 0)
        {
            decodes |= Command::MEMORY;
        }
    }
    decodes
}

/// The indices and registers that don't hold the upper half of another.
fn starts(space: &mut impl ConfigurationSpace, function: PciAddress) -> impl Iterator<Item = (u8, u8)> {
    let count = match space.header(function) {
        Header::Endpoint => 6,
        Header::Bridge => 2,
        Header::Other => 0,
    };
    let mut index = 0;
    core::iter::from_fn(move || {
        let at = index;
        let register = FIRST_BAR + 4 * at;
        let wide = at < count && is_wide(space.read(function, register));
        index += 1 + u8::from(wide);
        // One that would take two registers and has one is none.
        (at + u8::from(wide) < count).then_some((at, register))
    })
}

fn is_wide(value: u32) -> bool {
    value & IS_PORTS == 0 && value & MEMORY_TYPE == MEMORY_64
}

fn upper(space: &mut impl ConfigurationSpace, function: PciAddress, register: u8, value: u32) -> u32 {
    if is_wide(value) { space.read(function, register + 4) } else { 0 }
}

/// The bits that stay zero when ones are written say the size.
fn measure(space: &mut impl ConfigurationSpace, function: PciAddress, register: u8) -> PciBar {
    let value = space.read(function, register);
    let mut probe = |register| {
        let value = space.read(function, register);
        space.write(function, register, u32::MAX);
        let mask = space.read(function, register);
        space.write(function, register, value);
        (value, mask)
    };
    if value & IS_PORTS != 0 {
        let (value, mask) = probe(register);
        // The upper half may be left out where there are but 65,536 ports.
        let (first, mask) = (value & !PORT_FLAGS, (mask & !PORT_FLAGS) as u16);
        return match u16::try_from(first) {
            Ok(first @ 1..) if mask != 0 => PciBar::Ports { first, count: 1 << mask.trailing_zeros() },
            _ => PciBar::None,
        };
    }
    let (low, low_mask) = probe(register);
    let (high, high_mask) = match value & MEMORY_TYPE {
        MEMORY_64 => probe(register + 4),
        MEMORY_32 | MEMORY_BELOW_1_MIB => (0, u32::MAX),
        _ => return PciBar::None,
    };
    let whole = |low: u32, high: u32| u64::from(high) << 32 | u64::from(low & !MEMORY_FLAGS);
    let (address, mask) = (whole(low, high), whole(low_mask, high_mask));
    // A register that isn't there reads as zero, whatever is written.
    if low_mask == 0 || address == 0 || mask == 0 {
        return PciBar::None;
    }
    PciBar::Memory { address, bytes: 1 << mask.trailing_zeros() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;

    const ALL: Command = Command::PORTS.union(Command::MEMORY);

    fn function(bars: &[(u8, u32, u32)]) -> (Fake, PciAddress) {
        let mut fake = Fake::default();
        let function = fake.endpoint(4, 0x11E8_1234);
        for &(index, value, writable) in bars {
            fake.define(function, FIRST_BAR + 4 * index, value, writable);
        }
        fake.set_command(function, ALL | Command::INTERRUPT_DISABLE);
        (fake, function)
    }

    #[test]
    fn memory_of_either_width_is_measured_and_left_as_it_was() {
        let (mut fake, function) = function(&[
            (0, 0xFEB0_0000, 0xFFF0_0000),
            (1, 0xE000_000C, 0xF000_0000),
            (2, 0x0000_0012, 0xFFFF_FFFF),
            (3, 0xFEBF_0002, 0xFFFF_F000),
        ]);
        assert_eq!(bar(&mut fake, function, 0), PciBar::Memory { address: 0xFEB0_0000, bytes: 1 << 20 });
        assert_eq!(bar(&mut fake, function, 1), PciBar::Memory { address: 0x12_E000_0000, bytes: 256 << 20 });
        assert_eq!(bar(&mut fake, function, 2), PciBar::None, "the upper half of the one before");
        assert_eq!(bar(&mut fake, function, 3), PciBar::Memory { address: 0xFEBF_0000, bytes: 4096 });
        assert_eq!(fake.read(function, FIRST_BAR), 0xFEB0_0000);
        assert_eq!(fake.read(function, FIRST_BAR + 8), 0x12);
        assert_eq!(fake.command(function), ALL | Command::INTERRUPT_DISABLE);
        assert!(fake.bars_changed_while_decoding.is_empty(), "{:?}", fake.bars_changed_while_decoding);
    }

    #[test]
    fn more_than_4_gib_are_measured() {
        let (mut fake, function) = function(&[(0, 0x0000_0004, 0), (1, 0x100, 0xFFFF_FFF0)]);
        assert_eq!(bar(&mut fake, function, 0), PciBar::Memory { address: 0x100_0000_0000, bytes: 64 << 30 });
    }

    #[test]
    fn ports_are_measured_though_their_upper_half_is_missing() {
        let (mut fake, function) = function(&[(4, 0xC041, 0xFFE0), (5, 0xC001, 0xFFFF_FF00)]);
        assert_eq!(bar(&mut fake, function, 4), PciBar::Ports { first: 0xC040, count: 32 });
        assert_eq!(bar(&mut fake, function, 5), PciBar::Ports { first: 0xC000, count: 256 });
    }

    #[test]
    fn what_is_no_register_is_none() {
        let (mut fake, function) = function(&[
            // No address, a reserved type, ports beyond the last, an upper half that isn't there.
            (0, 0x0000_0000, 0xFFF0_0000),
            (1, 0xFEB0_0006, 0xFFF0_0000),
            (2, 0x0001_0001, 0xFFFF_FF00),
            (5, 0xFEB0_0004, 0xFFF0_0000),
        ]);
        for index in 0..6 {
            assert_eq!(bar(&mut fake, function, index), PciBar::None, "{index}");
        }
        let nobody = PciAddress::new(0, 30, 0);
        assert_eq!(bar(&mut fake, nobody, 0), PciBar::None);
    }

    #[test]
    fn only_what_has_an_address_is_decoded() {
        let (mut fake, function) = function(&[(0, 0xFEB0_0000, 0xFFF0_0000), (1, 1, 0xFFE0)]);
        assert_eq!(decodes(&mut fake, function), Command::MEMORY);
        fake.set(function, FIRST_BAR + 4, 0xC001);
        assert_eq!(decodes(&mut fake, function), ALL);
    }
}
