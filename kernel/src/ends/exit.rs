//! The end of a process, in slices that nobody has to ask for.
//!
//! In this order: its threads stop and callers whose call they had taken get `Gone`, the sources that it bound are
//! masked and taken off their endpoints, and its supervisor gets a message. For a process of a few threads and sources
//! all of that is done before anybody else runs. Else it takes several traps, which the timer raises within
//! microseconds: other interrupts come in between, and the rest of its threads may run until their turn. The
//! supervisor's `process_reap` tears down what the process held.

use crate::account::TraceKind;
use crate::dispatch::{Next, Owner};
use crate::kernel::Kernel;
use crate::machine::{Machine, Time};
use crate::objects::event::Event;
use crate::objects::process::{Exit, Life};
use crate::objects::thread::{State, Thread};
use crate::tables::Link;

/// How much of a process's end one slice does, in steps that take about as long as stopping a thread that nobody waits
/// for. No single thing takes more.
pub(crate) const STEPS_PER_SLICE: u32 = 7;

/// Clearing a deadline.
const STEPS_TO_CLEAR: u32 = 1;

/// Giving a caller its error.
const STEPS_TO_FAIL: u32 = 2;

/// Masking a source and taking it off its endpoint.
const STEPS_TO_UNBIND: u32 = 2;

/// The supervisor's message.
const STEPS_TO_TELL: u32 = 2;

impl<M: Machine> Kernel<M> {
    /// Ends a process. One that has ended already, or is about to, ends as it would have.
    pub(crate) fn end_process(&mut self, machine: &mut M, link: Link, exit: Exit) -> Next {
        let mut left = STEPS_PER_SLICE;
        // Whoever made the trap that this is about doesn't return from it.
        let is_its = |thread: &Thread<M::Context>| thread.process == link && thread.state() == State::RUNNING;
        if self.threads.at(self.current).is_some_and(is_its) {
            left = left.saturating_sub(self.steps_to_stop(self.current));
            self.stop_thread(self.current);
        }
        let Some(process) = self.processes.at_mut(link).filter(|process| process.life() == Life::Alive) else {
            return Next::Scheduled;
        };
        process.begin_end(exit);
        let badge = process.badge;
        self.account.exits = self.account.exits.wrapping_add(1);
        self.trace(TraceKind::Exit, badge as u32);
        self.go_on_ending(machine, link, left)
    }

    /// Does a slice of a process's end, of so many steps; the next comes by itself.
    pub(crate) fn go_on_ending(&mut self, machine: &mut M, link: Link, mut left: u32) -> Next {
        let mut decided = Next::Scheduled;
        while let Some(process) = self.processes.at(link).filter(|process| process.life() == Life::Ending) {
            let (thread, source) = (process.next_to_stop(), process.sources.first());
            let steps = if thread.is_some() {
                self.steps_to_stop(thread)
            } else if source.is_some() {
                STEPS_TO_UNBIND
            } else {
                STEPS_TO_TELL
            };
            if steps > left {
                break;
            }
            left -= steps;
            if thread.is_some() {
                // Whoever ended the process itself was stopped before.
                if self.threads.at(thread).is_some_and(|thread| thread.state() != State::STOPPED) {
                    self.stop_thread(thread);
                }
                if let Some(process) = self.processes.at_mut(link) {
                    process.note_stopped(&self.threads);
                }
            } else if source.is_some() {
                self.unbind(machine, source);
            } else {
                decided = self.finish_ending(link);
            }
        }
        if self.processes.at(link).is_some_and(|process| process.life() == Life::Ending) {
            let next = self.after_pause();
            self.deadlines.set(Owner::Process(link), Time(next));
        }
        decided
    }

    /// The last step of a process's end: its supervisor gets the message.
    fn finish_ending(&mut self, link: Link) -> Next {
        self.deadlines.clear(Owner::Process(link));
        let Some(process) = self.processes.at_mut(link) else { return Next::Scheduled };
        process.finish_end();
        match self.endpoints.resolve(process.supervisor) {
            Some(endpoint) => self.post(endpoint, Event::Exit(link)),
            None => Next::Scheduled,
        }
    }

    /// What it takes to stop a thread, in steps of [`STEPS_PER_SLICE`].
    fn steps_to_stop(&self, link: Link) -> u32 {
        let has_deadline = |link| self.deadlines.is_set(Owner::Thread(link)) as u32 * STEPS_TO_CLEAR;
        let caller = self.threads.at(link).map_or(Link::NONE, |thread| thread.owes());
        let waits = self.threads.at(caller).is_some_and(|caller| caller.state() == State::awaiting(link));
        1 + has_deadline(link) + if waits { STEPS_TO_FAIL + has_deadline(caller) } else { 0 }
    }
}
