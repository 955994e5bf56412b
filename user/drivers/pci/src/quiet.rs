//! Putting functions to rest that no program drives. Firmware, a boot ROM or a boot loader may have left any of them
//! on. A function that asserts a line would interrupt the drivers that share the line for ever. A function that masters
//! the bus would write to memory that has another owner by now.

use crate::capability::disable_messages;
use crate::enable::disable;
use crate::space::{Command, ConfigurationSpace, INTERRUPT};
use bellwire::protocol::{PciAddress, PciFunction};

/// Base classes (Code and ID Assignment Specification 1.11, 1).
const DISPLAY: u8 = 0x03;
const BRIDGE: u8 = 0x06;
const SYSTEM_PERIPHERAL: u8 = 0x08;
/// Base class and subclass of USB controllers.
const USB: u16 = 0x0C03;

/// Turns off what a function may do by itself: its pin, its messages and its mastering of the bus. Call this for each
/// function that no program drives, before any driver binds a line. The function goes on answering to its addresses.
///
/// Returns whether the pin is silent. A function from before PCI 2.3 has no bit to turn its pin off (6.2.2).
pub fn put_to_rest(space: &mut impl ConfigurationSpace, function: &PciFunction) -> Pin {
    let address = function.address;
    if is_needed_as_master(function.class) {
        let command = space.command(address);
        space.set_command(address, command | Command::INTERRUPT_DISABLE);
        disable_messages(space, address);
    } else {
        disable(space, address);
    }
    let has_pin = space.read(address, INTERRUPT) >> 8 & 0xFF != 0;
    let is_off = space.command(address).contains(Command::INTERRUPT_DISABLE);
    if has_pin && !is_off { Pin::CantBeTurnedOff } else { Pin::Silent }
}

/// A function's interrupt pin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pin {
    /// The function doesn't assert its pin, or has none.
    Silent,
    /// The function has no bit that turns its pin off.
    CantBeTurnedOff,
}

/// Returns whether the machine needs a function as a master of the bus though it has no driver:
///
/// - bridges, which master the bus for what lies behind them, and the chipset's own functions of that class;
/// - the chipset's peripherals, such as an IOAPIC, whose interrupts are writes;
/// - displays, since the screen that the firmware has set up may lie in memory;
/// - USB controllers, by which the firmware may show a USB keyboard as a PS/2 keyboard.
fn is_needed_as_master(class: u32) -> bool {
    let base = (class >> 16) as u8;
    matches!(base, DISPLAY | BRIDGE | SYSTEM_PERIPHERAL) || (class >> 8) as u16 == USB
}

/// Puts all functions to rest but those in `driven`, and returns those whose pins can't be turned off.
pub fn quiet(
    space: &mut impl ConfigurationSpace,
    functions: &[PciFunction],
    driven: &[PciAddress],
) -> alloc::vec::Vec<PciAddress> {
    let undriven = functions.iter().filter(|function| !driven.contains(&function.address));
    let loud = undriven.filter(|function| put_to_rest(space, function) == Pin::CantBeTurnedOff);
    loud.map(|function| function.address).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;
    use crate::scan;
    use crate::space::{CAPABILITIES, CLASS, COMMAND, HEADER};

    const ON: u32 = 0x0107;
    const PIN: u32 = 0x0100;

    /// Adds a function of a class as firmware may leave it: everything is on.
    fn add(fake: &mut Fake, device: u8, class: u32) -> PciAddress {
        let function = fake.endpoint(device, 0x100E_8086);
        fake.set(function, CLASS, class << 8);
        fake.set(function, COMMAND, 1 << 20 | ON);
        fake.set(function, INTERRUPT, PIN);
        fake.set(function, CAPABILITIES, 0x40);
        fake.define(function, 0x40, 0x0081_5005, 1 << 16);
        fake.define(function, 0x50, 0xC003_0011, 0xC000_0000);
        function
    }

    fn state(fake: &mut Fake, function: PciAddress) -> (u16, u32, u32) {
        (fake.command(function).bits(), fake.read(function, 0x40), fake.read(function, 0x50))
    }

    const AS_LEFT: (u16, u32, u32) = (0x0107, 0x0081_5005, 0xC003_0011);
    const AT_REST: (u16, u32, u32) = (0x0503, 0x0080_5005, 0x4003_0011);
    const MASTER_AT_REST: (u16, u32, u32) = (0x0507, 0x0080_5005, 0x4003_0011);

    #[test]
    fn nothing_that_nobody_drives_interrupts_or_masters_the_bus() {
        let mut fake = Fake::default();
        let (network, driven) = (add(&mut fake, 3, 0x02_0000), add(&mut fake, 4, 0x00_FF00));
        let storage = add(&mut fake, 5, 0x01_0601);
        let functions = scan(&mut fake);
        assert_eq!(quiet(&mut fake, &functions, &[driven]), []);
        assert_eq!(state(&mut fake, network), AT_REST);
        assert_eq!(state(&mut fake, storage), AT_REST);
        assert_eq!(state(&mut fake, driven), AS_LEFT, "what is driven stays as it is");
    }

    #[test]
    fn what_others_need_goes_on_mastering_the_bus() {
        for class in [0x06_0400, 0x06_0000, 0x06_0100, 0x08_0020, 0x03_0000, 0x0C_0330] {
            let mut fake = Fake::default();
            let function = add(&mut fake, 3, class);
            let functions = scan(&mut fake);
            quiet(&mut fake, &functions, &[]);
            assert_eq!(state(&mut fake, function), MASTER_AT_REST, "{class:#x}");
        }
    }

    #[test]
    fn a_pin_without_a_bit_to_turn_it_off_is_told() {
        let mut fake = Fake::default();
        let [old, without_pin] = [add(&mut fake, 3, 0x02_0000), add(&mut fake, 5, 0x02_0000)];
        for function in [old, without_pin] {
            fake.define(function, COMMAND, 1 << 20 | ON, 0x0107);
        }
        fake.set(without_pin, INTERRUPT, 0);
        let functions = scan(&mut fake);
        assert_eq!(quiet(&mut fake, &functions, &[]), [old]);
        assert_eq!(state(&mut fake, old), (0x0103, 0x0080_5005, 0x4003_0011));
    }

    #[test]
    fn a_function_that_has_vanished_is_no_obstacle() {
        let mut fake = Fake::default();
        let function = add(&mut fake, 3, 0x02_0000);
        let functions = scan(&mut fake);
        fake.remove(function);
        assert_eq!(quiet(&mut fake, &functions, &[]), []);
    }

    #[test]
    fn a_header_that_nobody_knows_is_left_alone_but_for_its_command() {
        let mut fake = Fake::default();
        let function = add(&mut fake, 3, 0x02_0000);
        fake.set(function, HEADER, 5 << 16);
        let functions = scan(&mut fake);
        quiet(&mut fake, &functions, &[]);
        assert_eq!(state(&mut fake, function), (0x0503, 0x0081_5005, 0xC003_0011));
    }
}
