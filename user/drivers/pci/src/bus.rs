//! Requests, and who may make them.

use crate::{ConfigurationSpace, bar, disable, enable, scan};
use alloc::vec::Vec;
use bellwire::protocol::{PciFunction, PciRequest};

/// The badge of `init`'s own handle: those of programs begin at 1.
const INIT: u16 = 0;

/// The bus, as its clients see it.
#[derive(Debug)]
pub struct Bus<S> {
    /// Nothing on a machine without PCI.
    space: Option<S>,
    functions: Vec<PciFunction>,
}

impl<S: ConfigurationSpace> Bus<S> {
    /// Finds what is on the bus.
    pub fn new(mut space: Option<S>) -> Self {
        let functions = space.as_mut().map(scan).unwrap_or_default();
        Self { space, functions }
    }

    /// The answer to a client's request; nothing if it is refused. Anybody may ask what there is; what changes something
    /// is for `init`, which knows whose a function is.
    pub fn answer(&mut self, client: u16, request: PciRequest) -> Option<[usize; 4]> {
        let space = self.space.as_mut()?;
        match request {
            PciRequest::Get(index) => Some(self.functions.get(index as usize)?.to_words()),
            _ if client != INIT => None,
            PciRequest::Bar { function, index } => Some(bar(space, function, index).to_words()),
            PciRequest::Enable { function, signal, trust } => {
                enable(space, function, signal, trust).ok()?;
                Some([0; 4])
            }
            PciRequest::Disable(function) => {
                disable(space, function);
                Some([0; 4])
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
        Bus::new(Some(fake))
    }

    #[test]
    fn anybody_may_ask_what_there_is() {
        let mut bus = bus();
        for client in [INIT, 1, u16::MAX] {
            let words = bus.answer(client, PciRequest::Get(0)).unwrap();
            assert_eq!(PciFunction::from_words(words).address, FUNCTION);
            assert_eq!(bus.answer(client, PciRequest::Get(1)), None);
        }
    }

    #[test]
    fn nobody_but_init_may_change_anything() {
        let mut bus = bus();
        let enable = PciRequest::Enable { function: FUNCTION, signal: PciSignal::Line, trust: Trust::Dma };
        for request in [PciRequest::Bar { function: FUNCTION, index: 0 }, enable, PciRequest::Disable(FUNCTION)] {
            assert_eq!(bus.answer(1, request), None, "{request:?}");
            assert_eq!(bus.space.as_mut().unwrap().command(FUNCTION).bits(), 0, "{request:?}");
            assert!(bus.answer(INIT, request).is_some(), "{request:?}");
            bus.space.as_mut().unwrap().set_command(FUNCTION, crate::space::Command::empty());
        }
        let bar = bus.answer(INIT, PciRequest::Bar { function: FUNCTION, index: 0 }).map(PciBar::from_words);
        assert_eq!(bar, Some(PciBar::Memory { address: 0xFEB0_0000, bytes: 1 << 20 }));
    }

    #[test]
    fn a_machine_without_pci_has_nothing_to_ask_for() {
        let mut bus = Bus::<Fake>::new(None);
        assert_eq!(bus.answer(INIT, PciRequest::Get(0)), None);
        assert_eq!(bus.answer(INIT, PciRequest::Disable(FUNCTION)), None);
    }
}
