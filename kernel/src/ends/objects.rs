//! The ends of objects: destroying an object revokes it for everyone.

use crate::dispatch::DeadlineOf;
use crate::kernel::Kernel;
use crate::machine::{Machine, PortRange};
use crate::objects::event::Event;
use crate::objects::memory::MemoryKind;
use crate::objects::pace::Pace;
use crate::objects::thread::State;
use crate::tables::{Entry, Link, Name};
use abi::Error;

/// How many processes a slice of the end of a range of ports looks at.
const PROCESSES_PER_SLICE: usize = 32;

impl<M: Machine> Kernel<M> {
    /// Ends a Reply that can't be used any more: its caller gets an error.
    pub(crate) fn drop_reply(&mut self, name: Name) {
        let Some(caller) = self.replies.get(name).map(|reply| reply.caller()) else { return };
        self.end_reply(name.link());
        self.abandon(caller, State::awaiting_reply(name.link()));
    }

    pub(crate) fn destroy_endpoint(&mut self, machine: &mut M, link: Link) -> usize {
        let Some(endpoint) = self.endpoints.at_mut(link) else { return 0 };
        endpoint.begin_end();
        let endpoint = *endpoint;
        for waiting in [endpoint.first_sender(), endpoint.first_receiver()] {
            if waiting.is_some() {
                self.fail(waiting, Error::Gone);
                return 1;
            }
        }
        if let Some(event) = endpoint.first_event() {
            // The object may post again before the endpoint has gone: its counts must fit an event in no queue.
            match event {
                Event::Interrupt(source) => self.unbind(machine, source),
                Event::Timer(timer) => {
                    self.withdraw(event);
                    if let Some(timer) = self.timers.at_mut(timer) {
                        timer.forget_expiries();
                    }
                }
                Event::Exit(_) | Event::Overrun(_) | Event::Storm(_) => self.withdraw(event),
                Event::CallerGone(reply) => self.orphan(reply),
            }
            return 1;
        }
        // Sources that are still bound to it notice its end when they fire next.
        self.endpoints.remove(link);
        self.refund(endpoint.owner(), 0, 1);
        0
    }

    pub(crate) fn destroy_timer(&mut self, link: Link) {
        let owner = self.timers.at(link).map_or(Link::NONE, |timer| timer.owner());
        self.deadlines.clear(DeadlineOf::Timer(link));
        self.withdraw(Event::Timer(link));
        self.timers.remove(link);
        self.refund(owner, 0, 1);
    }

    pub(crate) fn destroy_interrupt(&mut self, machine: &mut M, link: Link) {
        self.unbind(machine, link);
        let Some(source) = self.interrupts.at(link).copied() else { return };
        self.lines.release(source.line());
        self.withdraw(Event::Storm(link));
        self.deadlines.clear(DeadlineOf::Source(link));
        if let Some(pace) = self.paces.at_mut(link) {
            *pace = Pace::EMPTY;
        }
        self.interrupts.remove(link);
        self.refund(source.owner(), 0, 1);
    }

    /// Takes a range of ports from a few of the processes that use it, and ends it once none does. Returns 0 when it
    /// has ended.
    pub(crate) fn destroy_ports(&mut self, machine: &mut M, link: Link) -> usize {
        let Some(ports) = self.ports.at_mut(link) else { return 0 };
        let (range, owner) = (ports.range(), ports.owner());
        // The processes that have the range attached lose it.
        let mut position = ports.begin_end();
        let mut left = PROCESSES_PER_SLICE;
        while position < self.processes.extent() {
            let process = Link::new(position);
            let uses = self.processes.at(process).is_some_and(|process| process.home.ports.contains(&range));
            let cost = if uses { PROCESSES_PER_SLICE / 2 } else { 1 };
            if cost > left {
                break;
            }
            left -= cost;
            position += 1;
            if uses {
                self.detach_ports(machine, process, range);
            }
        }
        if position < self.processes.extent() {
            if let Some(ports) = self.ports.at_mut(link) {
                ports.note_searched(position);
            }
            return 1;
        }
        self.ports.take_out(&mut self.claimed_ports, link);
        self.ports.remove(link);
        self.refund(owner, 0, 1);
        0
    }

    /// Takes a range of ports from a process, even from the running one.
    fn detach_ports(&mut self, machine: &mut M, process: Link, range: PortRange) {
        let version = self.next_ports_version();
        let Some(entry) = self.processes.at_mut(process) else { return };
        entry.home.remove_ports(range, version);
        if self.threads.at(self.current).is_some_and(|thread| thread.process == process) {
            self.reload_home(machine, process);
        }
    }

    /// Does a slice of a memory object's end: unmaps some pages, or gives a block of its frames back, or ends it.
    /// Returns 0 when it has ended.
    pub(crate) fn destroy_memory(&mut self, machine: &mut M, link: Link) -> usize {
        let Some(memory) = self.memories.at_mut(link) else { return 0 };
        memory.begin_end();
        let mapping = memory.any_mapping();
        if mapping.is_some() {
            self.unmap_slice(machine, mapping);
            return 1;
        }
        let (owner, run, kind) = (memory.owner(), memory.run(), memory.kind());
        let (count, refunded) = match kind {
            _ if run.count == 0 => (0, 0),
            MemoryKind::Pool => {
                let count = self.frames.give_back_block(run);
                (count, count)
            }
            MemoryKind::Module => {
                let (count, usable) = self.frames.adopt_block(run);
                // All memory is the first process's quota, this from now on too.
                if let Some(owner) = self.processes.at_mut(owner).filter(|owner| owner.origin().parent.is_none()) {
                    owner.quota.grow(usable);
                }
                (count, 0)
            }
            MemoryKind::Device => {
                self.memories.take_out(&mut self.claimed_memory, link);
                (run.count, 0)
            }
        };
        if count < run.count {
            self.refund(owner, refunded, 0);
            if let Some(memory) = self.memories.at_mut(link) {
                memory.shrink(count);
            }
            return 1;
        }
        self.refund(owner, refunded, 1);
        self.memories.remove(link);
        0
    }
}
