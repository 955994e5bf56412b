//! Stand-ins, which answer for a service whose program is not to run: its device isn't there, or it was stopped.
//!
//! A call to an endpoint waits until a thread receives there. That is right while a program is about to be started
//! again. If it isn't, its clients would wait for ever. So a thread of `init`'s receives in the program's place, and
//! answers every call with [`ABSENT`]: `init`'s own calls to the service, too, which may have waited there for long.

use crate::server_thread;
use bellwire::pci::master_badge;
use bellwire::protocol::ABSENT;
use bellwire::{Endpoint, Event, Result, Rights, Server};

/// The bit by which `init` tells the thread to begin to receive. Any bit would do.
const BEGIN: u32 = 1;

/// The badge of the one handle by which a stand-in is relieved. Programs count from 1, so no other handle has it, and
/// `init`'s others least of all: what its threads want of a service is no relief.
const RELIEF: u16 = master_badge(0);

/// A thread that answers for one service while it is told to.
///
/// The thread lives as long as `init`.
#[derive(Debug)]
pub struct StandIn {
    /// The service's endpoint, by a handle with the badge [`RELIEF`].
    relief: Endpoint,
    control: Endpoint,
    receives_at: Place,
}

#[derive(Debug, PartialEq)]
enum Place {
    Control,
    Service,
}

impl StandIn {
    /// Makes the thread. It answers nothing yet.
    pub fn new(service: &Endpoint) -> Result<Self> {
        let relief = service.badged(Rights::CALL, RELIEF)?;
        let clients = service.copy(Rights::RECEIVE)?;
        let control =
            server_thread::start(move |mut server| while answer_until_relieved(&mut server, &clients).is_ok() {})?;
        Ok(Self { relief, control, receives_at: Place::Control })
    }

    /// Begins to answer for the service, for clients that wait already, too.
    pub fn begin(&mut self) -> Result<()> {
        if self.receives_at == Place::Control {
            self.control.notify(BEGIN)?;
            self.receives_at = Place::Service;
        }
        Ok(())
    }

    /// Ends answering. When this returns, the thread doesn't receive at the service's endpoint any more.
    pub fn end(&mut self) -> Result<()> {
        if self.receives_at == Place::Service {
            self.relief.call(ABSENT, [0; 4])?;
            self.receives_at = Place::Control;
        }
        Ok(())
    }
}

/// Waits for [`StandIn::begin`], then answers until [`StandIn::end`].
fn answer_until_relieved(server: &mut Server, clients: &Endpoint) -> Result<()> {
    server.next()?;
    loop {
        match server.next_at(clients)? {
            // The answer has to be on its way before the thread receives elsewhere.
            Event::Call(call) if call.badge == RELIEF => {
                // Otherwise the next receive answers, which is at `control`.
                call.defer().map(|reply| reply.answer([0; 4]));
                return Ok(());
            }
            Event::Call(call) => call.answer_as(ABSENT, [0; 4]),
            _ => {}
        }
    }
}
