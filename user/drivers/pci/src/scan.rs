//! What is on the buses.

use crate::capability::MessageCapability;
use crate::space::{BUSES, CLASS, ConfigurationSpace, HEADER, Header, ID, INTERRUPT};
use alloc::vec;
use alloc::vec::Vec;
use bellwire::protocol::{PciAddress, PciFunction, PciId};

/// The header type's bit that says that a device has more functions than its first, seen with the rest of its register.
const HAS_FUNCTIONS: u32 = 1 << 23;
/// A vendor that is nobody: what is read where there is no function.
const NOBODY: u16 = 0xFFFF;
/// The interrupt lines that firmware of a PC can name: those of the 8259As (6.2.4). Line 0 is the timer's, so it stands
/// for none.
const LINES: core::ops::Range<u8> = 1..16;

/// All functions, bus by bus from the first; behind bridges as the firmware has numbered the buses.
pub fn scan(space: &mut impl ConfigurationSpace) -> Vec<PciFunction> {
    let mut functions = Vec::new();
    let mut buses = vec![0];
    let mut next = 0;
    while let Some(&bus) = buses.get(next) {
        next += 1;
        for address in functions_of(space, bus) {
            functions.push(describe(space, address));
            if space.header(address) == Header::Bridge {
                let secondary = (space.read(address, BUSES) >> 8) as u8;
                // A bridge that firmware hasn't numbered leads nowhere; one that leads back has been there.
                if !buses.contains(&secondary) {
                    buses.push(secondary);
                }
            }
        }
    }
    functions
}

fn functions_of(space: &mut impl ConfigurationSpace, bus: u8) -> Vec<PciAddress> {
    let mut found = Vec::new();
    for device in 0..32 {
        let first = PciAddress::new(bus, device, 0);
        if id(space, first).is_none() {
            continue;
        }
        let has_functions = space.read(first, HEADER) & HAS_FUNCTIONS != 0;
        let last = if has_functions { 7 } else { 0 };
        let all = (0..=last).map(|function| PciAddress::new(bus, device, function));
        found.extend(all.filter(|address| id(space, *address).is_some()));
    }
    found
}

fn id(space: &mut impl ConfigurationSpace, address: PciAddress) -> Option<PciId> {
    let value = space.read(address, ID);
    let id = PciId { vendor: value as u16, device: (value >> 16) as u16 };
    (id.vendor != NOBODY).then_some(id)
}

fn describe(space: &mut impl ConfigurationSpace, address: PciAddress) -> PciFunction {
    let [line, pin, ..] = space.read(address, INTERRUPT).to_le_bytes();
    PciFunction {
        address,
        id: id(space, address).unwrap_or_default(),
        class: space.read(address, CLASS) >> 8,
        line: Some(line).filter(|line| pin != 0 && LINES.contains(line)),
        has_messages: MessageCapability::find(space, address).is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;
    use crate::space::{CAPABILITIES, COMMAND};

    fn addresses(fake: &mut Fake) -> Vec<String> {
        scan(fake).iter().map(|function| function.address.to_string()).collect()
    }

    #[test]
    fn further_functions_are_found_where_there_are_some() {
        let mut fake = Fake::default();
        for (device, function) in [(0, 0), (1, 0), (1, 3), (2, 0), (2, 1), (31, 0)] {
            fake.add(PciAddress::new(0, device, function), 0x1237_8086);
        }
        // Device 2 answers to all function numbers alike, as old devices do: it hasn't said that it has several.
        fake.set(PciAddress::new(0, 1, 0), HEADER, HAS_FUNCTIONS);
        assert_eq!(addresses(&mut fake), ["00:00.0", "00:01.0", "00:01.3", "00:02.0", "00:1f.0"]);
    }

    #[test]
    fn buses_behind_bridges_are_searched_once() {
        let mut fake = Fake::default();
        for (address, secondary) in [((0, 1), 3), ((3, 0), 0), ((3, 1), 3), ((0, 2), 7)] {
            let address = PciAddress::new(address.0, address.1, 0);
            fake.add(address, 0x0001_1B36);
            fake.set(address, HEADER, 1 << 16);
            fake.set(address, BUSES, secondary << 8);
        }
        fake.add(PciAddress::new(7, 5, 0), 0x11E8_1234);
        assert_eq!(addresses(&mut fake), ["00:01.0", "00:02.0", "03:00.0", "03:01.0", "07:05.0"]);
    }

    #[test]
    fn a_function_says_what_it_is_and_how_it_interrupts() {
        let mut fake = Fake::default();
        let function = fake.endpoint(4, 0x11E8_1234);
        fake.set(function, CLASS, 0x00FF_0010);
        fake.set(function, INTERRUPT, 0x0000_010B);
        let found = scan(&mut fake)[0];
        assert_eq!(found.id, PciId { vendor: 0x1234, device: 0x11E8 });
        assert_eq!((found.class, found.line, found.has_messages), (0x00_FF00, Some(11), false));
        // No pin, no line, lines that are none.
        for value in [0x0B, 0x0100, 0x01FF, 0x0110] {
            fake.set(function, INTERRUPT, value);
            assert_eq!(scan(&mut fake)[0].line, None, "{value:#x}");
        }
        fake.set(function, COMMAND, 1 << 20);
        fake.set(function, CAPABILITIES, 0x40);
        fake.set(function, 0x40, 0x0080_0005);
        assert!(scan(&mut fake)[0].has_messages);
    }

    #[test]
    fn a_machine_without_pci_has_nothing() {
        assert_eq!(scan(&mut Fake::default()), []);
    }
}
