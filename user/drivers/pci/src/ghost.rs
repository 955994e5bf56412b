//! Functions that answer at a second address. Some chipsets leave a part of the bus number out when they select a
//! function, and some devices behind a PCI Express port answer to every device number of their bus.

use crate::space::{BUSES, ConfigurationSpace, FIRST_BAR, Header, INTERRUPT};
use bellwire::protocol::PciAddress;

/// The registers of a header, which the specification divides into 64 bytes for every function (6.1).
const HEADER_REGISTERS: u8 = 16;
/// The register with command and status: the status bits change by themselves.
const CHANGES: u8 = 1;
/// The line register's bits in the interrupt register. Software may keep anything in them (6.2.4).
const LINE: u32 = 0xFF;

/// Returns whether two addresses select the same function. Call this only if a function answers at both addresses.
///
/// Functions whose headers differ are two. Where the headers are the same, a change of the line register of one
/// function shows at both addresses if they are one. Functions without that register are one if they answer to the same
/// memory, ports or bus, which two functions can't.
pub fn is_same(space: &mut impl ConfigurationSpace, one: PciAddress, other: PciAddress) -> bool {
    let is_alike = (0..HEADER_REGISTERS).all(|register| {
        let register = register * 4;
        register == CHANGES * 4 || space.read(one, register) == space.read(other, register)
    });
    if !is_alike {
        return false;
    }
    let before = space.read(one, INTERRUPT);
    space.write(one, INTERRUPT, before ^ LINE);
    let changed = space.read(one, INTERRUPT);
    let seen = space.read(other, INTERRUPT);
    space.write(one, INTERRUPT, before);
    if changed == before { answers_to_something(space, one) } else { seen == changed }
}

fn answers_to_something(space: &mut impl ConfigurationSpace, function: PciAddress) -> bool {
    let (registers, has_bus) = match space.header(function) {
        Header::Endpoint => (6, false),
        Header::Bridge => (2, true),
        Header::CardBus => (1, true),
        Header::Other => (0, false),
    };
    (0..registers).any(|index| space.read(function, FIRST_BAR + 4 * index) & !0xF != 0)
        || has_bus && space.read(function, BUSES) >> 8 & 0xFF != 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;

    const ONE: PciAddress = PciAddress::new(0, 4, 0);
    const OTHER: PciAddress = PciAddress::new(64, 4, 0);

    fn two(line: u32, bar: u32) -> Fake {
        let mut fake = Fake::default();
        for function in [ONE, OTHER] {
            fake.add(function, 0x11E8_1234);
            fake.define(function, INTERRUPT, 0x010B, line);
            fake.define(function, FIRST_BAR, bar, 0);
        }
        fake
    }

    #[test]
    fn twins_are_told_apart_by_a_register_that_software_may_keep_things_in() {
        let mut fake = two(LINE, 0);
        assert!(!is_same(&mut fake, ONE, OTHER));
        fake.show_also_as(ONE, OTHER);
        assert!(is_same(&mut fake, ONE, OTHER));
        assert_eq!(fake.read(ONE, INTERRUPT), 0x010B, "as it was");
    }

    #[test]
    fn without_that_register_one_address_is_one_function() {
        assert!(is_same(&mut two(0, 0xFEB0_0000), ONE, OTHER));
        assert!(!is_same(&mut two(0, 0), ONE, OTHER), "nothing tells, so neither is left out");
        let mut fake = two(0, 0xFEB0_0000);
        fake.set(OTHER, FIRST_BAR, 0xFEC0_0000);
        assert!(!is_same(&mut fake, ONE, OTHER));
    }
}
