//! The ends of objects: closing a handle forgets a name, destroying an object is its revocation for all.

use crate::Kernel;
use crate::arena::{Link, Name};
use crate::call::{CallResult, DONE, Request, word};
use crate::endpoint::Event;
use crate::handle::Grant;
use crate::machine::{Machine, PortRange};
use crate::thread::State;
use abi::{Error, ObjectKind, Rights};

/// How many processes one slice of the end of a range of ports looks at.
const PROCESSES_PER_SLICE: usize = 32;

impl<M: Machine> Kernel<M> {
    pub(crate) fn handle_close(&mut self, machine: &mut M, request: Request) -> CallResult {
        let grant = self.find(&request, Rights::empty())?;
        if let Some(process) = self.processes.at_mut(request.process) {
            self.handles.close(&mut process.0, request.handle);
        }
        if grant.kind == ObjectKind::Reply {
            self.drop_reply(machine, grant.object);
        }
        DONE
    }

    /// A Reply that nobody will use any more: its caller gets an error.
    pub(crate) fn drop_reply(&mut self, machine: &mut M, name: Name) {
        let Some(reply) = self.replies.get(name).copied() else { return };
        // Its one handle is closed, or its process dead.
        self.replies.recycle(name.link());
        self.refund(reply.owner, 0, 1);
        self.abandon(machine, reply.caller, State::awaiting_reply(name.link()));
    }

    pub(crate) fn destroy(&mut self, machine: &mut M, request: Request, grant: Grant) -> CallResult {
        let link = grant.link();
        match grant.kind {
            ObjectKind::Endpoint if self.endpoints.get(grant.object).is_some() => self.destroy_endpoint(machine, link),
            ObjectKind::Interrupt if self.interrupts.get(grant.object).is_some() => {
                self.destroy_interrupt(machine, link);
                DONE
            }
            ObjectKind::Timer if self.timers.get(grant.object).is_some() => {
                let owner = self.timers.at(link).map_or(Link::NONE, |timer| timer.owner);
                self.remove_timer(link);
                self.refund(owner, 0, 1);
                DONE
            }
            ObjectKind::Memory if self.memories.get(grant.object).is_some() => word(self.destroy_memory(machine, link)),
            ObjectKind::Ports if self.ports.get(grant.object).is_some() => word(self.destroy_ports(machine, link)),
            ObjectKind::Thread if self.threads.get(grant.object).is_some() => {
                if link == request.caller {
                    return Err(Error::Busy.into());
                }
                self.remove_thread(machine, link);
                DONE
            }
            // A process is ended by `process_kill` and torn down by `process_reap`; the root is for ever.
            ObjectKind::Process | ObjectKind::Root => Err(Error::WrongType.into()),
            _ => Err(Error::BadHandle.into()),
        }
    }

    /// Throws one waiting thread off an endpoint, or the endpoint itself once nobody waits. Returns the work left.
    fn destroy_endpoint(&mut self, machine: &mut M, link: Link) -> CallResult {
        word(self.destroy_endpoint_slice(machine, link))
    }

    pub(crate) fn destroy_endpoint_slice(&mut self, machine: &mut M, link: Link) -> usize {
        let Some(endpoint) = self.endpoints.at_mut(link) else { return 0 };
        endpoint.begin_end();
        let endpoint = *endpoint;
        for waiting in [endpoint.senders.head(), endpoint.receivers.head()] {
            if waiting.is_some() {
                self.fail(machine, waiting, Error::Gone);
                return 1;
            }
        }
        let event = endpoint.events.head();
        if event.is_some() {
            // Whoever posts anew before the endpoint is gone has to find its event in the state that it left it in.
            match Event::from_link(event) {
                Event::Interrupt(source) => self.unbind(machine, source),
                Event::Timer(timer) => {
                    self.withdraw(Event::Timer(timer));
                    if let Some(timer) = self.timers.at_mut(timer) {
                        timer.expiries = 0;
                    }
                }
                Event::Exit(process) => self.withdraw_exit(process),
            }
            return 1;
        }
        // Sources that are still bound to it notice its end when they fire next.
        self.endpoints.remove(link);
        self.refund(endpoint.owner, 0, 1);
        0
    }

    pub(crate) fn destroy_interrupt(&mut self, machine: &mut M, link: Link) {
        self.unbind(machine, link);
        let Some(source) = self.interrupts.at(link).copied() else { return };
        if let Some(slot) = self.lines.get_mut(source.line.0 as usize) {
            *slot = Link::NONE;
        }
        self.interrupts.remove(link);
        self.refund(source.owner, 0, 1);
    }

    /// Takes a range of ports from a few of those who use it, or ends it once nobody does. Returns the work left.
    pub(crate) fn destroy_ports(&mut self, machine: &mut M, link: Link) -> usize {
        let Some(ports) = self.ports.at_mut(link) else { return 0 };
        ports.dying = true;
        let (range, owner) = (ports.range, ports.owner);
        // Whoever has the range attached loses it: the death of an object is its revocation.
        let mut position = ports.searched as usize;
        let mut left = PROCESSES_PER_SLICE;
        while position < self.processes.extent() {
            let process = Link::new(position);
            let uses = self.processes.at(process).is_some_and(|process| process.0.home.ports.contains(&range));
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
                ports.searched = position as u16;
            }
            return 1;
        }
        self.ports.take_out(&mut self.claimed_ports, link);
        self.ports.remove(link);
        self.refund(owner, 0, 1);
        0
    }

    /// Takes a range of ports from a process, the one that runs too.
    fn detach_ports(&mut self, machine: &mut M, process: Link, range: PortRange) {
        self.port_versions = self.port_versions.wrapping_add(1);
        let version = self.port_versions;
        let Some(entry) = self.processes.at_mut(process) else { return };
        let home = &mut entry.0.home;
        // The last of its ranges takes the place.
        let last = (home.port_ranges as usize).wrapping_sub(1);
        let Some(moved) = home.ports.get_mut(last).map(core::mem::take) else { return };
        if let Some(place) = home.ports.iter_mut().find(|other| **other == range) {
            *place = moved;
        }
        home.port_ranges = last as u8;
        home.ports_version = version;
        if self.threads.at(self.current).is_some_and(|thread| thread.process == process) {
            self.reload_home(machine, process);
        }
    }

    /// The exit message of a process, taken out of its supervisor's queue.
    pub(crate) fn withdraw_exit(&mut self, process: Link) {
        self.withdraw(Event::Exit(process));
    }
}
