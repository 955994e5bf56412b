//! Base address registers: the place and size of a function's registers (6.2.5.1).

use crate::space::{Command, ConfigurationSpace, FIRST_BAR, Header};
use alloc::vec::Vec;
use bellwire::protocol::{PciAddress, PciBar};

/// The bit of a base address register for ports.
const IS_PORTS: u32 = 1 << 0;
/// The bits that say how many bits a memory address has.
const MEMORY_TYPE: u32 = 0b110;
/// The address has 32 bits, in old devices that must lie below 1 MiB, too.
const MEMORY_32: u32 = 0b000;
const MEMORY_BELOW_1_MIB: u32 = 0b010;
/// The address has 64 bits, the upper ones in the next register.
const MEMORY_64: u32 = 0b100;
/// The bits that aren't part of an address.
const PORT_FLAGS: u32 = 0b11;
const MEMORY_FLAGS: u32 = 0b1111;

/// Returns what a base address register says. Meanwhile the function answers to none of its addresses.
pub fn bar(space: &mut impl ConfigurationSpace, function: PciAddress, index: u8) -> PciBar {
    let found = measure_all(space, function);
    let kinds = Kinds::of(&found);
    match found.into_iter().find(|(at, _)| *at == index) {
        Some((_, Found::At(bar))) if !kinds.off.contains(kind(bar)) => bar,
        Some((_, Found::At(_) | Found::Unassigned(_))) => PciBar::Off,
        Some((_, Found::Absent)) | None => PciBar::None,
    }
}

/// The kinds of address that a function is to answer to. A function answers to all its registers of a kind or to none.
/// So one register without an address keeps its kind off: that register would answer to address 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kinds {
    /// The kinds of which all registers have addresses.
    pub on: Command,
    /// The kinds of which a register has no address. A kind that is neither on nor off has no registers.
    pub off: Command,
}

impl Kinds {
    /// Finds the kinds of a function. Meanwhile the function answers to none of its addresses.
    pub fn new(space: &mut impl ConfigurationSpace, function: PciAddress) -> Self {
        Self::of(&measure_all(space, function))
    }

    fn of(found: &[(u8, Found)]) -> Self {
        let (mut there, mut off) = (Command::empty(), Command::empty());
        for (_, found) in found {
            match found {
                Found::Absent => {}
                Found::Unassigned(kind) => off |= *kind,
                Found::At(bar) => there |= kind(*bar),
            }
        }
        Self { on: there - off, off }
    }
}

/// The result of measuring a base address register.
enum Found {
    /// There is no register, or none that can be right.
    Absent,
    /// Registers of this kind, without an address from the firmware that they can have.
    Unassigned(Command),
    /// Registers at an address.
    At(PciBar),
}

fn kind(bar: PciBar) -> Command {
    match bar {
        PciBar::Memory { .. } => Command::MEMORY,
        PciBar::Ports { .. } => Command::PORTS,
        PciBar::Off | PciBar::None => Command::empty(),
    }
}

fn measure_all(space: &mut impl ConfigurationSpace, function: PciAddress) -> Vec<(u8, Found)> {
    let registers: Vec<(u8, u8)> = starts(space, function).collect();
    let command = space.command(function);
    space.set_command(function, command - Command::PORTS - Command::MEMORY);
    let found = registers.into_iter().map(|(index, register)| (index, measure(space, function, register))).collect();
    space.set_command(function, command);
    found
}

/// Returns the indices and registers that don't hold the upper half of another.
fn starts(space: &mut impl ConfigurationSpace, function: PciAddress) -> impl Iterator<Item = (u8, u8)> {
    let count = match space.header(function) {
        Header::Endpoint => 6,
        Header::Bridge => 2,
        Header::CardBus => 1,
        Header::Other => 0,
    };
    let mut index = 0;
    core::iter::from_fn(move || {
        let at = index;
        let register = FIRST_BAR + 4 * at;
        let wide = at < count && is_wide(space.read(function, register));
        index += 1 + u8::from(wide);
        // A register for 64 bits without a register behind it is none.
        (at + u8::from(wide) < count).then_some((at, register))
    })
}

fn is_wide(value: u32) -> bool {
    value & IS_PORTS == 0 && value & MEMORY_TYPE == MEMORY_64
}

/// Measures a register: the bits that stay zero when ones are written say the size.
fn measure(space: &mut impl ConfigurationSpace, function: PciAddress, register: u8) -> Found {
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
        // The upper half may be missing, since there are only 65,536 ports.
        let (first, mask) = (value & !PORT_FLAGS, (mask & !PORT_FLAGS) as u16);
        let Some(count) = size(mask.into(), u16::MAX.into()) else { return Found::Absent };
        return match (u16::try_from(first), u16::try_from(count)) {
            (Ok(first @ 1..), Ok(count)) => Found::At(PciBar::Ports { first, count }),
            _ => Found::Unassigned(Command::PORTS),
        };
    }
    let (low, low_mask) = probe(register);
    let (high, high_mask) = match value & MEMORY_TYPE {
        MEMORY_64 => probe(register + 4),
        MEMORY_32 | MEMORY_BELOW_1_MIB => (0, u32::MAX),
        _ => return Found::Absent,
    };
    // A register that isn't there reads as zero, whatever is written.
    if low_mask == 0 {
        return Found::Absent;
    }
    let whole = |low: u32, high: u32| u64::from(high) << 32 | u64::from(low & !MEMORY_FLAGS);
    let (address, mask) = (whole(low, high), whole(low_mask, high_mask));
    match size(mask, u64::MAX) {
        None => Found::Absent,
        Some(bytes) if address != 0 => Found::At(PciBar::Memory { address, bytes }),
        Some(_) => Found::Unassigned(Command::MEMORY),
    }
}

/// Returns the size that a mask of address bits stands for. All bits above the lowest must be set, up to the highest of
/// the register or of the function: a mask with a hole stands for no size.
fn size(mask: u64, all: u64) -> Option<u64> {
    let lowest = mask & mask.wrapping_neg();
    let above = mask.wrapping_add(lowest) & all;
    (mask != 0 && (above == 0 || above.is_power_of_two())).then_some(lowest)
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
            // A reserved type, an upper half that isn't there.
            (1, 0xFEB0_0006, 0xFFF0_0000),
            (5, 0xFEB0_0004, 0xFFF0_0000),
        ]);
        for index in 0..6 {
            assert_eq!(bar(&mut fake, function, index), PciBar::None, "{index}");
        }
        let nobody = PciAddress::new(0, 30, 0);
        assert_eq!(bar(&mut fake, nobody, 0), PciBar::None);
    }

    #[test]
    fn what_firmware_gave_no_address_is_off() {
        // No address, and ports beyond the last.
        for (value, writable) in [(0, 0xFFF0_0000), (4, 0xFFF0_0000), (1, 0xFFE0), (0x0001_0001, 0xFFFF_FF00)] {
            let (mut fake, function) = function(&[(2, value, writable), (3, 0, if value == 4 { u32::MAX } else { 0 })]);
            let kind = if value & IS_PORTS != 0 { Command::PORTS } else { Command::MEMORY };
            assert_eq!(bar(&mut fake, function, 2), PciBar::Off, "{value:#x}");
            assert_eq!(Kinds::new(&mut fake, function), Kinds { on: Command::empty(), off: kind }, "{value:#x}");
        }
    }

    #[test]
    fn a_size_with_a_hole_is_none() {
        for (value, writable) in [(0xFEB0_0000, 0xFFF0_0FF0), (0xC001, 0xF0F0), (0xFEB0_1000, 0xFFF0_0000)] {
            let (mut fake, function) = function(&[(0, value, writable)]);
            assert_eq!(bar(&mut fake, function, 0), PciBar::None, "{value:#x}");
        }
    }

    #[test]
    fn only_what_has_an_address_is_decoded() {
        let (mut fake, function) = function(&[(0, 0xFEB0_0000, 0xFFF0_0000), (1, 1, 0xFFE0)]);
        assert_eq!(Kinds::new(&mut fake, function), Kinds { on: Command::MEMORY, off: Command::PORTS });
        fake.set(function, FIRST_BAR + 4, 0xC001);
        assert_eq!(Kinds::new(&mut fake, function), Kinds { on: ALL, off: Command::empty() });
        assert!(fake.bars_changed_while_decoding.is_empty(), "{:?}", fake.bars_changed_while_decoding);
    }

    /// A function answers to all its memory or to none, and a register without an address would answer at 0.
    #[test]
    fn one_register_without_an_address_keeps_its_kind_off() {
        let (mut fake, function) = function(&[(0, 0xFEB0_0000, 0xFFF0_0000), (1, 0, 0xFFFF_F000), (2, 0xC001, 0xFFE0)]);
        assert_eq!(Kinds::new(&mut fake, function), Kinds { on: Command::PORTS, off: Command::MEMORY });
        assert_eq!([0, 1].map(|index| bar(&mut fake, function, index)), [PciBar::Off; 2]);
        assert_eq!(bar(&mut fake, function, 2), PciBar::Ports { first: 0xC000, count: 32 });
    }
}
