//! Ends: of threads, at once; of processes, at once as far as others can see, and in slices as far as memory goes.
//!
//! When a process ends, in this order and before anybody else runs: its threads stop, the sources it bound are masked
//! and taken off their endpoints, callers whose call its threads had taken get `Gone`, and its supervisor gets a
//! message. What it held is torn down by the supervisor's `process_reap`.

use crate::Kernel;
use crate::account::TraceKind;
use crate::arena::Link;
use crate::endpoint::Event;
use crate::machine::Machine;
use crate::process::{Exit, Life};
use crate::schedule::QUEUE;
use crate::thread::{SIBLINGS, Sent, State};
use abi::Error;

impl<M: Machine> Kernel<M> {
    /// Ends a process. Does nothing to one that has ended already.
    pub(crate) fn end_process(&mut self, machine: &mut M, link: Link, exit: Exit) {
        let Some(process) = self.processes.at_mut(link) else { return };
        if process.0.life == Life::Dead {
            return;
        }
        process.0.life = Life::Dead;
        process.0.exit = exit;
        let (badge, supervisor) = (process.0.badge, process.0.supervisor);
        let mut thread = process.0.threads.head();
        self.account.exits = self.account.exits.wrapping_add(1);
        self.trace(TraceKind::Exit, badge as u32);
        while thread.is_some() {
            self.stop_thread(machine, thread);
            thread = self.threads.next::<SIBLINGS>(thread);
        }
        while let Some(source) =
            self.processes.at(link).map(|process| process.0.sources.head()).filter(|source| source.is_some())
        {
            self.unbind(machine, source);
        }
        if let Some(endpoint) = self.endpoints.resolve(supervisor) {
            self.post(machine, endpoint, Event::Exit(link));
        }
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
                    waiting.sent = Sent::Call;
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
        if let Some(message) = self.take_sender(receiver, endpoint) {
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
        if let Some(process) = self.processes.at_mut(owner) {
            process.0.calls = process.0.calls.wrapping_add(calls);
            process.0.cycles = process.0.cycles.wrapping_add(used);
            self.threads.unlink::<SIBLINGS>(&mut process.0.threads, link);
            process.0.thread_count = process.0.thread_count.saturating_sub(1);
            process.0.quota.refund(0, 1);
        }
        self.threads.remove(link);
    }
}
