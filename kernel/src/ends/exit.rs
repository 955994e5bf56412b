//! The end of a process, in slices that the timer drives.
//!
//! First its threads stop, and callers whose calls they had taken get `Gone`. Then the sources that it bound are masked
//! and taken off their endpoints. Then callers whose calls it had put off get `Gone`. Then its supervisor gets a
//! message. A process of one thread that nobody waits for, without sources, ends in one trap. Otherwise the end takes
//! several, which the timer raises within microseconds: other interrupts come in between, and threads of the process
//! may run until they are stopped. The supervisor's `process_reap` tears down what the process held.

use crate::dispatch::{DeadlineOf, Next};
use crate::kernel::Kernel;
use crate::machine::{Machine, Time};
use crate::objects::event::Event;
use crate::objects::process::{Exit, Life};
use crate::objects::thread::{State, StateKind, Thread};
use crate::tables::Link;

/// How much of a process's end one slice does, in steps. A step takes about as long as stopping a thread for which no
/// caller waits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EndSlice {
    whole: u32,
    left: u32,
}

impl EndSlice {
    /// A slice that a trap of the timer does.
    pub(crate) const OF_TIMER: Self = Self::of(4);
    /// A slice that a call or a fault does: these take longer before they come to it.
    pub(crate) const OF_PROGRAM: Self = Self::of(3);

    const fn of(steps: u32) -> Self {
        Self { whole: steps, left: steps }
    }

    /// Takes the steps of one part of the end. Returns whether the part belongs to this slice. The first part does,
    /// whatever it takes: each slice gets on.
    fn take(&mut self, steps: u32) -> bool {
        let is_its = steps <= self.left || self.left == self.whole;
        if is_its {
            self.left = self.left.saturating_sub(steps);
        }
        is_its
    }
}

/// Clearing a deadline.
const STEPS_TO_CLEAR: u32 = 1;

/// Giving a caller its error.
const STEPS_TO_FAIL: u32 = 2;

/// Masking a source and taking it off its endpoint.
const STEPS_TO_UNBIND: u32 = 2;

/// Ending a Reply, whose caller may have a deadline.
const STEPS_TO_DROP: u32 = STEPS_TO_FAIL + STEPS_TO_CLEAR;

/// Ending a wait for an answer that a Reply stands for, whose holder is told.
const STEPS_TO_LOSE: u32 = 2;

/// The supervisor's message.
const STEPS_TO_TELL: u32 = 2;

impl<M: Machine> Kernel<M> {
    /// Ends a process. A process that has ended or is ending keeps its reason.
    pub(crate) fn end_process(&mut self, machine: &mut M, link: Link, exit: Exit) -> Next {
        let mut slice = EndSlice::OF_PROGRAM;
        // A thread that ends its own process doesn't return from the trap.
        let is_its = |thread: &Thread<M::Context>| thread.process == link && thread.state() == State::RUNNING;
        if self.threads.at(self.current).is_some_and(is_its) {
            // One of these steps remains: to note that it has stopped.
            slice.take(self.steps_to_stop(self.current) - 1);
            self.stop_thread(self.current);
        }
        if !self.begin_ending(link, exit) {
            return Next::Scheduled;
        }
        self.go_on_ending(machine, link, slice)
    }

    /// Does a slice of a process's end, or what is left of it. The timer raises the trap of the next slice.
    pub(crate) fn go_on_ending(&mut self, machine: &mut M, link: Link, mut slice: EndSlice) -> Next {
        let mut decided = Next::Scheduled;
        while let Some(process) = self.processes.at(link).filter(|process| process.life() == Life::Ending) {
            let (thread, source) = (process.next_to_stop(), process.sources.first());
            let reply = process.replies.first();
            let steps = if thread.is_some() {
                self.steps_to_stop(thread)
            } else if source.is_some() {
                STEPS_TO_UNBIND
            } else if reply.is_some() {
                STEPS_TO_DROP
            } else {
                STEPS_TO_TELL
            };
            if !slice.take(steps) {
                break;
            }
            if thread.is_some() {
                // A thread that ended its own process was stopped before, and so was one whose fault nobody answers.
                // The latter's callers still wait.
                let is_stopped = |thread: &Thread<M::Context>| thread.state() == State::STOPPED;
                if self.threads.at(thread).is_some_and(|thread| !is_stopped(thread) || thread.owes().is_some()) {
                    self.stop_thread(thread);
                }
                if let Some(process) = self.processes.at_mut(link) {
                    process.note_stopped(&self.threads);
                }
            } else if source.is_some() {
                self.unbind(machine, source);
            } else if reply.is_some() {
                self.drop_reply(self.replies.name(reply));
            } else {
                decided = self.finish_ending(link);
            }
        }
        if self.processes.at(link).is_some_and(|process| process.life() == Life::Ending) {
            let next = self.after_pause();
            self.deadlines.set(DeadlineOf::Process(link), Time(next));
        }
        decided
    }

    /// Does the last step of a process's end: tells its supervisor.
    fn finish_ending(&mut self, link: Link) -> Next {
        self.deadlines.clear(DeadlineOf::Process(link));
        let Some(process) = self.processes.at_mut(link) else { return Next::Scheduled };
        process.finish_end();
        match self.endpoints.resolve(process.origin().supervisor) {
            Some(endpoint) => self.post(endpoint, Event::Exit(link)),
            None => Next::Scheduled,
        }
    }

    /// The number of steps that stopping a thread takes.
    fn steps_to_stop(&self, link: Link) -> u32 {
        let has_deadline = |link| self.deadlines.is_set(DeadlineOf::Thread(link)) as u32 * STEPS_TO_CLEAR;
        let thread = self.threads.at(link);
        let caller = thread.map_or(Link::NONE, |thread| thread.owes());
        let put_off = thread.is_some_and(|thread| thread.state().kind() == StateKind::AwaitingReply);
        let waits = self.threads.at(caller).is_some_and(|caller| caller.state() == State::awaiting(link));
        let own = 1 + has_deadline(link) + put_off as u32 * STEPS_TO_LOSE;
        own + if waits { STEPS_TO_FAIL + has_deadline(caller) } else { 0 }
    }
}
