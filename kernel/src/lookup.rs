//! Looking up the object that a handle names: the checks that every call begins with.
//!
//! An object whose end has begun isn't found, so that no call works with what its end has given back already. Only the
//! calls that go on with the end look it up by themselves.

use crate::kernel::Kernel;
use crate::machine::{Machine, PortRange};
use crate::objects::handle::Grant;
use crate::objects::process::Life;
use crate::request::{Refusal, Request};
use crate::tables::{Link, Name};
use abi::{Error, ObjectKind, Rights};

impl<M: Machine> Kernel<M> {
    /// What the request's handle names, if it has that right.
    pub(crate) fn find(&self, request: &Request, needs: Rights) -> Result<Grant, Refusal> {
        self.find_in(request.process, request.handle, needs)
    }

    /// What a process's handle names, if it has that right.
    pub(crate) fn find_in(&self, process: Link, handle: u32, needs: Rights) -> Result<Grant, Refusal> {
        let process = self.processes.at(process).ok_or(Error::BadHandle)?;
        Ok(self.handles.find(process.table.handle_run(), handle, needs)?)
    }

    /// The endpoint that the request's handle names, and the handle's badge.
    pub(crate) fn find_endpoint(&self, request: &Request, needs: Rights) -> Result<(Link, u16), Refusal> {
        let grant = self.find(request, needs)?;
        Ok((self.endpoints.resolve(grant.object).ok_or(Error::BadHandle)?, grant.badge))
    }

    /// An endpoint by a handle in a word, with the right to bind events to it.
    pub(crate) fn bindable_endpoint(&self, process: Link, handle: usize) -> Result<Name, Refusal> {
        let grant = self.find_in(process, handle as u32, Rights::BIND)?;
        match self.endpoints.get(grant.object) {
            Some(endpoint) if endpoint.is_dying() => Err(Error::Gone.into()),
            Some(_) => Ok(grant.object),
            None => Err(Error::BadHandle.into()),
        }
    }

    pub(crate) fn find_interrupt(&self, request: &Request) -> Result<Link, Refusal> {
        let grant = self.find(request, Rights::INTERRUPT)?;
        Ok(self.interrupts.resolve(grant.object).ok_or(Error::BadHandle)?)
    }

    pub(crate) fn find_timer(&self, request: &Request) -> Result<Link, Refusal> {
        let grant = self.find(request, Rights::TIMER)?;
        Ok(self.timers.resolve(grant.object).ok_or(Error::BadHandle)?)
    }

    /// A memory object, and what the handle to it allows.
    pub(crate) fn find_memory(&self, request: &Request, needs: Rights) -> Result<(Link, Grant), Refusal> {
        let grant = self.find(request, needs)?;
        if grant.kind != ObjectKind::Memory {
            return Err(Error::WrongType.into());
        }
        match self.memories.get(grant.object) {
            Some(memory) if memory.is_dying() => Err(Error::Busy.into()),
            Some(_) => Ok((grant.link(), grant)),
            None => Err(Error::BadHandle.into()),
        }
    }

    /// A range of ports.
    pub(crate) fn find_ports(&self, request: &Request) -> Result<PortRange, Refusal> {
        let grant = self.find(request, Rights::PORTS)?;
        match self.ports.get(grant.object) {
            Some(ports) if ports.is_dying() => Err(Error::Busy.into()),
            Some(ports) => Ok(ports.range()),
            None => Err(Error::BadHandle.into()),
        }
    }

    pub(crate) fn find_process(&self, request: &Request) -> Result<Link, Refusal> {
        let grant = self.find(request, Rights::PROCESS)?;
        Ok(self.processes.resolve(grant.object).ok_or(Error::BadHandle)?)
    }

    /// A process by a handle in a word, or the caller's for 0.
    pub(crate) fn process_or_own(&self, request: Request, handle: usize) -> Result<Link, Refusal> {
        if handle == 0 {
            return Ok(request.process);
        }
        let grant = self.find_in(request.process, handle as u32, Rights::PROCESS)?;
        let process = self.processes.get(grant.object).ok_or(Error::BadHandle)?;
        if process.life() == Life::Alive { Ok(grant.link()) } else { Err(Error::Gone.into()) }
    }

    /// The refusal that names the process that has what was asked for.
    pub(crate) fn conflict(&self, owner: Link) -> Refusal {
        Refusal { error: Error::Conflict, badge: self.badge_of(owner) }
    }

    /// The badge by which a process is named; 0 for none.
    pub(crate) fn badge_of(&self, process: Link) -> u16 {
        self.processes.at(process).map_or(0, |process| process.origin().badge)
    }
}
