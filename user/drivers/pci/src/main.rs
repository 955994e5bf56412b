//! The PCI bus. It finds all functions, puts to rest those that no program drives, and turns functions on and off for
//! their drivers.
//!
//! Serves `pci` as [`bellwire::protocol::PciRequest`]: every client may ask what there is, only `init` may change it.
//! No driver touches configuration space, in which it could give a function the address of another. Serves the
//! chipset's reset, too, as [`PowerRequest`] for clients with the right `reset`, since its port lies among the
//! mechanism's own.
#![cfg_attr(target_os = "none", no_std, no_main)]

extern crate alloc;

use alloc::vec::Vec;
use bellwire::protocol::{PciAddress, PowerRequest};
use bellwire::{Event, Result, Startup};
use driver_pci::{Bus, Mechanism, Refusal};

bellwire::main!(run);

/// The chipset's reset control register (Intel PIIX3 and ICH data sheets, RST_CNT), from the mechanism's first port on.
const RESET_CONTROL: u16 = 0xCF9 - Mechanism::FIRST_PORT;
/// The bit that resets the whole system rather than the processor alone, and the bit that starts the reset.
const SYSTEM_RESET: u8 = 1 << 1;
const RESET_NOW: u8 = 1 << 2;

fn run(startup: Startup) -> Result<()> {
    let mut server = startup.server("pci")?;
    let ports = startup.ports(Mechanism::FIRST_PORT)?;
    let reset = ports.port::<u8>(RESET_CONTROL);
    let driven: Vec<PciAddress> = startup.driven_functions().collect();
    let mut bus = Bus::new(Mechanism::new(ports), &driven);
    for function in bus.loud() {
        bellwire::println!("the interrupt pin of {function} can't be turned off; nobody drives it");
    }
    loop {
        let Event::Call(call) = server.next()? else { continue };
        if let Some(PowerRequest::Reset) = call.request() {
            if !startup.may_reset(call.badge) {
                call.refuse();
                continue;
            }
            reset.write(SYSTEM_RESET);
            reset.write(SYSTEM_RESET | RESET_NOW);
            call.answer([0; 4]);
        } else {
            match call.request().map(|request| bus.answer(call.badge, request)) {
                Some(Ok(words)) => call.answer(words),
                Some(Err(refusal)) => {
                    if let Refusal::CantEnable(function, why) = refusal {
                        bellwire::println!("can't turn {function} on: {why}");
                    }
                    call.refuse();
                }
                None => call.refuse(),
            }
        }
    }
}
