//! A program from its first start to its last end.

use crate::backoff::Backoff;
use crate::claims::Claims;
use crate::clerk::Clerk;
use crate::devices::Devices;
use crate::load::Pages;
use crate::machine::Machine;
use crate::service::Services;
use crate::stand_in::StandIn;
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;
use bellwire::entry::ABSENT;
use bellwire::protocol::{ProgramName, ProgramState, ProgramStatus};
use bellwire::{
    Callers, ClientRight, DrivenFunction, Endpoint, Exit, HowEnded, Instant, Overrun, Process, StartupEntry, Storm,
    time,
};
use core::time::Duration;
use manifest::{OnOverrun, Restart, Right};

mod clean_up;
mod control;
mod functions;
mod launch;
mod start;

use functions::Functions;

/// The time after which `init` tries again to turn a dead program's devices off, where the bus couldn't.
const RETRY: Duration = Duration::from_secs(1);

/// A program.
#[derive(Debug)]
pub struct Program {
    /// The manifest's entry.
    pub facts: manifest::Program,
    /// The program's badge, in its messages and in the kernel's counters.
    badge: u16,
    claims: Claims,
    functions: Functions,
    life: Life,
    /// What is left of the program's last process.
    remains: Option<Remains>,
    /// When to try again to clean up after the program, if the bus runs and couldn't turn the devices off.
    retry: Option<Instant>,
    /// One stand-in for each service, which answers clients while the program is not to run. Made when first needed.
    stand_ins: Vec<StandIn>,
    /// When to try again to make those that couldn't be made.
    stand_ins_at: Option<Instant>,
    backoff: Backoff,
    restarts: u8,
    /// Clients that have asked for the start, and wait until it is known what has come of it.
    starters: Callers<()>,
}

/// The state of a program.
#[derive(Debug)]
enum Life {
    Stopped,
    /// Its process is made once the bus has answered.
    Starting,
    Running {
        process: Process,
        pages: Pages,
        since: Instant,
        ends: Purpose,
    },
    Waiting {
        until: Instant,
    },
    Ended,
    Absent,
}

/// A process that has ended and isn't torn down yet. Its memory and its objects stay charged to it.
#[derive(Debug)]
struct Remains {
    process: Process,
    /// Dropped when the process has been reaped.
    _pages: Pages,
}

/// The plan for a running program once it has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// Do what the manifest says.
    Restart,
    /// Do nothing until the program is started: it was stopped.
    Stop,
    /// Start the program at once: after it was stopped, and before it had ended, a client has asked for that.
    Start,
}

/// Everything that starting a program takes.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'a> {
    /// The contents of `init`'s startup block.
    pub machine: &'a Machine,
    /// The endpoints of all services.
    pub services: &'a Services,
    /// The endpoint that gets the exit messages of programs.
    pub supervisor: &'a Endpoint,
    /// The PCI bus, if its program runs. A call to a dead one would wait for `init` to start it again.
    pub bus: Option<&'a Clerk>,
    /// The PCI functions that running programs drive.
    pub driven: &'a [DrivenFunction],
    /// What programs may ask of services beyond what any client may, as each server is told.
    pub client_rights: &'a [StartupEntry],
}

impl Program {
    /// Makes a program that isn't started yet.
    pub fn new(machine: &Machine, facts: manifest::Program, badge: u16) -> Self {
        let claims = Claims::new(machine, &facts);
        Self {
            facts,
            badge,
            claims,
            functions: Functions::default(),
            life: Life::Stopped,
            remains: None,
            retry: None,
            stand_ins: Vec::new(),
            stand_ins_at: None,
            backoff: Backoff::NEW,
            restarts: 0,
            starters: Callers::default(),
        }
    }

    /// Cleans up after the program's process: turns its devices off, gives back what it held, and decides what comes
    /// next. Call this when its exit message has come, and [`Program::go_on`] then. `killer` is the program that has
    /// ended it, if one has.
    pub fn ended(&mut self, exit: Exit, killer: Option<&str>, bus: Option<&Clerk>) {
        let (process, pages, since, ends) = match core::mem::replace(&mut self.life, Life::Ended) {
            Life::Running { process, pages, since, ends } => (process, pages, since, ends),
            // It is the end of a process that never ran, and couldn't be taken back.
            other => return self.life = other,
        };
        self.remains = Some(Remains { process, _pages: pages });
        if let Err(error) = self.clean_up(bus) {
            bellwire::println!("can't tear {} down yet: {error}", self.facts.name);
        }
        if exit.how == (HowEnded::Exited { code: ABSENT }) {
            // The program has logged itself what is missing.
            self.life = Life::Absent;
            return;
        }
        let name = &self.facts.name;
        if ends != Purpose::Restart {
            bellwire::println!("{name} was stopped by {}", killer.unwrap_or("somebody"));
            self.life = if ends == Purpose::Stop { Life::Stopped } else { Life::Starting };
            return;
        }
        let how = match killer {
            Some(killer) => format!("was killed by {killer}"),
            None => exit.how.to_string(),
        };
        if self.facts.restart != Restart::Always {
            bellwire::println!("{name} {how}");
            return;
        }
        let wait = self.backoff.after(Instant::now() - since);
        bellwire::println!("{name} {how}; it is started again in {} ms", wait.as_millis());
        self.life = Life::Waiting { until: Instant::now() + wait };
    }

    /// Says that the program has used up its share of the CPU, and ends it if the manifest says so.
    pub fn overran(&self, overrun: Overrun) {
        let (name, share) = (&self.facts.name, overrun.share);
        let seconds = time::duration(overrun.cycles).as_secs();
        match self.facts.on_overrun {
            OnOverrun::Log => bellwire::println!("{name} has used up its {share} for {seconds} s"),
            OnOverrun::Restart => {
                bellwire::println!("{name} has used up its {share} for {seconds} s, and is ended for that");
                if let Err(error) = self.kill(0) {
                    bellwire::println!("can't end {name}: {error}");
                }
            }
        }
    }

    /// Says that a source of the program's interrupts is off, and for how long.
    pub fn stormed(&self, storm: Storm) {
        // The clock was measured, so a number of windows isn't a whole number of milliseconds.
        let milliseconds = (time::duration(storm.cycles).as_micros() + 500) / 1_000;
        bellwire::println!("{}'s {storm} storms: off for {milliseconds} ms", self.facts.name);
    }

    /// Returns whether a line, or a message interrupt by its number among the lines, is granted to the program.
    pub fn has_line(&self, line: u8) -> bool {
        self.claims.have_line(line) || self.functions.devices().is_some_and(|devices| devices.have_line(line))
    }

    /// Returns when `init` has something to do for the program, whatever happens.
    pub fn next_act(&self) -> Option<Instant> {
        self.due().into_iter().chain(self.retry).chain(self.stand_ins_at).min()
    }

    /// Returns when the program is to be started again, if it is.
    pub fn due(&self) -> Option<Instant> {
        match self.life {
            Life::Waiting { until } => Some(until),
            _ => None,
        }
    }

    /// Starts the program again if its time has come.
    pub fn start_if_due(&mut self, now: Instant, surroundings: Surroundings<'_>) {
        if self.due().is_some_and(|due| due <= now) {
            self.restarts = self.restarts.saturating_add(1);
            self.start(surroundings);
        }
    }

    /// Returns what the program may ask of services beyond what any client may.
    pub fn client_rights(&self) -> impl Iterator<Item = StartupEntry> {
        let rights = [(Right::Reset, ClientRight::Reset), (Right::Control, ClientRight::Control)];
        let granted = rights.into_iter().filter(|(right, _)| self.facts.rights.contains(right));
        granted.map(|(_, right)| right.entry(self.badge))
    }

    /// Returns the PCI functions that the program drives at this moment.
    pub fn driven(&self) -> impl Iterator<Item = DrivenFunction> {
        let runs = matches!(self.life, Life::Running { .. });
        self.functions.devices().into_iter().filter(move |_| runs).flat_map(Devices::driven)
    }

    /// Returns whether the program runs and serves a service.
    pub fn serves(&self, service: &str) -> bool {
        matches!(self.life, Life::Running { .. }) && self.facts.serves.iter().any(|name| name == service)
    }

    /// Returns the program's status for clients.
    pub fn status(&self) -> ProgramStatus {
        let state = match self.life {
            Life::Stopped => ProgramState::Stopped,
            Life::Running { .. } => ProgramState::Running,
            Life::Waiting { .. } | Life::Starting => ProgramState::Waiting,
            Life::Ended => ProgramState::Ended,
            Life::Absent => ProgramState::Absent,
        };
        let name = ProgramName::new(&self.facts.name).unwrap_or_default();
        ProgramStatus { name, state, restarts: self.restarts, badge: self.badge }
    }

    fn wait(&mut self, since: Instant) {
        let now = Instant::now();
        self.life = Life::Waiting { until: now + self.backoff.after(now - since) };
    }
}
