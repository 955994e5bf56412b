//! The loop: programs end, their time to start again comes, and clients ask about them.

use crate::devices::Bus;
use crate::machine::Machine;
use crate::program::{Program, Surroundings};
use crate::service::Services;
use alloc::vec::Vec;
use bellwire::protocol::{ProgramName, ProgramState, ProgramStatus, ProgramsRequest};
use bellwire::{Call, Endpoint, Error, Event, Exit, Instant, Result, Rights, Server, Timer};
use manifest::{Manifest, PCI_SERVICE, Right};

/// All programs and what `init` needs for them.
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
    /// A program's badge is its place in here plus one; 0 is `init` itself.
    programs: Vec<Program>,
}

impl Supervisor {
    /// Claims everything and starts nothing.
    pub fn new(machine: Machine, manifest: Manifest) -> Result<Self> {
        let endpoint = Endpoint::new()?;
        let timer = Timer::new(&endpoint, 0)?;
        let services = Services::new(&manifest, endpoint.copy(Rights::all())?)?;
        let supervisor = endpoint.copy(Rights::all())?;
        let facts = manifest.programs.into_iter().zip(1..);
        let programs = facts.map(|(facts, badge)| Program::new(&machine, facts, badge)).collect();
        let programs = Programs { machine, services, supervisor, programs };
        Ok(Self { programs, server: Server::new(endpoint), timer })
    }

    /// Starts all programs, in the manifest's order.
    pub fn start_all(&mut self) {
        self.programs.each(|program, surroundings| program.start(surroundings));
        self.set_timer();
    }

    /// Serves until that fails.
    pub fn serve(&mut self) -> Error {
        loop {
            self.programs.settle();
            match self.server.next() {
                Ok(Event::Exit(exit)) => self.programs.ended(exit),
                Ok(Event::Timer(_)) => {
                    let now = Instant::now();
                    self.programs.each(|program, surroundings| program.start_if_due(now, surroundings));
                }
                Ok(Event::Call(call)) => {
                    self.programs.answer(call);
                    continue;
                }
                Ok(_) => continue,
                Err(error) => return error,
            }
            self.set_timer();
        }
    }

    /// One timer serves for all programs that wait.
    fn set_timer(&self) {
        let next = self.programs.programs.iter().filter_map(Program::due).min();
        if let Some(Err(error)) = next.map(|next| self.timer.set(next)) {
            bellwire::println!("can't set the timer: {error}");
        }
    }
}

impl Programs {
    fn by_badge(&mut self, badge: u16) -> Option<&mut Program> {
        self.programs.get_mut(usize::from(badge).checked_sub(1)?)
    }

    /// Does something with each program, in the manifest's order.
    fn each(&mut self, mut action: impl FnMut(&mut Program, Surroundings<'_>)) {
        for index in 0..self.programs.len() {
            // The one before may have been the bus.
            let Self { machine, services, supervisor, programs } = self;
            let bus = bus(programs, services);
            if let Some(program) = programs.get_mut(index) {
                action(program, Surroundings { machine, services, supervisor, bus });
            }
        }
    }

    fn ended(&mut self, exit: Exit) {
        let bus = bus(&self.programs, &self.services);
        let program = usize::from(exit.badge).checked_sub(1).and_then(|index| self.programs.get_mut(index));
        if let Some(program) = program {
            program.ended(exit, bus);
        }
    }

    /// Sees to it that no client waits for a program that is not to run.
    fn settle(&mut self) {
        self.programs.iter_mut().for_each(|program| program.settle(&self.services));
    }

    fn answer(&mut self, call: Call<'_>) {
        let status = match call.request() {
            Some(ProgramsRequest::Get(index)) => u16::try_from(index).ok().and_then(|badge| self.status(badge)),
            Some(ProgramsRequest::Find { badge }) => self.status(badge),
            Some(ProgramsRequest::Kill(name)) => self.kill(call.badge, name),
            None => None,
        };
        match status {
            Some(status) => call.answer(status.to_words()),
            None => call.refuse(),
        }
    }

    fn status(&mut self, badge: u16) -> Option<ProgramStatus> {
        if badge == 0 {
            let name = ProgramName::new("init")?;
            return Some(ProgramStatus { name, state: ProgramState::Running, restarts: 0, badge });
        }
        self.by_badge(badge).map(|program| program.status())
    }

    /// Ends a program for a client, if that may do so. The reason in the exit message is the client's badge.
    fn kill(&mut self, client: u16, name: ProgramName) -> Option<ProgramStatus> {
        self.by_badge(client).filter(|client| client.facts.rights.contains(&Right::Supervise))?;
        let program = self.programs.iter().find(|program| program.facts.name == name.as_str())?;
        program.kill(usize::from(client)).ok()?;
        Some(program.status())
    }
}

/// The PCI bus, while its program runs: a call to it would wait for one that is dead, and only `init` starts it again.
fn bus<'a>(programs: &[Program], services: &'a Services) -> Option<Bus<'a>> {
    let runs = programs.iter().any(|program| program.serves(PCI_SERVICE));
    services.endpoint(PCI_SERVICE).ok().filter(|_| runs).map(Bus)
}
