//! Turning a function on for its driver, and off when the driver has ended.
//!
//! A function that is turned on doesn't master the bus yet: its device may still do what a dead driver or the firmware
//! has told it, to memory that belongs to somebody else by now. The driver says when its device is at rest.

use crate::bar::Kinds;
use crate::capability::{MessageCapability, disable_messages};
use crate::scan::id;
use crate::space::{Command, ConfigurationSpace};
use bellwire::Trust;
use bellwire::protocol::{PciAddress, PciSignal};
use core::fmt;

/// The reason why a function can't be turned on as asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The function has vanished: nothing answers at its address.
    Gone,
    /// The function has no capability to send messages, or none that reaches the address.
    NoMessages,
    /// Messages are writes by the function itself, and the function isn't trusted to write: from then on its driver
    /// could choose the address.
    Untrusted,
}

impl fmt::Display for Refused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Gone => "it has vanished",
            Self::NoMessages => "it can't send messages to the interrupt controller",
            Self::Untrusted => "messages take the right to write to memory",
        })
    }
}

/// Lets a function answer to its addresses and interrupt by its pin. Everything that its last driver or the firmware
/// left on is turned off first. Messages are set up, and are sent from [`master`] on.
pub fn enable(
    space: &mut impl ConfigurationSpace,
    function: PciAddress,
    signal: PciSignal,
    trust: Trust,
) -> Result<(), Refused> {
    if id(space, function).is_none() {
        return Err(Refused::Gone);
    }
    disable(space, function);
    let kinds = Kinds::new(space, function);
    let mut command = (space.command(function) | kinds.on) - kinds.off;
    match signal {
        PciSignal::Line => command.remove(Command::INTERRUPT_DISABLE),
        PciSignal::Message(_) if trust == Trust::Contained => return Err(Refused::Untrusted),
        PciSignal::Message(write) => {
            let capability = MessageCapability::find(space, function).ok_or(Refused::NoMessages)?;
            capability.enable(space, write).ok_or(Refused::NoMessages)?;
        }
    }
    space.set_command(function, command);
    Ok(())
}

/// Lets a function read and write memory by itself, and send messages. Call this when its driver says that the device
/// does nothing any more that it was told before.
pub fn master(space: &mut impl ConfigurationSpace, function: PciAddress) -> Result<(), Refused> {
    if id(space, function).is_none() {
        return Err(Refused::Gone);
    }
    let command = space.command(function);
    space.set_command(function, command | Command::BUS_MASTER);
    Ok(())
}

/// Makes a function neither interrupt nor reach memory any more. Reading the register back makes sure that the
/// function's earlier writes have arrived: they go before the answer to a read (PCI Local Bus Specification 3.0,
/// 3.2.5).
pub fn disable(space: &mut impl ConfigurationSpace, function: PciAddress) {
    let command = space.command(function);
    space.set_command(function, (command - Command::BUS_MASTER) | Command::INTERRUPT_DISABLE);
    disable_messages(space, function);
    space.command(function);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;
    use crate::space::{CAPABILITIES, COMMAND, FIRST_BAR};
    use bellwire::InterruptWrite;

    const MESSAGE: PciSignal = PciSignal::Message(InterruptWrite { address: 0xFEE0_0000, data: 0x90 });

    /// Makes a function as firmware leaves it: everything is on.
    fn function() -> (Fake, PciAddress) {
        let mut fake = Fake::default();
        let function = fake.endpoint(4, 0x11E8_1234);
        fake.define(function, FIRST_BAR, 0xFEB0_0000, 0xFFF0_0000);
        fake.set(function, COMMAND, 1 << 20 | 0x0107);
        fake.set(function, CAPABILITIES, 0x40);
        fake.define(function, 0x40, 0x0081_0005, 1 << 16);
        for register in [0x44, 0x48, 0x4C] {
            fake.define(function, register, 0, u32::MAX);
        }
        (fake, function)
    }

    fn command(fake: &mut Fake, function: PciAddress) -> u16 {
        fake.command(function).bits()
    }

    #[test]
    fn by_its_line_a_contained_function_reaches_no_memory() {
        let (mut fake, function) = function();
        assert_eq!(enable(&mut fake, function, PciSignal::Line, Trust::Contained), Ok(()));
        assert_eq!(command(&mut fake, function), 0x0103, "memory on, its master bit off, its pin on");
        assert_eq!(fake.read(function, 0x40), 0x0080_0005, "messages off");
    }

    #[test]
    fn by_messages_its_pin_is_silent() {
        let (mut fake, function) = function();
        assert_eq!(enable(&mut fake, function, MESSAGE, Trust::Dma), Ok(()));
        assert_eq!(command(&mut fake, function), 0x0503, "its device may still do what it was told before");
        assert_eq!(master(&mut fake, function), Ok(()));
        assert_eq!(command(&mut fake, function), 0x0507);
        assert_eq!([0x40, 0x44, 0x4C].map(|register| fake.read(function, register)), [0x0081_0005, 0xFEE0_0000, 0x90]);
        disable(&mut fake, function);
        assert_eq!(command(&mut fake, function), 0x0503);
        assert_eq!(fake.read(function, 0x40), 0x0080_0005);
    }

    #[test]
    fn what_cannot_be_had_leaves_it_silent() {
        let (mut fake, function) = function();
        assert_eq!(enable(&mut fake, function, MESSAGE, Trust::Contained), Err(Refused::Untrusted));
        assert_eq!(command(&mut fake, function), 0x0503);
        fake.set(function, CAPABILITIES, 0);
        assert_eq!(enable(&mut fake, function, MESSAGE, Trust::Dma), Err(Refused::NoMessages));
        assert_eq!(command(&mut fake, function), 0x0503);
    }

    #[test]
    fn what_has_vanished_is_refused() {
        let (mut fake, function) = function();
        fake.remove(function);
        assert_eq!(enable(&mut fake, function, PciSignal::Line, Trust::Contained), Err(Refused::Gone));
        assert_eq!(master(&mut fake, function), Err(Refused::Gone));
        disable(&mut fake, function);
    }

    #[test]
    fn memory_without_an_address_stays_off() {
        let (mut fake, function) = function();
        fake.set(function, FIRST_BAR, 0);
        assert_eq!(enable(&mut fake, function, PciSignal::Line, Trust::Contained), Ok(()));
        assert_eq!(command(&mut fake, function), 0x0101, "its ports are as firmware left them");
    }

    #[test]
    fn a_table_of_messages_is_off_while_messages_are_on() {
        let (mut fake, function) = function();
        fake.set(function, 0x40, 0x0081_6005);
        fake.define(function, 0x60, 0x8003_0011, 0xC000_0000);
        assert_eq!(enable(&mut fake, function, MESSAGE, Trust::Dma), Ok(()));
        assert_eq!(fake.read(function, 0x60), 0x0003_0011);
    }
}
