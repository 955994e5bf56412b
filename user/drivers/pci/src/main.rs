//! The PCI bus: finds what is on it, and turns functions on and off for their drivers.
//!
//! Serves `pci` as [`PciRequest`]: to anybody what there is, to `init` alone what changes it. No driver touches
//! configuration space, in which a function could be given the address of another. Beside it the chipset has its reset,
//! whose port lies among the mechanism's own: [`PowerRequest`].
#![cfg_attr(target_os = "none", no_std, no_main)]

extern crate alloc;

use alloc::vec::Vec;
use bellwire::protocol::{PciBar, PciFunction, PciRequest, PowerRequest};
use bellwire::{Call, Event, Port, Result, Server, Startup};
use driver_pci::{Mechanism, bar, disable, enable, scan};

bellwire::main!(run);

/// The badge of `init`'s own handle: those of programs begin at 1.
const INIT: u16 = 0;

/// The chipset's reset control register (Intel PIIX3 and ICH data sheets, RST_CNT), from the mechanism's first port on.
const RESET_CONTROL: u16 = 0xCF9 - Mechanism::FIRST_PORT;
/// What it resets: the whole system rather than the processor alone; then the bit that does it.
const SYSTEM_RESET: u8 = 1 << 1;
const RESET_NOW: u8 = 1 << 2;

fn run(startup: Startup) -> Result<()> {
    let mut server = Server::new(startup.serves("pci")?);
    let ports = startup.ports(Mechanism::FIRST_PORT)?;
    let mut bus = Bus { space: Mechanism::new(ports), functions: Vec::new(), reset: ports.port(RESET_CONTROL) };
    if let Some(space) = &mut bus.space {
        bus.functions = scan(space);
    }
    loop {
        if let Event::Call(call) = server.next()? {
            bus.answer(call);
        }
    }
}

struct Bus {
    /// Nothing on a machine without PCI.
    space: Option<Mechanism>,
    functions: Vec<PciFunction>,
    reset: Port<u8>,
}

impl Bus {
    fn answer(&mut self, call: Call<'_>) {
        if let Some(PowerRequest::Reset) = call.request() {
            self.reset.write(SYSTEM_RESET);
            self.reset.write(SYSTEM_RESET | RESET_NOW);
            return call.answer([0; 4]);
        }
        match call.request().and_then(|request| self.carry_out(request, call.badge)) {
            Some(words) => call.answer(words),
            None => call.refuse(),
        }
    }

    /// The answer to a request; nothing if it is refused.
    fn carry_out(&mut self, request: PciRequest, client: u16) -> Option<[usize; 4]> {
        let space = self.space.as_mut()?;
        match request {
            PciRequest::Get(index) => Some(self.functions.get(index as usize)?.to_words()),
            _ if client != INIT => None,
            PciRequest::Bar { function, index } => Some(PciBar::to_words(bar(space, function, index))),
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
