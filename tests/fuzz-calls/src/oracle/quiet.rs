//! What holds when no thread can run: nobody waits for what can't come, and what has ended was told.

use super::things::{Being, Life, ObjectNumber, Place, State};
use super::{Oracle, rule};

impl Oracle {
    /// No thread can run, and no end of a process is under way.
    pub fn check_quiet(&mut self) {
        self.end_unanswered();
        let mut lost = Vec::new();
        for (number, thread) in &self.threads {
            let process = &self.processes[thread.process];
            if process.life != Life::Alive {
                continue;
            }
            match thread.state {
                State::Ready => lost.push(format!("thread {number} could run, and doesn't")),
                State::Calling(letter) | State::Faulted(letter) if !self.can_be_answered(letter) => {
                    let letter = &self.letters[letter];
                    let what = if letter.is_fault { "fault" } else { "call" };
                    lost.push(format!("the {what} of thread {number} is lost: {:?}", letter.place));
                }
                State::Receiving(None) => lost.push(format!("thread {number} waits at an endpoint that isn't its own")),
                _ => {}
            }
        }
        self.breaches.append(&mut lost);
        self.check_told();
    }

    /// A fault that nobody can answer any more ends its process.
    pub(super) fn end_unanswered(&mut self) {
        let lost = |thread: &super::Thread| match thread.state {
            State::Faulted(letter) if !self.can_be_answered(letter) => Some(thread.process),
            _ => None,
        };
        let ended: Vec<_> = self.threads.values().filter_map(lost).collect();
        ended.into_iter().for_each(|process| self.end_process(process));
    }

    /// Whether somebody is left who can answer a call or a fault.
    fn can_be_answered(&self, number: usize) -> bool {
        let letter = &self.letters[number];
        let queued = letter.to.is_some_and(|endpoint| self.objects[endpoint].being != Being::Gone);
        match letter.place {
            Place::Over => false,
            Place::Queued => queued,
            Place::Owed(server) => self.threads.get(&server).is_some_and(|server| {
                let alive = self.processes[server.process].life == Life::Alive;
                alive && server.owes == Some(number) || letter.is_fault && !alive && queued
            }),
            Place::Held(reply) => {
                let reply = &self.objects[reply];
                reply.being != Being::Gone && self.processes[reply.owner].life == Life::Alive
                    || letter.is_fault && queued
            }
        }
    }

    /// Nothing is under way, and a supervisor has received all there is: it knows of each end.
    pub fn check_ends(&mut self, supervisor: ObjectNumber) {
        let untold = self.processes.iter().position(|process| {
            process.supervisor == Some(supervisor) && process.life == Life::Ending && !process.is_reaped
        });
        rule!(self, untold.is_none(), "process {untold:?} has ended, and its supervisor wasn't told");
    }
}
