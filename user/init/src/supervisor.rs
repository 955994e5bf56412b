//! The loop: programs end, waits before starts pass, and clients ask about programs.

use crate::devices::Bus;
use crate::machine::Machine;
use crate::program::{Program, Surroundings};
use crate::service::Services;
use alloc::string::String;
use alloc::vec::Vec;
use bellwire::protocol::{Control, ProgramName, ProgramState, ProgramStatus, ProgramsRequest, SupervisionRequest};
use bellwire::{
    Call, Endpoint, Error, Event, Exit, HowEnded, Instant, Overrun, ReceiveRight, Result, Rights, Server, Storm, Timer,
};
use core::time::Duration;
use manifest::{Manifest, PCI_SERVICE, Right};

/// The name of this program. It isn't among the programs that it starts.
const INIT: &str = "init";

/// How long `init` waits for a server that is told of a client's end.
const PATIENCE: Duration = Duration::from_millis(20);

/// All programs, and what `init` needs for them.
#[derive(Debug)]
pub struct Supervisor {
    programs: Programs,
    server: Server,
    timer: Timer,
}

#[derive(Debug)]
struct Programs {
    machine: Machine,
    services: Services,
    supervisor: Endpoint,
    /// The programs. A program's badge is its index plus one; 0 is `init` itself.
    programs: Vec<Program>,
}

impl Supervisor {
    /// Claims everything for all programs, and starts none.
    pub fn new(right: ReceiveRight, machine: Machine, manifest: Manifest) -> Result<Self> {
        let endpoint = Endpoint::new()?;
        let timer = Timer::new(&endpoint, 0)?;
        let services = Services::new(&manifest, endpoint.copy(Rights::all())?)?;
        let supervisor = endpoint.copy(Rights::all())?;
        let facts = manifest.programs.into_iter().zip(1..);
        let programs = facts.map(|(facts, badge)| Program::new(&machine, facts, badge)).collect();
        let programs = Programs { machine, services, supervisor, programs };
        Ok(Self { programs, server: Server::new(right, endpoint), timer })
    }

    /// Starts all programs, in the manifest's order.
    pub fn start_all(&mut self) {
        self.programs.each(|program, surroundings| program.start(surroundings));
        self.set_timer();
    }

    /// Serves until receiving fails.
    pub fn serve(&mut self) -> Error {
        loop {
            self.programs.settle();
            match self.server.next() {
                Ok(Event::Exit(exit)) => self.programs.ended(exit),
                Ok(Event::Overrun(overrun)) => self.programs.overran(overrun),
                Ok(Event::Storm(storm)) => self.programs.stormed(storm),
                Ok(Event::Timer(_)) => {
                    let now = Instant::now();
                    self.programs.each(|program, surroundings| program.start_if_due(now, surroundings));
                }
                Ok(Event::Call(call)) => self.programs.answer(call),
                Ok(_) => continue,
                Err(error) => return error,
            }
            self.set_timer();
        }
    }

    /// Sets the one timer to the first start that is due.
    fn set_timer(&self) {
        let next = self.programs.programs.iter().filter_map(Program::next_act).min();
        if let Some(Err(error)) = next.map(|next| self.timer.set(next)) {
            bellwire::println!("can't set the timer: {error}");
        }
    }
}

impl Programs {
    fn by_badge(&mut self, badge: u16) -> Option<&mut Program> {
        self.programs.get_mut(usize::from(badge).checked_sub(1)?)
    }

    /// Calls `action` for each program, in the manifest's order.
    fn each(&mut self, mut action: impl FnMut(&mut Program, Surroundings<'_>)) {
        for index in 0..self.programs.len() {
            // The program before may have been the bus.
            let Self { machine, services, supervisor, programs } = self;
            let bus = bus(programs, services);
            let driven: Vec<_> = programs.iter().flat_map(Program::driven).collect();
            let resetters: Vec<_> = programs.iter().filter_map(Program::resetter).collect();
            let resetters = &resetters;
            if let Some(program) = programs.get_mut(index) {
                action(program, Surroundings { machine, services, supervisor, bus, driven: &driven, resetters });
            }
        }
    }

    fn ended(&mut self, exit: Exit) {
        let bus = bus(&self.programs, &self.services);
        let killer = match exit.how {
            HowEnded::Killed { reason } => self.name(reason),
            _ => None,
        };
        let program = usize::from(exit.badge).checked_sub(1).and_then(|index| self.programs.get_mut(index));
        if let Some(program) = program {
            program.ended(exit, killer.as_deref(), bus);
            self.tell_servers(exit.badge);
        }
    }

    fn overran(&mut self, overrun: Overrun) {
        if let Some(program) = self.by_badge(overrun.badge) {
            program.overran(overrun);
        }
    }

    fn stormed(&mut self, storm: Storm) {
        if let Some(program) = self.by_badge(storm.badge) {
            program.stormed(storm);
        }
    }

    /// Tells the servers that a program used of the program's end, so that they give back what they keep for it. A
    /// server that isn't ready isn't waited for: one that hangs mustn't hold `init` up.
    fn tell_servers(&mut self, badge: u16) {
        let used = self.by_badge(badge).map(|program| program.facts.uses.clone()).unwrap_or_default();
        let runs = |service: &&String| self.programs.iter().any(|program| program.serves(service));
        for service in used.iter().filter(runs) {
            if let Ok(endpoint) = self.services.endpoint(service) {
                // A server that ends meanwhile has nothing left to give back. Servers that keep nothing refuse.
                let until = Instant::now() + PATIENCE;
                let _ = endpoint.request_before(until, SupervisionRequest::ClientEnded { badge });
            }
        }
    }

    /// Tears down what is left of programs, and makes sure that no client waits for a program that is not to run.
    fn settle(&mut self) {
        let bus = bus(&self.programs, &self.services);
        self.programs.iter_mut().for_each(|program| program.settle(&self.services, bus));
    }

    fn answer(&mut self, call: Call<'_>) {
        let answer = match call.request() {
            Some(ProgramsRequest::Get(index)) => u16::try_from(index).ok().and_then(|badge| self.status(badge)),
            Some(ProgramsRequest::Find { badge }) => self.status(badge),
            Some(ProgramsRequest::OfLine { line }) => {
                let program = self.programs.iter().find(|program| program.has_line(line));
                program.map(|program| program.status().to_words())
            }
            Some(ProgramsRequest::Wait { badge }) => {
                let due = self.by_badge(badge).and_then(|program| program.due());
                due.map(|due| [(due - Instant::now()).as_millis() as usize, 0, 0, 0])
            }
            Some(ProgramsRequest::Kill(name)) => Some(self.kill(call.badge, name).to_words()),
            Some(ProgramsRequest::Start(name)) => Some(self.start(call.badge, name).to_words()),
            Some(ProgramsRequest::Stop(name)) => Some(self.stop(call.badge, name).to_words()),
            None => None,
        };
        match answer {
            Some(words) => call.answer(words),
            None => call.refuse(),
        }
    }

    /// Returns the name of the program with a badge. A program that ends another gives its badge as the reason.
    fn name(&self, badge: usize) -> Option<String> {
        self.programs.get(badge.checked_sub(1)?).map(|program| program.facts.name.clone())
    }

    fn status(&mut self, badge: u16) -> Option<[usize; 4]> {
        if badge == 0 {
            let name = ProgramName::new(INIT)?;
            return Some(ProgramStatus { name, state: ProgramState::Running, restarts: 0, badge }.to_words());
        }
        self.by_badge(badge).map(|program| program.status().to_words())
    }

    /// Returns the index of a program that a client wants to start, stop or end, if the client may.
    fn controlled(&mut self, client: u16, name: ProgramName) -> Result<usize, Control> {
        if self.by_badge(client).is_none_or(|client| !client.facts.rights.contains(&Right::Supervise)) {
            return Err(Control::Forbidden);
        }
        if name.as_str() == INIT {
            return Err(Control::Supervisor);
        }
        self.programs.iter().position(|program| program.facts.name == name.as_str()).ok_or(Control::Unknown)
    }

    /// Ends a program for a client. The reason in the exit message is the client's badge.
    fn kill(&mut self, client: u16, name: ProgramName) -> Control {
        let place = match self.controlled(client, name) {
            Ok(place) => place,
            Err(outcome) => return outcome,
        };
        let killed = self.programs.get(place).is_some_and(|program| program.kill(usize::from(client)).is_ok());
        if killed { Control::Done } else { Control::NotRunning }
    }

    /// Stops a program for a client.
    fn stop(&mut self, client: u16, name: ProgramName) -> Control {
        match self.controlled(client, name) {
            Ok(place) if place + 1 == usize::from(client) => Control::Itself,
            Ok(place) => {
                self.programs.get_mut(place).map_or(Control::Unknown, |program| program.stop(usize::from(client)))
            }
            Err(outcome) => outcome,
        }
    }

    /// Starts a program for a client.
    fn start(&mut self, client: u16, name: ProgramName) -> Control {
        let place = match self.controlled(client, name) {
            Ok(place) => place,
            Err(outcome) => return outcome,
        };
        let mut outcome = Control::Unknown;
        let mut number = 0;
        self.each(|program, surroundings| {
            if number == place {
                outcome = program.start_now(surroundings);
            }
            number += 1;
        });
        outcome
    }
}

/// Returns the PCI bus while its program runs. A call to a dead one would wait for ever, since only `init` starts it
/// again.
fn bus<'a>(programs: &[Program], services: &'a Services) -> Option<Bus<'a>> {
    let runs = programs.iter().any(|program| program.serves(PCI_SERVICE));
    services.endpoint(PCI_SERVICE).ok().filter(|_| runs).map(Bus)
}
