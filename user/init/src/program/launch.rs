//! The start of a program, step by step: what is left of its last process is torn down, its PCI functions are turned
//! on, then its process is made. The bus answers in its own time, so each step may end in a wait.

use super::functions::{Progress, Undone};
use super::start::StartError;
use super::{Life, Program, Purpose, RETRY, Surroundings};
use crate::clerk::Found;
use crate::devices::Missing;
use crate::load::LoadError;
use alloc::vec::Vec;
use bellwire::{Error, Instant, Result, Root};

impl Program {
    /// Starts the program. A failure is logged, and counts as a death.
    pub fn start(&mut self, surroundings: Surroundings<'_>) {
        self.life = Life::Starting;
        self.go_on(surroundings);
    }

    /// Takes the next steps of the program's start, until one has to wait for the bus. Does nothing if the program
    /// isn't being started.
    pub fn go_on(&mut self, surroundings: Surroundings<'_>) {
        let Life::Starting = self.life else { return };
        match self.clean_up(surroundings.bus) {
            Ok(Progress::Done) => {}
            Ok(Progress::Waits) => return,
            Err(error) => return self.is_not_torn_down(error),
        }
        match self.functions.turn_on(&self.facts, self.badge, surroundings.bus) {
            Ok(Progress::Done) => {}
            Ok(Progress::Waits) => return,
            Err(missing) => return self.lacks(missing),
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
            Err(StartError::Load(error @ (LoadError::File(_) | LoadError::Memory(_)))) => {
                bellwire::println!("can't start {}: {error}", self.facts.name);
                self.life = Life::Stopped;
            }
            Err(StartError::Load(LoadError::Kernel(error))) => {
                bellwire::println!("can't start {}: {error}", self.facts.name);
                self.wait(Instant::now());
            }
        }
    }

    /// Takes an answer of the bus to what was asked for this program. Call [`Program::go_on`] then.
    pub fn heard(&mut self, root: &Root, answer: Result<Vec<Found>>) {
        let undone = self.functions.heard(root, &self.facts, self.badge, answer);
        let is_starting = matches!(self.life, Life::Starting);
        match undone {
            Ok(()) => {}
            Err(Undone::TurnOn(missing)) if is_starting => self.lacks(missing),
            Err(Undone::TurnOn(_)) => {}
            Err(Undone::TurnOff(error)) => {
                self.retry = Some(Instant::now() + RETRY);
                if is_starting {
                    self.is_not_torn_down(error);
                }
            }
        }
    }

    fn lacks(&mut self, missing: Missing) {
        match missing {
            Missing::Absent => self.life = Life::Absent,
            Missing::Refused => self.life = Life::Stopped,
            Missing::Bus(error) => {
                bellwire::println!("can't start {}: the PCI bus says {error}", self.facts.name);
                self.wait(Instant::now());
            }
        }
    }

    fn is_not_torn_down(&mut self, error: Error) {
        bellwire::println!("can't start {}: the last process isn't torn down: {error}", self.facts.name);
        self.wait(Instant::now());
    }
}
