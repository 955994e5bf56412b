//! Ends: of threads, at once; of processes, in slices that nobody has to ask for.
//!
//! When a process ends, in this order: its threads stop and callers whose call they had taken get `Gone`, the sources it
//! bound are masked and taken off their endpoints, and its supervisor gets a message. For a process of a few threads and
//! sources all of that is done before anybody else runs. Else it takes several traps, which the timer raises within
//! microseconds: other interrupts come in between, and the rest of its threads may run until their turn. What it held is torn
//! down by the supervisor's `process_reap`.

use crate::Kernel;
use crate::account::TraceKind;
use crate::arena::Link;
use crate::deadline::Owner;
use crate::endpoint::Event;
use crate::machine::{Machine, Time};
use crate::process::{Exit, Life};
use crate::schedule::QUEUE;
use crate::thread::{SIBLINGS, Sent, State, Thread};
use abi::Error;

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
    pub(crate) fn end_process(&mut self, machine: &mut M, link: Link, exit: Exit) {
        let mut left = STEPS_PER_SLICE;
        // Whoever made the trap that this is about doesn't return from it.
        let is_its = |thread: &Thread<M::Context>| thread.process == link && thread.state == State::RUNNING;
        if self.threads.at(self.current).is_some_and(is_its) {
            left = left.saturating_sub(self.steps_to_stop(self.current));
            self.stop_thread(machine, self.current);
        }
        let Some(process) = self.processes.at_mut(link).filter(|process| process.0.life == Life::Alive) else { return };
        process.0.life = Life::Ending;
        process.0.exit.record(exit);
        process.0.stopping = process.0.threads.head();
        let badge = process.0.badge;
        self.account.exits = self.account.exits.wrapping_add(1);
        self.trace(TraceKind::Exit, badge as u32);
        self.go_on_ending(machine, link, left);
    }

    /// Does a slice of a process's end, of so many steps; the next comes by itself.
    pub(crate) fn go_on_ending(&mut self, machine: &mut M, link: Link, mut left: u32) {
        let was_in_call = core::mem::replace(&mut self.in_call, true);
        while let Some(process) = self.processes.at(link).filter(|process| process.0.life == Life::Ending) {
            let (thread, source) = (process.0.stopping, process.0.sources.head());
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
                let next = self.threads.next::<SIBLINGS>(thread);
                // Whoever ended the process itself was stopped before.
                if self.threads.at(thread).is_some_and(|thread| thread.state != State::STOPPED) {
                    self.stop_thread(machine, thread);
                }
                if let Some(process) = self.processes.at_mut(link) {
                    process.0.stopping = next;
                }
            } else if source.is_some() {
                self.unbind(machine, source);
            } else {
                self.finish_ending(machine, link);
            }
        }
        self.in_call = was_in_call;
        if self.processes.at(link).is_some_and(|process| process.0.life == Life::Ending) {
            let next = self.after_pause();
            self.deadlines.set(Owner::Process(link), Time(next));
        }
    }

    /// Nothing of a process goes on any more: whoever waits for its end hears of it.
    fn finish_ending(&mut self, machine: &mut M, link: Link) {
        self.deadlines.clear(Owner::Process(link));
        let Some(process) = self.processes.at_mut(link) else { return };
        process.0.life = Life::Dead;
        if let Some(endpoint) = self.endpoints.resolve(process.0.supervisor) {
            // If the running thread was one of its own, nothing comes after this: who is told may run at once.
            self.in_call = self.threads.at(self.current).is_some_and(|thread| thread.state == State::RUNNING);
            self.post(machine, endpoint, Event::Exit(link));
        }
    }

    /// What it takes to stop a thread, in steps of [`STEPS_PER_SLICE`].
    fn steps_to_stop(&self, link: Link) -> u32 {
        let has_deadline = |link| self.deadlines.is_set(Owner::Thread(link)) as u32 * STEPS_TO_CLEAR;
        let caller = self.threads.at(link).map_or(Link::NONE, |thread| thread.reply_to);
        let waits = self.threads.at(caller).is_some_and(|caller| caller.state == State::awaiting(link));
        1 + has_deadline(link) + if waits { STEPS_TO_FAIL + has_deadline(caller) } else { 0 }
    }

    /// A thread stops for good: it leaves its queue, and its caller gets an error. The slot stays its process's.
    pub(crate) fn stop_thread(&mut self, machine: &mut M, link: Link) {
        self.detach(link);
        // A message that it didn't live to see was delivered all the same.
        self.note_delivery(link, self.now);
        let Some(thread) = self.threads.at_mut(link) else { return };
        thread.state = State::STOPPED;
        thread.completes = crate::thread::Token::NONE;
        let caller = core::mem::replace(&mut thread.reply_to, Link::NONE);
        self.abandon(machine, caller, State::awaiting(link));
    }

    /// Whoever owed a caller the reply is gone. A call fails; a fault waits for the next handler on its endpoint.
    pub(crate) fn abandon(&mut self, machine: &mut M, caller: Link, expected: State) {
        let Some(waiting) = self.threads.at_mut(caller) else { return };
        if waiting.state != expected {
            return;
        }
        match waiting.sent {
            Sent::Call => self.fail(machine, caller, Error::Gone),
            Sent::Fault => match self.endpoints.resolve(waiting.fault_endpoint) {
                Some(endpoint) => self.pass_fault_on(machine, caller, endpoint),
                None => {
                    waiting.state = State::STOPPED;
                    // Whoever starts it anew starts it without the fault.
                    waiting.end_fault();
                }
            },
        }
    }

    /// A fault whose handler is gone goes to one that waits on the same endpoint, or waits there for the next, ahead of
    /// all others.
    fn pass_fault_on(&mut self, machine: &mut M, faulty: Link, endpoint: Link) {
        let Some(target) = self.endpoints.at_mut(endpoint) else { return };
        self.threads.push_front::<QUEUE>(&mut target.senders, faulty);
        target.refresh();
        if let Some(thread) = self.threads.at_mut(faulty) {
            thread.state = State::sending(endpoint);
        }
        let receiver = target.receivers.head();
        if !receiver.is_some() {
            return;
        }
        self.threads.unlink::<QUEUE>(&mut target.receivers, receiver);
        // That is the fault, which carries no handle.
        if let Ok(Some(message)) = self.take_sender(receiver, endpoint) {
            self.give(machine, receiver, message);
        }
    }

    /// Takes a thread's slot away. A process goes on without threads: its maker may give it new ones.
    pub(crate) fn remove_thread(&mut self, machine: &mut M, link: Link) {
        self.stop_thread(machine, link);
        self.detach_floating_point(link);
        let used = self.used_cycles(machine, link);
        let Some(thread) = self.threads.at_mut(link) else { return };
        machine.forget(&mut thread.context);
        let (owner, calls) = (thread.process, thread.calls);
        let next = self.threads.next::<SIBLINGS>(link);
        if let Some(process) = self.processes.at_mut(owner) {
            if process.0.stopping == link {
                process.0.stopping = next;
            }
            process.0.calls = process.0.calls.wrapping_add(calls);
            process.0.cycles = process.0.cycles.wrapping_add(used);
            self.threads.unlink::<SIBLINGS>(&mut process.0.threads, link);
            process.0.thread_count = process.0.thread_count.saturating_sub(1);
            process.0.quota.refund(0, 1);
        }
        self.threads.remove(link);
    }
}
