//! The loop: programs end, waits before starts pass, and clients ask about programs.

use crate::clerk::Clerk;
use crate::machine::Machine;
use crate::notices::Notices;
use crate::program::{Program, Surroundings};
use crate::service::Services;
use alloc::string::String;
use alloc::vec::Vec;
use bellwire::protocol::{Control, ProgramName, ProgramState, ProgramStatus, ProgramsRequest};
use bellwire::{
    Call, Endpoint, Error, Event, Exit, HowEnded, Instant, Overrun, ReceiveRight, Result, Rights, Server, Storm, Timer,
};
use manifest::{Manifest, PCI_SERVICE, Right};

/// The name of this program. It isn't among the programs that it starts.
const INIT: &str = "init";

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
    /// The one that asks the PCI bus, if a program serves it.
    clerk: Option<Clerk>,
    notices: Notices,
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
        let clerk = services.endpoint(PCI_SERVICE).ok().map(|bus| Clerk::new(bus, &endpoint)).transpose()?;
        let supervisor = endpoint.copy(Rights::all())?;
        let facts = manifest.programs.into_iter().zip(1..);
        let programs = facts.map(|(facts, badge)| Program::new(&machine, facts, badge)).collect();
        let notices = Notices::default();
        let programs = Programs { machine, services, clerk, notices, supervisor, programs };
        Ok(Self { programs, server: Server::new(right, endpoint), timer })
    }

    /// Starts all programs, in the manifest's order.
    pub fn start_all(&mut self) {
        self.programs.each(|program, surroundings| program.start(surroundings));
    }

    /// Serves until receiving fails.
    pub fn serve(&mut self) -> Error {
        loop {
            self.programs.settle();
            self.set_timer();
            match self.server.next() {
                Ok(Event::Exit(exit)) => self.programs.ended(exit),
                Ok(Event::Overrun(overrun)) => self.programs.overran(overrun),
                Ok(Event::Storm(storm)) => self.programs.stormed(storm),
                Ok(Event::Timer(_)) => {
                    let now = Instant::now();
                    self.programs.each(|program, surroundings| program.start_if_due(now, surroundings));
                }
                Ok(Event::Call(call)) => self.programs.answer(call),
                // The clerk has an answer of the bus.
                Ok(Event::Notify(_)) => self.programs.hear(),
                Ok(Event::CallerGone(gone)) => {
                    self.programs.programs.iter_mut().for_each(|program| program.forget_starter(gone));
                }
                Ok(_) => {}
                Err(error) => return error,
            }
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
            let Self { machine, services, clerk, supervisor, programs, .. } = self;
            let bus = bus(programs, clerk.as_ref());
            let driven: Vec<_> = programs.iter().flat_map(Program::driven).collect();
            let client_rights: Vec<_> = programs.iter().flat_map(Program::client_rights).collect();
            let client_rights = &client_rights;
            if let Some(program) = programs.get_mut(index) {
                action(program, Surroundings { machine, services, supervisor, bus, driven: &driven, client_rights });
            }
        }
    }

    fn ended(&mut self, exit: Exit) {
        let bus = bus(&self.programs, self.clerk.as_ref());
        let killer = match exit.how {
            HowEnded::Killed { reason } => self.name(reason),
            _ => None,
        };
        let program = usize::from(exit.badge).checked_sub(1).and_then(|index| self.programs.get_mut(index));
        if let Some(program) = program {
            program.ended(exit, killer.as_deref(), bus);
            self.tell_servers(exit.badge);
            // It may be one that is to start at once.
            self.each(|program, surroundings| program.go_on(surroundings));
        }
    }

    /// Takes the answers of the bus, and goes on with what waited for them.
    fn hear(&mut self) {
        while let Some((badge, answer)) = self.clerk.as_ref().and_then(Clerk::take_answer) {
            let program = usize::from(badge).checked_sub(1).and_then(|index| self.programs.get_mut(index));
            if let Some(program) = program {
                program.heard(self.machine.root, answer);
            }
        }
        self.each(|program, surroundings| program.go_on(surroundings));
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

    /// Tells the servers that a program used of the program's end, so that they give back what they keep for it.
    fn tell_servers(&mut self, badge: u16) {
        let used = self.by_badge(badge).map(|program| program.facts.uses.clone()).unwrap_or_default();
        let runs = |service: &&String| self.programs.iter().any(|program| program.serves(service));
        for service in used.iter().filter(runs) {
            let endpoint = self.services.endpoint(service);
            let told = endpoint.and_then(|endpoint| self.notices.tell(service, endpoint, badge));
            if let Err(error) = told {
                bellwire::println!("can't tell {service} of a client's end: {error}");
            }
        }
    }

    /// Tears down what is left of programs, and makes sure that no client waits for a program that is not to run, nor
    /// for a start whose outcome is known.
    fn settle(&mut self) {
        let bus = bus(&self.programs, self.clerk.as_ref());
        for program in &mut self.programs {
            program.settle(&self.services, bus);
            program.answer_starters();
        }
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
            Some(ProgramsRequest::Start(name)) => return self.start(call, name),
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
    fn start(&mut self, client: Call<'_>, name: ProgramName) {
        let place = match self.controlled(client.badge, name) {
            Ok(place) => place,
            Err(outcome) => return client.answer(outcome.to_words()),
        };
        let mut waiting = Some((place, client));
        let mut number = 0;
        self.each(|program, surroundings| {
            if let Some((_, client)) = waiting.take_if(|(place, _)| *place == number) {
                program.start_for(client, surroundings);
            }
            number += 1;
        });
    }
}

/// Returns the clerk of the PCI bus while the bus's program runs.
fn bus<'a>(programs: &[Program], clerk: Option<&'a Clerk>) -> Option<&'a Clerk> {
    let runs = programs.iter().any(|program| program.serves(PCI_SERVICE));
    clerk.filter(|_| runs)
}
