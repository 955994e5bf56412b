//! The search for functions on all buses.

use crate::capability::MessageCapability;
use crate::ghost::is_same;
use crate::space::{BUSES, CLASS, ConfigurationSpace, HEADER, Header, ID, INTERRUPT};
use alloc::vec;
use alloc::vec::Vec;
use bellwire::protocol::{PciAddress, PciFunction, PciId};

/// The header type's bit that says that a device has more functions than its first, in the whole register.
const HAS_FUNCTIONS: u32 = 1 << 23;
/// The numbers of a vendor or device that stand for no function: reads give ones, and on some boards zeros for one half
/// or both.
const NOBODY: [u16; 2] = [0xFFFF, 0];
/// The interrupt lines that firmware of a PC can name: those of the 8259As (6.2.4). Line 0 is the timer's, so it stands
/// for none.
const LINES: core::ops::Range<u8> = 1..16;
/// The most functions that are listed: more than any machine has, and few enough for the program's memory.
const MOST: usize = 4096;

/// Finds all functions: first those below bus 0, bus by bus, behind bridges as the firmware has numbered the buses;
/// then those of each bus to which no bridge leads, in the same way. A machine has several such buses where it has
/// several host bridges, and no register says which they are.
///
/// Each of the 256 buses is searched once at most, so this ends whatever bridges say; an empty bus takes 32 reads.
pub fn scan(space: &mut impl ConfigurationSpace) -> Vec<PciFunction> {
    let mut search = Search::default();
    for root in 0..=u8::MAX {
        search.from(space, root);
    }
    search.functions
}

/// A search, and the functions that it has found so far.
struct Search {
    functions: Vec<PciFunction>,
    is_searched: [bool; 256],
}

impl Default for Search {
    fn default() -> Self {
        Self { functions: Vec::new(), is_searched: [false; 256] }
    }
}

impl Search {
    /// Searches a bus and those below it.
    fn from(&mut self, space: &mut impl ConfigurationSpace, root: u8) {
        let mut buses = vec![root];
        let mut next = 0;
        while let Some(&bus) = buses.get(next) {
            next += 1;
            // A bridge that firmware hasn't numbered leads to bus 0, and one that leads back has been there.
            if core::mem::replace(&mut self.is_searched[usize::from(bus)], true) {
                continue;
            }
            let found = functions_of(space, bus);
            if self.is_ghost(space, &found) {
                continue;
            }
            for address in found {
                if matches!(space.header(address), Header::Bridge | Header::CardBus) {
                    buses.push((space.read(address, BUSES) >> 8) as u8);
                }
                // A function that has vanished meanwhile isn't listed.
                self.functions.extend(describe(space, address).filter(|_| self.functions.len() < MOST));
            }
        }
    }

    /// Returns whether the functions of a bus were found before, on another bus.
    fn is_ghost(&self, space: &mut impl ConfigurationSpace, found: &[PciAddress]) -> bool {
        found.iter().any(|address| {
            let place = |of: PciAddress| (of.device(), of.function());
            let mut known = self.functions.iter().map(|function| function.address);
            known.any(|known| place(known) == place(*address) && is_same(space, *address, known))
        })
    }
}

fn functions_of(space: &mut impl ConfigurationSpace, bus: u8) -> Vec<PciAddress> {
    let mut firsts: Vec<PciAddress> = Vec::new();
    let mut found = Vec::new();
    for device in 0..32 {
        let first = PciAddress::new(bus, device, 0);
        if id(space, first).is_none() || firsts.iter().any(|known| is_same(space, first, *known)) {
            continue;
        }
        firsts.push(first);
        let has_functions = space.read(first, HEADER) & HAS_FUNCTIONS != 0;
        let last = if has_functions { 7 } else { 0 };
        let all = (0..=last).map(|function| PciAddress::new(bus, device, function));
        found.extend(all.filter(|address| id(space, *address).is_some()));
    }
    found
}

/// Returns the numbers of the function that answers at an address, if one does.
pub fn id(space: &mut impl ConfigurationSpace, address: PciAddress) -> Option<PciId> {
    let value = space.read(address, ID);
    let id = PciId { vendor: value as u16, device: (value >> 16) as u16 };
    (!NOBODY.contains(&id.vendor)).then_some(id)
}

fn describe(space: &mut impl ConfigurationSpace, address: PciAddress) -> Option<PciFunction> {
    let [line, pin, ..] = space.read(address, INTERRUPT).to_le_bytes();
    Some(PciFunction {
        address,
        class: space.read(address, CLASS) >> 8,
        line: Some(line).filter(|line| pin != 0 && LINES.contains(line)),
        has_messages: MessageCapability::find(space, address).is_some(),
        id: id(space, address)?,
    })
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
            fake.set(address, BUSES, secondary << 8 | u32::from(address.bus()));
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
        // No pin, no line, and numbers that are no line's.
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
        let mut fake = Fake::default();
        assert_eq!(scan(&mut fake), []);
        assert_eq!(fake.reads, 256 * 32, "one read for each device that might be there");
    }

    /// Adds a bridge, with the number of the bus behind it.
    fn bridge(fake: &mut Fake, address: PciAddress, secondary: u8) {
        fake.add(address, 0x0001_1B36);
        fake.set(address, HEADER, 1 << 16);
        fake.set(address, BUSES, u32::from(secondary) << 8);
    }

    #[test]
    fn every_bus_without_a_bridge_to_it_is_a_root() {
        let mut fake = Fake::default();
        bridge(&mut fake, PciAddress::new(0, 1, 0), 200);
        fake.add(PciAddress::new(200, 0, 0), 0x11E8_1234);
        bridge(&mut fake, PciAddress::new(64, 0, 0), 65);
        fake.add(PciAddress::new(65, 1, 0), 0x11E8_1234);
        fake.add(PciAddress::new(255, 31, 0), 0x11E8_1234);
        // Behind the bus of a bridge, the order is as before: first all that bus 0 leads to.
        assert_eq!(addresses(&mut fake), ["00:01.0", "c8:00.0", "40:00.0", "41:01.0", "ff:1f.0"]);
    }

    #[test]
    fn what_lies_behind_a_cardbus_bridge_is_found_below_it() {
        let mut fake = Fake::default();
        fake.add(PciAddress::new(0, 1, 0), 0xAC56_104C);
        fake.set(PciAddress::new(0, 1, 0), HEADER, 2 << 16);
        fake.set(PciAddress::new(0, 1, 0), BUSES, 9 << 8);
        fake.add(PciAddress::new(9, 0, 0), 0x11E8_1234);
        fake.add(PciAddress::new(5, 0, 0), 0x11E8_1234);
        assert_eq!(addresses(&mut fake), ["00:01.0", "09:00.0", "05:00.0"]);
    }

    #[test]
    fn a_bus_that_shows_again_under_another_number_is_one_bus() {
        let mut fake = Fake::default();
        fake.add(PciAddress::new(0, 0, 0), 0x1237_8086);
        let device = fake.endpoint(3, 0x11E8_1234);
        fake.define(device, INTERRUPT, 0x010B, 0xFF);
        bridge(&mut fake, PciAddress::new(0, 4, 0), 2);
        fake.add(PciAddress::new(2, 1, 0), 0x11E8_1234);
        fake.define(PciAddress::new(2, 1, 0), INTERRUPT, 0x010A, 0xFF);
        // The chipset looks at two bits of the bus number.
        for ghost in (4..=255).step_by(4) {
            fake.show_bus_also_as(0, ghost);
            fake.show_bus_also_as(2, ghost | 2);
        }
        assert_eq!(addresses(&mut fake), ["00:00.0", "00:03.0", "00:04.0", "02:01.0"]);
    }

    #[test]
    fn a_device_that_answers_to_all_numbers_of_its_bus_is_one_device() {
        let mut fake = Fake::default();
        let device = fake.endpoint(0, 0x11E8_1234);
        fake.define(device, INTERRUPT, 0x010B, 0xFF);
        for ghost in 1..32 {
            fake.show_also_as(device, PciAddress::new(0, ghost, 0));
        }
        assert_eq!(addresses(&mut fake), ["00:00.0"]);
    }

    /// A bus gives the same answer to every read. Nothing of it is true, and the search ends all the same.
    #[test]
    fn a_bus_that_says_one_thing_everywhere_has_one_device() {
        struct Stuck(u32);
        impl ConfigurationSpace for Stuck {
            fn read(&mut self, _: PciAddress, _: u8) -> u32 {
                self.0
            }
            fn write(&mut self, _: PciAddress, _: u8, _: u32) {}
        }
        for value in [0x0080_1234, 0x0081_1234, 0x0002_1234, 0x0003_1234, 0x7F7F_7F7F] {
            assert!(scan(&mut Stuck(value)).len() <= MOST, "{value:#x}");
        }
        for value in [0, u32::MAX, 0xFFFF, 0xFFFF_0000] {
            assert_eq!(scan(&mut Stuck(value)), [], "{value:#x}");
        }
    }
}
