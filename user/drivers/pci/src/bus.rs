//! Requests, and who may make them.

use crate::{ConfigurationSpace, Refused, bar, disable, enable, quiet, scan};
use alloc::vec::Vec;
use bellwire::protocol::{PciAddress, PciFunction, PciRequest};

/// The badge of `init`'s own handle: those of programs begin at 1.
const INIT: u16 = 0;

/// The bus, as its clients see it.
#[derive(Debug)]
pub struct Bus<S> {
    /// `None` on a machine without PCI.
    space: Option<S>,
    functions: Vec<PciFunction>,
    loud: Vec<PciAddress>,
}

/// The reason why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such function, or no PCI bus.
    NotThere,
    /// Only `init` may make the request.
    NotAllowed,
    /// The function can't be turned on.
    CantEnable(PciAddress, Refused),
}

impl<S: ConfigurationSpace> Bus<S> {
    /// Finds the functions on the bus, and puts to rest all but those in `driven`.
    pub fn new(mut space: Option<S>, driven: &[PciAddress]) -> Self {
        let functions = space.as_mut().map(scan).unwrap_or_default();
        let loud = space.as_mut().map(|space| quiet(space, &functions, driven)).unwrap_or_default();
        Self { space, functions, loud }
    }

    /// Returns the functions that no program drives and whose pins can't be turned off.
    pub fn loud(&self) -> &[PciAddress] {
        &self.loud
    }

    /// Answers a client's request. Every client may ask what there is. Only `init` may change something, since it knows
    /// which program drives a function.
    pub fn answer(&mut self, client: u16, request: PciRequest) -> Result<[usize; 4], Refusal> {
        let space = self.space.as_mut().ok_or(Refusal::NotThere)?;
        match request {
            PciRequest::Get(index) => {
                self.functions.get(index as usize).map(|function| function.to_words()).ok_or(Refusal::NotThere)
            }
            _ if client != INIT => Err(Refusal::NotAllowed),
            PciRequest::Bar { function, index } => Ok(bar(space, function, index).to_words()),
            PciRequest::Enable { function, signal, trust } => enable(space, function, signal, trust)
                .map(|()| [0; 4])
                .map_err(|refused| Refusal::CantEnable(function, refused)),
            PciRequest::Disable(function) => {
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
    use crate::space::FIRST_BAR;
    use bellwire::Trust;
    use bellwire::protocol::{PciAddress, PciBar, PciSignal};

    const FUNCTION: PciAddress = PciAddress::new(0, 4, 0);

    fn bus() -> Bus<Fake> {
        let mut fake = Fake::default();
        fake.endpoint(4, 0x11E8_1234);
        fake.define(FUNCTION, FIRST_BAR, 0xFEB0_0000, 0xFFF0_0000);
        Bus::new(Some(fake), &[FUNCTION])
    }

    #[test]
    fn anybody_may_ask_what_there_is() {
        let mut bus = bus();
        for client in [INIT, 1, u16::MAX] {
            let words = bus.answer(client, PciRequest::Get(0)).unwrap();
            assert_eq!(PciFunction::from_words(words).address, FUNCTION);
            assert_eq!(bus.answer(client, PciRequest::Get(1)), Err(Refusal::NotThere));
        }
    }

    #[test]
    fn nobody_but_init_may_change_anything() {
        let mut bus = bus();
        let enable = PciRequest::Enable { function: FUNCTION, signal: PciSignal::Line, trust: Trust::Dma };
        for request in [PciRequest::Bar { function: FUNCTION, index: 0 }, enable, PciRequest::Disable(FUNCTION)] {
            assert_eq!(bus.answer(1, request), Err(Refusal::NotAllowed), "{request:?}");
            assert_eq!(bus.space.as_mut().unwrap().command(FUNCTION).bits(), 0, "{request:?}");
            assert!(bus.answer(INIT, request).is_ok(), "{request:?}");
            bus.space.as_mut().unwrap().set_command(FUNCTION, crate::space::Command::empty());
        }
        let bar = bus.answer(INIT, PciRequest::Bar { function: FUNCTION, index: 0 }).map(PciBar::from_words);
        assert_eq!(bar, Ok(PciBar::Memory { address: 0xFEB0_0000, bytes: 1 << 20 }));
    }

    #[test]
    fn what_is_driven_goes_on_when_the_bus_comes_back() {
        let mut fake = Fake::default();
        let [driven, other] = [4, 5].map(|device| fake.endpoint(device, 0x11E8_1234));
        for function in [driven, other] {
            fake.set(function, crate::space::COMMAND, 0x0007);
        }
        let mut bus = Bus::new(Some(fake), &[driven]);
        let command = [driven, other].map(|function| bus.space.as_mut().unwrap().command(function).bits());
        assert_eq!(command, [0x0007, 0x0403]);
    }

    #[test]
    fn a_machine_without_pci_has_nothing_to_ask_for() {
        let mut bus = Bus::<Fake>::new(None, &[]);
        assert_eq!(bus.answer(INIT, PciRequest::Get(0)), Err(Refusal::NotThere));
        assert_eq!(bus.answer(INIT, PciRequest::Disable(FUNCTION)), Err(Refusal::NotThere));
    }
}
