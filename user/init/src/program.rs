//! A program from its first start to its last end.

use crate::backoff::Backoff;
use crate::claims::Claims;
use crate::devices::{Bus, Devices, Missing};
use crate::load::{LoadError, Pages};
use crate::machine::Machine;
use crate::service::Services;
use crate::stand_in::StandIn;
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;
use bellwire::entry::ABSENT;
use bellwire::protocol::{Control, ProgramName, ProgramState, ProgramStatus};
use bellwire::{
    DrivenFunction, Endpoint, Error, Exit, HowEnded, Instant, Memory, Overrun, Process, Result, Storm, time,
};
use core::time::Duration;
use manifest::{OnOverrun, Restart, Right};

mod start;

use start::StartError;

/// The time after which `init` tries again to turn a dead program's devices off, where the bus doesn't answer.
const BURIAL_RETRY: Duration = Duration::from_secs(1);

/// A program.
#[derive(Debug)]
pub struct Program {
    /// The manifest's entry.
    pub facts: manifest::Program,
    /// The program's badge, in its messages and in the kernel's counters.
    badge: u16,
    claims: Claims,
    /// The program's PCI functions, once they were found.
    devices: Option<Devices>,
    life: Life,
    /// What is left of the program's last process.
    remains: Option<Remains>,
    /// One stand-in for each service, which answers clients while the program is not to run. Made when first needed.
    stand_ins: Vec<StandIn>,
    backoff: Backoff,
    restarts: u8,
}

/// The state of a program.
#[derive(Debug)]
enum Life {
    Stopped,
    Running { process: Process, pages: Pages, since: Instant, ends: Purpose },
    Waiting { until: Instant },
    Ended,
    Absent,
}

/// A process that has ended and isn't torn down yet. Its memory and its objects stay charged to it.
#[derive(Debug)]
struct Remains {
    process: Process,
    /// Dropped when the process has been reaped.
    _pages: Pages,
    /// When to try again, if the bus runs and couldn't turn the devices off.
    retry: Option<Instant>,
}

/// The plan for a running program once it has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// Do what the manifest says.
    Restart,
    /// Do nothing until the program is started: it was stopped.
    Stop,
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
    /// The PCI bus, if its program runs.
    pub bus: Option<Bus<'a>>,
    /// The PCI functions that running programs drive.
    pub driven: &'a [DrivenFunction],
    /// The badges of the programs that may reset the machine.
    pub resetters: &'a [u16],
}

impl Program {
    /// Makes a program that isn't started yet.
    pub fn new(machine: &Machine, facts: manifest::Program, badge: u16) -> Self {
        let claims = Claims::new(machine, &facts);
        let (life, stand_ins, backoff) = (Life::Stopped, Vec::new(), Backoff::NEW);
        Self { facts, badge, claims, devices: None, life, remains: None, stand_ins, backoff, restarts: 0 }
    }

    /// Starts the program. A failure is logged, and counts as a death.
    pub fn start(&mut self, surroundings: Surroundings<'_>) {
        if let Err(error) = self.bury(surroundings.bus) {
            bellwire::println!("can't start {}: the last process isn't torn down: {error}", self.facts.name);
            self.wait(Instant::now());
            return;
        }
        if let Err(missing) = self.find_devices(surroundings) {
            match missing {
                Missing::Absent => self.life = Life::Absent,
                Missing::Refused => self.life = Life::Stopped,
                Missing::Bus(error) => {
                    bellwire::println!("can't start {}: the PCI bus says {error}", self.facts.name);
                    self.wait(Instant::now());
                }
            }
            return;
        }
        self.relieve_stand_ins();
        match self.make(surroundings) {
            Ok((process, pages)) => {
                self.life = Life::Running { process, pages, since: Instant::now(), ends: Purpose::Restart };
            }
            Err(StartError::NoModule) => {
                bellwire::println!("{} has no module", self.facts.name);
                self.life = Life::Stopped;
            }
            Err(StartError::Load(error @ LoadError::File(_))) => {
                bellwire::println!("can't start {}: {error}", self.facts.name);
                self.life = Life::Stopped;
            }
            Err(StartError::Load(LoadError::Kernel(error))) => {
                bellwire::println!("can't start {}: {error}", self.facts.name);
                self.wait(Instant::now());
            }
        }
    }

    /// Finds and claims the program's PCI functions, if it has any and they aren't found yet, and turns them on.
    fn find_devices(&mut self, surroundings: Surroundings<'_>) -> Result<(), Missing> {
        if self.facts.pci.is_empty() {
            return Ok(());
        }
        let bus = surroundings.bus.ok_or(Missing::Bus(Error::Gone))?;
        let devices = match self.devices.take() {
            Some(devices) => devices,
            None => Devices::claim(surroundings.machine.root, bus, &self.facts, self.badge)?,
        };
        self.devices.insert(devices).enable(bus).map_err(|error| match error {
            // `pci` says in the log why, and would say it at each further try.
            Error::BadArgument => Missing::Refused,
            error => Missing::Bus(error),
        })
    }

    /// Cleans up after the program's process: turns its devices off, gives back what it held, and decides what comes
    /// next. Call this when its exit message has come. `killer` is the program that has ended it, if one has.
    pub fn ended(&mut self, exit: Exit, killer: Option<&str>, bus: Option<Bus<'_>>) {
        let life = core::mem::replace(&mut self.life, Life::Ended);
        let Life::Running { process, pages, since, ends } = life else { return };
        self.remains = Some(Remains { process, _pages: pages, retry: None });
        if let Err(error) = self.bury(bus) {
            bellwire::println!("can't tear {} down yet: {error}", self.facts.name);
        }
        if exit.how == (HowEnded::Exited { code: ABSENT }) {
            // The program has logged itself what is missing.
            self.life = Life::Absent;
            return;
        }
        let name = &self.facts.name;
        if ends == Purpose::Stop {
            bellwire::println!("{name} was stopped by {}", killer.unwrap_or("somebody"));
            self.life = Life::Stopped;
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

    /// Tears down what is left of the program's last process, if something is. A device may write to the process's
    /// memory until its bus mastering is off, so that comes first; without the bus everything stays as it is. So
    /// nothing piles up, however often the program or the bus dies: the program isn't started again before.
    fn bury(&mut self, bus: Option<Bus<'_>>) -> Result<()> {
        let Some(remains) = &mut self.remains else { return Ok(()) };
        let quiet = match &self.devices {
            Some(devices) => bus.ok_or(Error::Gone).and_then(|bus| devices.disable(bus)),
            // Without PCI functions the program hasn't the right to tell a device about its memory.
            None => Ok(()),
        };
        let give_back = |memory: Memory| {
            // Memory that can't be destroyed stays out of use.
            let _ = memory.destroy();
        };
        let buried = quiet.and_then(|()| remains.process.reap(give_back));
        match buried {
            Ok(()) => self.remains = None,
            Err(_) => remains.retry = bus.map(|_| Instant::now() + BURIAL_RETRY),
        }
        buried
    }

    /// Tears down what is left of the program's last process, once the bus is there. Makes sure that the program's
    /// clients get answers: from the program if it runs or is about to, else from stand-ins.
    pub fn settle(&mut self, services: &Services, bus: Option<Bus<'_>>) {
        let is_due = |remains: &Remains| remains.retry.is_none_or(|retry| retry <= Instant::now());
        if self.remains.as_ref().is_some_and(is_due) {
            // It is tried again.
            let _ = self.bury(bus);
        }
        if !matches!(self.life, Life::Stopped | Life::Ended | Life::Absent) {
            self.relieve_stand_ins();
            return;
        }
        let begun = self.begin_stand_ins(services);
        if let Err(error) = begun {
            bellwire::println!("can't answer in place of {}: {error}", self.facts.name);
        }
    }

    fn begin_stand_ins(&mut self, services: &Services) -> Result<()> {
        for service in self.facts.serves.iter().skip(self.stand_ins.len()) {
            self.stand_ins.push(StandIn::new(services.endpoint(service)?)?);
        }
        self.stand_ins.iter_mut().try_for_each(StandIn::begin)
    }

    fn relieve_stand_ins(&mut self) {
        if let Err(error) = self.stand_ins.iter_mut().try_for_each(StandIn::end) {
            bellwire::println!("can't stop answering in place of {}: {error}", self.facts.name);
        }
    }

    /// Ends the program. Its exit message comes later, as always.
    pub fn kill(&self, reason: usize) -> Result<()> {
        match &self.life {
            Life::Running { process, .. } => process.kill(reason),
            _ => Err(Error::Gone),
        }
    }

    /// Ends the program until it is started. Its exit message comes later, as always.
    pub fn stop(&mut self, reason: usize) -> Control {
        match &mut self.life {
            Life::Running { process, ends, .. } => {
                if process.kill(reason).is_err() {
                    return Control::NotRunning;
                }
                *ends = Purpose::Stop;
                Control::Done
            }
            Life::Waiting { .. } => {
                bellwire::println!("{} was stopped while it waited to be started again", self.facts.name);
                self.life = Life::Stopped;
                Control::Done
            }
            Life::Stopped | Life::Ended | Life::Absent => Control::Already,
        }
    }

    /// Starts the program at once, as a client asked. If it dies then, the first wait is the shortest.
    pub fn start_now(&mut self, surroundings: Surroundings<'_>) -> Control {
        if let Life::Running { .. } = self.life {
            return Control::Already;
        }
        self.backoff = Backoff::NEW;
        self.start(surroundings);
        Control::Done
    }

    /// Returns whether a line, or a message interrupt by its number among the lines, is granted to the program.
    pub fn has_line(&self, line: u8) -> bool {
        self.claims.have_line(line) || self.devices.as_ref().is_some_and(|devices| devices.have_line(line))
    }

    /// Returns when `init` has something to do for the program, whatever happens.
    pub fn next_act(&self) -> Option<Instant> {
        self.due().into_iter().chain(self.remains.as_ref().and_then(|remains| remains.retry)).min()
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

    /// Returns the program's badge, if it may reset the machine.
    pub fn resetter(&self) -> Option<u16> {
        self.facts.rights.contains(&Right::Reset).then_some(self.badge)
    }

    /// Returns the PCI functions that the program drives at this moment.
    pub fn driven(&self) -> impl Iterator<Item = DrivenFunction> {
        let runs = matches!(self.life, Life::Running { .. });
        self.devices.iter().filter(move |_| runs).flat_map(Devices::driven)
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
            Life::Waiting { .. } => ProgramState::Waiting,
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
