//! Requests, and who may make them.

use crate::{ConfigurationSpace, Refused, bar, disable, enable, master, quiet, scan};
use alloc::vec::Vec;
use bellwire::protocol::{PciAddress, PciFunction, PciRequest};
use bellwire::{DrivenFunction, Trust};

/// The badge of `init`'s own handle: those of programs begin at 1.
const INIT: u16 = 0;

/// The bus, as its clients see it.
#[derive(Debug)]
pub struct Bus<S> {
    /// `None` on a machine without PCI.
    space: Option<S>,
    functions: Vec<PciFunction>,
    loud: Vec<PciAddress>,
    /// The functions that may master the bus, and the badges of the clients that say when.
    masters: Vec<(PciAddress, u16)>,
}

/// The reason why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such function, or no PCI bus.
    NotThere,
    /// Only `init`, or the function's driver, may make the request.
    NotAllowed,
    /// The function can't be turned on.
    CantEnable(PciAddress, Refused),
}

impl<S: ConfigurationSpace> Bus<S> {
    /// Finds the functions on the bus, and puts to rest all but those in `driven`.
    pub fn new(mut space: Option<S>, driven: &[DrivenFunction]) -> Self {
        let functions = space.as_mut().map(scan).unwrap_or_default();
        let addresses: Vec<_> = driven.iter().map(|function| function.address).collect();
        let loud = space.as_mut().map(|space| quiet(space, &functions, &addresses)).unwrap_or_default();
        let masters = driven.iter().filter_map(|function| Some((function.address, function.master?))).collect();
        Self { space, functions, loud, masters }
    }

    /// Returns the functions that no program drives and whose pins can't be turned off.
    pub fn loud(&self) -> &[PciAddress] {
        &self.loud
    }

    /// Answers a client's request. Every client may ask what there is. Only `init` may change something, since it knows
    /// which program drives a function; and a driver that `init` has named lets its function master the bus.
    pub fn answer(&mut self, client: u16, request: PciRequest) -> Result<[usize; 4], Refusal> {
        let space = self.space.as_mut().ok_or(Refusal::NotThere)?;
        match request {
            PciRequest::Get(index) => {
                self.functions.get(index as usize).map(|function| function.to_words()).ok_or(Refusal::NotThere)
            }
            PciRequest::Master(function) if self.masters.contains(&(function, client)) => {
                master(space, function).map(|()| [0; 4]).map_err(|refused| Refusal::CantEnable(function, refused))
            }
            PciRequest::Master(_) => Err(Refusal::NotAllowed),
            _ if client != INIT => Err(Refusal::NotAllowed),
            PciRequest::Bar { function, index } => Ok(bar(space, function, index).to_words()),
            PciRequest::Enable { function, signal, master } => {
                self.masters.retain(|(other, _)| *other != function);
                let trust = if master.is_some() { Trust::Dma } else { Trust::Contained };
                enable(space, function, signal, trust).map_err(|refused| Refusal::CantEnable(function, refused))?;
                self.masters.extend(master.map(|client| (function, client)));
                Ok([0; 4])
            }
            PciRequest::Disable(function) => {
                self.masters.retain(|(other, _)| *other != function);
                disable(space, function);
                Ok([0; 4])
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;
    use crate::space::{COMMAND, Command, FIRST_BAR};
    use bellwire::protocol::{PciAddress, PciBar, PciSignal};

    const FUNCTION: PciAddress = PciAddress::new(0, 4, 0);
    const DRIVER: u16 = 7;

    fn driven(address: PciAddress, master: Option<u16>) -> DrivenFunction {
        DrivenFunction { address, master }
    }

    fn masters(bus: &mut Bus<Fake>) -> bool {
        bus.space.as_mut().unwrap().command(FUNCTION).contains(Command::BUS_MASTER)
    }

    fn bus() -> Bus<Fake> {
        let mut fake = Fake::default();
        fake.endpoint(4, 0x11E8_1234);
        fake.define(FUNCTION, FIRST_BAR, 0xFEB0_0000, 0xFFF0_0000);
        Bus::new(Some(fake), &[driven(FUNCTION, None)])
    }

    #[test]
    fn anybody_may_ask_what_there_is() {
        let mut bus = bus();
        for client in [INIT, 1, u16::MAX] {
            let words = bus.answer(client, PciRequest::Get(0)).unwrap();
            assert_eq!(PciFunction::from_words(words).unwrap().address, FUNCTION);
            assert_eq!(bus.answer(client, PciRequest::Get(1)), Err(Refusal::NotThere));
        }
    }

    #[test]
    fn nobody_but_init_may_change_anything() {
        let mut bus = bus();
        let enable = PciRequest::Enable { function: FUNCTION, signal: PciSignal::Line, master: Some(DRIVER) };
        for request in [PciRequest::Bar { function: FUNCTION, index: 0 }, enable, PciRequest::Disable(FUNCTION)] {
            assert_eq!(bus.answer(1, request), Err(Refusal::NotAllowed), "{request:?}");
            assert_eq!(bus.space.as_mut().unwrap().command(FUNCTION).bits(), 0, "{request:?}");
            assert!(bus.answer(INIT, request).is_ok(), "{request:?}");
            bus.space.as_mut().unwrap().set_command(FUNCTION, Command::empty());
        }
        let words = bus.answer(INIT, PciRequest::Bar { function: FUNCTION, index: 0 }).unwrap();
        assert_eq!(PciBar::from_words(words), Ok(PciBar::Memory { address: 0xFEB0_0000, bytes: 1 << 20 }));
    }

    #[test]
    fn a_function_masters_the_bus_when_its_driver_says_so() {
        let mut bus = bus();
        // Firmware, or a dead driver, has left it on.
        bus.space.as_mut().unwrap().set_command(FUNCTION, Command::BUS_MASTER);
        let request = PciRequest::Master(FUNCTION);
        let enable = |master| PciRequest::Enable { function: FUNCTION, signal: PciSignal::Line, master };
        bus.answer(INIT, enable(None)).unwrap();
        assert_eq!(bus.answer(DRIVER, request), Err(Refusal::NotAllowed), "its driver hasn't the right");
        bus.answer(INIT, enable(Some(DRIVER))).unwrap();
        assert!(!masters(&mut bus), "nobody has said that it is at rest");
        for client in [INIT, DRIVER + 1] {
            assert_eq!(bus.answer(client, request), Err(Refusal::NotAllowed));
        }
        let other = PciRequest::Master(PciAddress::new(0, 5, 0));
        assert_eq!(bus.answer(DRIVER, other), Err(Refusal::NotAllowed), "another function");
        assert_eq!((bus.answer(DRIVER, request), masters(&mut bus)), (Ok([0; 4]), true));
        bus.answer(INIT, PciRequest::Disable(FUNCTION)).unwrap();
        assert_eq!((bus.answer(DRIVER, request), masters(&mut bus)), (Err(Refusal::NotAllowed), false));
    }

    #[test]
    fn what_is_driven_goes_on_when_the_bus_comes_back() {
        let mut fake = Fake::default();
        let [first, other] = [4, 5].map(|device| fake.endpoint(device, 0x11E8_1234));
        for function in [first, other] {
            fake.set(function, COMMAND, 0x0007);
        }
        let mut bus = Bus::new(Some(fake), &[driven(first, Some(DRIVER))]);
        let command = [first, other].map(|function| bus.space.as_mut().unwrap().command(function).bits());
        assert_eq!(command, [0x0007, 0x0403]);
        // A driver that was about to say that its device is at rest says so to the new bus.
        assert_eq!(bus.answer(DRIVER, PciRequest::Master(first)), Ok([0; 4]));
        assert_eq!(bus.answer(DRIVER, PciRequest::Master(other)), Err(Refusal::NotAllowed));
    }

    #[test]
    fn a_machine_without_pci_has_nothing_to_ask_for() {
        let mut bus = Bus::<Fake>::new(None, &[]);
        assert_eq!(bus.answer(INIT, PciRequest::Get(0)), Err(Refusal::NotThere));
        assert_eq!(bus.answer(INIT, PciRequest::Disable(FUNCTION)), Err(Refusal::NotThere));
    }
}
