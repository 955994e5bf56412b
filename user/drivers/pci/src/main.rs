//! The PCI bus. It finds all functions, puts to rest those that no program drives, and turns functions on and off for
//! their drivers.
//!
//! Serves `pci` as [`bellwire::protocol::PciRequest`]: every client may ask what there is, only `init` may change it,
//! and a driver lets its function master the bus.
//! No driver touches configuration space, in which it could give a function the address of another. Serves the
//! chipset's reset, too, as [`PowerRequest`] for clients with the right `reset`, since its port lies among the
//! mechanism's own.
#![cfg_attr(target_os = "none", no_std, no_main)]

extern crate alloc;

use alloc::sync::Arc;
use alloc::vec::Vec;
use bellwire::protocol::PowerRequest;
use bellwire::{DrivenFunction, Error, Event, Mutex, Result, Startup, Thread};
use driver_pci::{Bus, Mechanism, Refusal};

bellwire::main!(run);

/// The chipset's reset control register (Intel PIIX3 and ICH data sheets, RST_CNT), from the mechanism's first port on.
const RESET_CONTROL: u16 = 0xCF9 - Mechanism::FIRST_PORT;
/// The bit that resets the whole system rather than the processor alone, and the bit that starts the reset.
const SYSTEM_RESET: u8 = 1 << 1;
const RESET_NOW: u8 = 1 << 2;

/// The priority of the search for functions, which takes milliseconds: below that of drivers, which may be working
/// already when the bus has been started again. This program serves above them, since they call it.
const SEARCH_PRIORITY: u8 = 41;

const STACK_BYTES: usize = 32 << 10;

fn run(startup: Startup) -> Result<()> {
    let mut server = startup.server("pci")?;
    let ports = startup.ports(Mechanism::FIRST_PORT)?;
    let reset = ports.port::<u8>(RESET_CONTROL);
    let mut bus = search(Mechanism::new(ports), startup.driven_functions().collect())?;
    for function in bus.loud() {
        bellwire::println!("the interrupt pin of {function} can't be turned off; nobody drives it");
    }
    loop {
        let Event::Call(call) = server.next()? else { continue };
        if let Some(PowerRequest::Reset) = call.request_of(&startup) {
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

/// Finds the functions, at a priority of its own. Callers wait meanwhile.
fn search(mechanism: Option<Mechanism>, driven: Vec<DrivenFunction>) -> Result<Bus<Mechanism>> {
    let found = Arc::new(Mutex::new(None));
    let theirs = found.clone();
    let thread = Thread::spawn(SEARCH_PRIORITY, STACK_BYTES, move |_| {
        *theirs.lock() = Some(Bus::new(mechanism, &driven));
    })?;
    thread.join();
    let bus = found.lock().take();
    bus.ok_or(Error::Gone)
}
