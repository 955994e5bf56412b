//! The calls that make processes and threads.

use crate::Kernel;
use crate::arena::{Link, Name};
use crate::call::{CallResult, DONE, Refusal, Request, word};
use crate::handle::{Grant, TableSize};
use crate::machine::{Context, Machine};
use crate::memory::Frame;
use crate::process::{Life, Process, ProcessEntry, Quota, SpareFrame};
use crate::schedule::Priority;
use crate::sizes::THREADS_PER_PROCESS;
use crate::thread::{SIBLINGS, StateKind, Thread};
use abi::{Error, ObjectKind, Options, Rights};

impl<M: Machine> Kernel<M> {
    pub(crate) fn process_create(&mut self, machine: &mut M, request: Request) -> CallResult {
        let [frames, objects, endpoint, badge] = request.message.words;
        let supervisor = if endpoint == 0 { Name::NONE } else { self.bindable_endpoint(request.process, endpoint)? };
        let (frames, objects) = match (u32::try_from(frames), u32::try_from(objects)) {
            (Ok(frames), Ok(objects)) => (frames, objects),
            _ => return Err(Error::BadArgument.into()),
        };
        let ceiling = Priority::new(request.message.tag.label() as usize).ok_or(Error::BadArgument)?;
        let parent = self.processes.at(request.process).ok_or(Error::Gone)?;
        if ceiling > parent.0.ceiling {
            return Err(Error::Priority.into());
        }
        let dma = if request.message.tag.options().contains(Options::DMA) { Rights::DMA } else { Rights::empty() };
        let makes = parent.0.makes.difference(Rights::DMA) | (parent.0.makes & dma);
        if !self.handles.has_room(&parent.0) {
            return Err(Error::NoHandleSlot.into());
        }
        if self.processes.is_full() || !self.handles.has_run() {
            return Err(Error::TableFull.into());
        }
        // The root is zeroed as the caller's own; once it is ready, it is charged to the child instead.
        let mut rest = parent.0.quota;
        rest.refund((parent.0.spare.frame != Frame(0)) as u32, 0);
        rest.charge(frames, objects.saturating_add(1)).ok_or(Error::NoMemory)?;
        let mut quota = Quota { frames, frames_used: 0, objects, objects_used: 0 };
        quota.charge(1, 0).ok_or(Error::NoMemory)?;
        let Some(root) = self.prepare_spare(machine, request.process)? else { return word(abi::NO_HANDLE as usize) };
        let made = self.make_process(machine, root, quota, TableSize::Common);
        let parent = self.processes.at_mut(request.process).ok_or(Error::Gone)?;
        let name = match made {
            Ok(name) => name,
            Err(error) => {
                parent.0.spare = SpareFrame::ready(root);
                return Err(error.into());
            }
        };
        parent.0.quota = rest;
        let parent = self.processes.name(request.process);
        if let Some(process) = self.processes.at_mut(name.link()) {
            process.0.badge = badge as u16;
            process.0.ceiling = ceiling;
            process.0.makes = makes;
            process.0.supervisor = supervisor;
            process.0.parent = parent;
        }
        let rights = Rights::all_of(ObjectKind::Process);
        let grant = Grant { object: name, kind: ObjectKind::Process, rights, badge: 0 };
        word(self.install(request.process, grant)? as usize)
    }

    /// Makes an empty process with that quota, to which its root, a zeroed frame, is charged already.
    pub(crate) fn make_process(
        &mut self,
        machine: &mut M,
        root: Frame,
        quota: Quota,
        size: TableSize,
    ) -> Result<Name, Error> {
        if self.processes.is_full() {
            return Err(Error::TableFull);
        }
        let (table, table_mask) = self.handles.take_run(size).ok_or(Error::TableFull)?;
        let space = machine.create_space(root);
        let process = Process { table, table_mask, quota, root, ..Process::empty(space) };
        let name = self.processes.insert(ProcessEntry(process)).ok_or(Error::TableFull)?;
        self.port_versions = self.port_versions.wrapping_add(1);
        if let Some(process) = self.processes.at_mut(name.link()) {
            process.0.home.process = name.link().index() as u16;
            process.0.home.ports_version = self.port_versions;
        }
        Ok(name)
    }

    pub(crate) fn thread_create(&mut self, machine: &mut M, request: Request) -> CallResult {
        let [entry, stack, priority, fault_endpoint] = request.message.words;
        let target = self.process_or_own(request, request.handle as usize)?;
        let priority = Priority::new(priority).ok_or(Error::BadArgument)?;
        self.check_ceiling(request.process, target, priority)?;
        let fault_endpoint =
            if fault_endpoint == 0 { Name::NONE } else { self.bindable_endpoint(request.process, fault_endpoint)? };
        if entry >= abi::USER_END || stack > abi::USER_END {
            return Err(Error::BadArgument.into());
        }
        let owner = self.processes.at_mut(request.process).ok_or(Error::Gone)?;
        if !self.handles.has_room(&owner.0) {
            return Err(Error::NoHandleSlot.into());
        }
        let name = self.make_thread(machine, target, entry, stack, priority)?;
        if let Some(thread) = self.threads.at_mut(name.link()) {
            thread.fault_endpoint = fault_endpoint;
            thread.fault_badge = request.message.tag.label() as u16;
        }
        let rights = Rights::all_of(ObjectKind::Thread);
        word(self.install(request.process, Grant { object: name, kind: ObjectKind::Thread, rights, badge: 0 })? as usize)
    }

    /// Makes a stopped thread, charged to its process.
    pub(crate) fn make_thread(
        &mut self,
        machine: &mut M,
        process: Link,
        entry: usize,
        stack: usize,
        priority: Priority,
    ) -> Result<Name, Error> {
        let owner = self.processes.at_mut(process).ok_or(Error::Gone)?;
        if owner.0.life != Life::Alive {
            return Err(Error::Gone);
        }
        if owner.0.thread_count as usize >= THREADS_PER_PROCESS {
            return Err(Error::TableFull);
        }
        owner.0.quota.charge(0, 1).ok_or(Error::NoMemory)?;
        let run = owner.0.run();
        let Some(name) =
            self.threads.insert(Thread { process, run, priority, rank: priority, ..crate::arena::Entry::EMPTY })
        else {
            owner.0.quota.refund(0, 1);
            return Err(Error::TableFull);
        };
        owner.0.thread_count += 1;
        self.threads.push_back::<SIBLINGS>(&mut owner.0.threads, name.link());
        if let Some(thread) = self.threads.at_mut(name.link()) {
            thread.context.start(entry, stack);
            machine.settle(&mut thread.context, &owner.0.home);
        }
        Ok(name)
    }

    pub(crate) fn thread_priority(&mut self, request: Request, priority: usize) -> CallResult {
        let grant = self.find(&request, Rights::THREAD)?;
        let link = self.threads.resolve(grant.object).ok_or(Error::BadHandle)?;
        let priority = Priority::new(priority).ok_or(Error::BadArgument)?;
        let owner = self.threads.at(link).map_or(Link::NONE, |thread| thread.process);
        self.check_ceiling(request.process, owner, priority)?;
        let kind = self.threads.at(link).map_or(StateKind::Stopped, |thread| thread.state.kind());
        let ready = matches!(kind, StateKind::Ready | StateKind::Preempted);
        if ready {
            // A ready thread has no deadline, so that leaving its queue is all there is to it.
            self.detach(link);
        }
        if let Some(thread) = self.threads.at_mut(link) {
            thread.rank = if thread.rank == Priority::IDLE { Priority::IDLE } else { priority };
            thread.priority = priority;
        }
        if ready {
            self.enqueue(link);
        } else if link == self.current {
            // It may no longer be the highest, nor without peers. It can't join the chain, which holds only what
            // ranked above the chain before it.
            self.yield_turn();
        }
        DONE
    }

    /// A thread's priority is bounded by its own process's ceiling and by that of whoever sets it.
    pub(crate) fn check_ceiling(&self, setter: Link, owner: Link, priority: Priority) -> Result<(), Error> {
        let within = |link| self.processes.at(link).is_some_and(|process| priority <= process.0.ceiling);
        if within(setter) && within(owner) { Ok(()) } else { Err(Error::Priority) }
    }

    pub(crate) fn find_stopped(&self, request: &Request) -> Result<Link, Refusal> {
        let link = self.find_not_running(request)?;
        let thread = self.threads.at(link).ok_or(Error::BadHandle)?;
        let alive = self.processes.at(thread.process).is_some_and(|process| process.0.life == Life::Alive);
        if thread.state.kind() == StateKind::Stopped && alive { Ok(link) } else { Err(Error::Busy.into()) }
    }

    pub(crate) fn find_not_running(&self, request: &Request) -> Result<Link, Refusal> {
        let grant = self.find(request, Rights::THREAD)?;
        let link = self.threads.resolve(grant.object).ok_or(Error::BadHandle)?;
        if link == request.caller { Err(Error::Busy.into()) } else { Ok(link) }
    }
}
