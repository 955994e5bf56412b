//! What is done for a program that doesn't run: its devices are turned off, its last process is torn down, and its
//! clients get answers.

use super::functions::Progress;
use super::{Life, Program, RETRY};
use crate::clerk::Clerk;
use crate::service::Services;
use crate::stand_in::StandIn;
use bellwire::{Instant, Memory, Result};

impl Program {
    /// Turns the program's devices off unless it runs or is about to, and tears down what is left of its last process.
    /// A device may write to the process's memory until its bus mastering is off, so that comes first; without the bus
    /// everything stays as it is. So nothing piles up, however often the program or the bus dies: the program isn't
    /// started again before.
    pub(super) fn clean_up(&mut self, bus: Option<&Clerk>) -> Result<Progress> {
        self.retry = None;
        if self.is_untidy() {
            match self.functions.turn_off(self.badge, bus) {
                Ok(Progress::Done) => {}
                Ok(Progress::Waits) => return Ok(Progress::Waits),
                Err(error) => {
                    self.retry = bus.map(|_| Instant::now() + RETRY);
                    return Err(error);
                }
            }
        }
        let Some(remains) = &mut self.remains else { return Ok(Progress::Done) };
        let give_back = |memory: Memory| {
            // Memory that can't be destroyed stays out of use.
            let _ = memory.destroy();
        };
        let reaped = remains.process.reap(give_back);
        match reaped {
            Ok(()) => self.remains = None,
            Err(_) => self.retry = Some(Instant::now() + RETRY),
        }
        reaped.map(|()| Progress::Done)
    }

    /// Returns whether there is something to clean up: a process that has ended, or devices that are on without one.
    fn is_untidy(&self) -> bool {
        let is_wanted = matches!(self.life, Life::Starting | Life::Running { .. });
        self.remains.is_some() || !is_wanted && self.functions.may_be_on()
    }

    /// Cleans up after the program, once the bus is there. Makes sure that the program's clients get answers: from the
    /// program if it runs or is about to, else from stand-ins.
    pub fn settle(&mut self, services: &Services, bus: Option<&Clerk>) {
        if self.is_untidy() && self.retry.is_none_or(|retry| retry <= Instant::now()) {
            // It is tried again.
            let _ = self.clean_up(bus);
        }
        if !matches!(self.life, Life::Stopped | Life::Ended | Life::Absent) {
            self.stand_ins_at = None;
            self.relieve_stand_ins();
            return;
        }
        if self.stand_ins_at.is_some_and(|again| Instant::now() < again) {
            return;
        }
        let begun = self.begin_stand_ins(services);
        self.stand_ins_at = begun.is_err().then(|| Instant::now() + RETRY);
        if let Err(error) = begun {
            bellwire::println!("can't answer in place of {}: {error}", self.facts.name);
        }
    }

    /// Begins all stand-ins. Those that are there answer even if a further one can't be made.
    fn begin_stand_ins(&mut self, services: &Services) -> Result<()> {
        let missing = self.facts.serves.iter().skip(self.stand_ins.len());
        let made = missing.into_iter().try_for_each(|service| {
            self.stand_ins.push(StandIn::new(services.endpoint(service)?)?);
            Ok(())
        });
        self.stand_ins.iter_mut().try_for_each(StandIn::begin).and(made)
    }

    pub(super) fn relieve_stand_ins(&mut self) {
        if let Err(error) = self.stand_ins.iter_mut().try_for_each(StandIn::end) {
            bellwire::println!("can't stop answering in place of {}: {error}", self.facts.name);
        }
    }
}
