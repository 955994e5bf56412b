//! Reaping: tearing down what an ended process held, in slices, in its supervisor's calls and at the supervisor's
//! priority.
//!
//! A slice does a bounded amount of work: it unmaps a few pages, removes an object, gives a block of frames or a page
//! table back, or looks at a few slots of a table for objects that the process owns. The alternative, a list of each
//! owner's objects, was rejected: every making and ending of an object would pay for what only reaping needs.

use crate::ends::exit::EndSlice;
use crate::frames::FrameRun;
use crate::kernel::Kernel;
use crate::machine::Machine;
use crate::objects::endpoint::Endpoint;
use crate::objects::event::Event;
use crate::objects::handle::Grant;
use crate::objects::memory::{Memory, MemoryKind};
use crate::objects::ports::Ports;
use crate::objects::process::{Exit, Life};
use crate::objects::source::Source;
use crate::objects::timer::Timer;
use crate::request::{CallResult, Outcome, Request, word};
use crate::tables::{Arena, Link, Name};
use abi::{Error, ExitKind, ObjectKind, Rights};
use core::convert::identity;

/// Slots of a table that one slice looks at.
const SLOTS_PER_SLICE: usize = 16;

/// Entries of the process's part of the handle table that one slice clears.
const HANDLES_PER_SLICE: usize = 16;

/// What a slice is about.
#[derive(Clone, Copy)]
struct Job {
    /// The ended process.
    target: Link,
    /// Where its stage goes on.
    position: usize,
    /// The process that gets what is left in quarantine. What a descendant leaves goes with what its parent leaves.
    heir: Option<Link>,
}

impl Job {
    /// How the stage goes on after work on the object at its position. `left` is 0 if the object has ended.
    fn after(self, left: usize) -> Slice {
        Slice::More(if left == 0 { self.position + 1 } else { self.position })
    }
}

/// How a stage goes on after a slice.
enum Slice {
    /// From here.
    More(usize),
    /// From here, once that process has gone.
    Child { position: usize, child: Link },
    /// It is done.
    Done,
    /// The heir got this handle to frames whose address a device may know.
    Quarantined(u32),
    /// It can't go on before the heir has room for a handle.
    Stuck(Error),
}

/// Looks at a few slots of a table for an object that the process owns. Finds only one at the job's position: a search
/// is all that a slice does.
fn search<T, const N: usize>(table: &Arena<T, N>, job: Job, owner: fn(&T) -> Link) -> Result<Link, Slice> {
    let stop = (job.position + SLOTS_PER_SLICE).min(table.extent());
    let is_owned = |index: &usize| table.live(Link::new(*index)).map(owner) == Some(job.target);
    match (job.position..stop).find(is_owned) {
        Some(index) if index == job.position => Ok(Link::new(index)),
        Some(index) => Err(Slice::More(index)),
        None if stop >= table.extent() => Err(Slice::Done),
        None => Err(Slice::More(stop)),
    }
}

impl<M: Machine> Kernel<M> {
    /// Does a slice of an ended process's tear-down. Word 0 is 0 when nothing is left. Word 1 is a handle to frames in
    /// quarantine, if this slice found some.
    pub(crate) fn reap(&mut self, machine: &mut M, process: Link, request: Request) -> CallResult {
        let target = self.processes.at(process).map_or(Name::NONE, |process| process.reap().target);
        // If the descendant has gone since, the process itself goes on; it may have more descendants.
        let target = self.processes.resolve(target).unwrap_or(process);
        let Some(ended) = self.processes.at(target) else { return Err(Error::BadHandle.into()) };
        let (parent, stage) = (ended.origin().parent, ended.reap().stage);
        let job = Job { target, position: ended.reap().position, heir: (target == process).then_some(request.process) };
        match ended.life() {
            Life::Dead => {}
            Life::Ending => {
                let next = self.go_on_ending(machine, target, EndSlice::OF_PROGRAM);
                self.make_ready(next);
                return word(1);
            }
            Life::Alive => return Err(Error::Busy.into()),
        }
        let Some(slice) = self.reap_slice(machine, stage, job) else {
            self.bury(target);
            if target == process {
                return word(0);
            }
            // Its parent is next, until the process itself is reached.
            self.set_target(process, parent);
            return word(1);
        };
        let (stage, position) = match slice {
            Slice::More(position) => (stage, position),
            Slice::Child { position, child } => {
                let child = self.processes.name(child);
                self.set_target(process, child);
                (stage, position)
            }
            Slice::Done => (stage + 1, 0),
            Slice::Quarantined(handle) => return Ok(Outcome::Return([1, handle as usize, 0, 0])),
            Slice::Stuck(error) => return Err(error.into()),
        };
        if let Some(ended) = self.processes.at_mut(target) {
            ended.go_on_reaping(stage, position);
        }
        word(1)
    }

    /// Lets the next slice tear down this descendant.
    fn set_target(&mut self, process: Link, target: Name) {
        if let Some(process) = self.processes.at_mut(process) {
            process.reap_first(target);
        }
    }

    /// Does a slice of a stage; nothing behind the last stage. Objects that refer to others go before those that they
    /// refer to.
    fn reap_slice(&mut self, machine: &mut M, stage: u8, job: Job) -> Option<Slice> {
        Some(match stage {
            0 => self.reap_child(machine, job),
            1 => self.reap_mapping(machine, job),
            2 => self.reap_thread(machine, job),
            3 => self.reap_timer(job),
            4 => self.reap_interrupt(machine, job),
            5 => self.reap_ports(machine, job),
            6 => self.reap_endpoint(machine, job),
            7 => self.reap_memory(machine, job),
            8 => self.reap_handles(job),
            9 => self.reap_spare(job),
            10 => self.reap_tables(machine, job),
            _ => return None,
        })
    }

    fn reap_child(&mut self, machine: &mut M, Job { target, position, .. }: Job) -> Slice {
        let parent = self.processes.name(target);
        let end = self.processes.extent().min(position + SLOTS_PER_SLICE);
        let is_child =
            |link: &Link| self.processes.live(*link).is_some_and(|process| process.origin().parent == parent);
        match (position..end).map(Link::new).find(is_child) {
            Some(child) => {
                let next = self.end_process(machine, child, Exit { how: ExitKind::Killed, words: [0; 4] });
                self.make_ready(next);
                Slice::Child { position, child }
            }
            None if end < self.processes.extent() => Slice::More(end),
            None => Slice::Done,
        }
    }

    fn reap_mapping(&mut self, machine: &mut M, job: Job) -> Slice {
        let mapping = self.processes.at(job.target).map_or(Link::NONE, |process| process.mappings.any());
        if !mapping.is_some() {
            return Slice::Done;
        }
        self.unmap_slice(machine, mapping);
        Slice::More(0)
    }

    fn reap_thread(&mut self, machine: &mut M, job: Job) -> Slice {
        let thread = self.processes.at(job.target).map_or(Link::NONE, |process| process.first_thread());
        if !thread.is_some() {
            return Slice::Done;
        }
        self.remove_thread(machine, thread);
        Slice::More(0)
    }

    fn reap_timer(&mut self, job: Job) -> Slice {
        search(&self.timers, job, Timer::owner).map_or_else(identity, |link| {
            self.destroy_timer(link);
            job.after(0)
        })
    }

    fn reap_interrupt(&mut self, machine: &mut M, job: Job) -> Slice {
        self.pass_sources_on(job);
        search(&self.interrupts, job, Source::owner).map_or_else(identity, |link| {
            self.destroy_interrupt(machine, link);
            job.after(0)
        })
    }

    /// Lets the process's parent pay for those of a few sources that the process paid for: the share that paid goes
    /// back to the parent, and the devices may go on.
    fn pass_sources_on(&mut self, Job { target, position, .. }: Job) {
        let parent = self.processes.at(target).and_then(|target| self.processes.resolve(target.origin().parent));
        let end = self.interrupts.extent().min(position + SLOTS_PER_SLICE);
        for link in (position..end).map(Link::new) {
            if let Some(source) = self.interrupts.at_mut(link).filter(|source| source.payer() == target) {
                source.pass_on(parent.unwrap_or(Link::NONE));
            }
        }
    }

    fn reap_ports(&mut self, machine: &mut M, job: Job) -> Slice {
        search(&self.ports, job, Ports::owner)
            .map_or_else(identity, |link| job.after(self.destroy_ports(machine, link)))
    }

    fn reap_endpoint(&mut self, machine: &mut M, job: Job) -> Slice {
        search(&self.endpoints, job, Endpoint::owner)
            .map_or_else(identity, |link| job.after(self.destroy_endpoint(machine, link)))
    }

    fn reap_memory(&mut self, machine: &mut M, job: Job) -> Slice {
        search(&self.memories, job, Memory::owner).map_or_else(identity, |link| {
            if self.memories.at(link).is_some_and(Memory::may_be_known_to_device) {
                return self.quarantine(link, job);
            }
            job.after(self.destroy_memory(machine, link))
        })
    }

    fn reap_handles(&mut self, Job { target, position, .. }: Job) -> Slice {
        let Some(process) = self.processes.at(target) else { return Slice::Done };
        let end = (position + HANDLES_PER_SLICE).min(process.table.entries());
        for position in position..end {
            self.handles.clear(&process.table, position);
        }
        if end == process.table.entries() { Slice::Done } else { Slice::More(end) }
    }

    fn reap_spare(&mut self, job: Job) -> Slice {
        let Some(process) = self.processes.at_mut(job.target) else { return Slice::Done };
        if let Some(frame) = process.spare.give_up() {
            self.frames.give_back(FrameRun { first: frame, count: 1 });
            process.quota.refund(1, 0);
        }
        Slice::Done
    }

    fn reap_tables(&mut self, machine: &mut M, job: Job) -> Slice {
        let Some(process) = self.processes.at_mut(job.target) else { return Slice::Done };
        let (space, frames, quota) = (process.home.space, &mut self.frames, &mut process.quota);
        let mut give_back = |frame| {
            frames.give_back(FrameRun { first: frame, count: 1 });
            quota.refund(1, 0);
        };
        machine.release_tables(space, job.position, &mut give_back).map_or(Slice::Done, Slice::More)
    }

    /// Keeps frames that a device may still write out of use. The process's parent owns them from now on, and `heir`
    /// gets a handle, by which it destroys them once the device is quiet.
    ///
    /// The frames stay charged to the quota that they came from: that of the process shrinks by them, and is a part of
    /// what its parent uses, whether as the process's quota or as memory of the parent's own.
    fn quarantine(&mut self, link: Link, Job { target, position, heir }: Job) -> Slice {
        let parent = self.processes.at(target).and_then(|target| self.processes.resolve(target.origin().parent));
        let (Some(parent), Some(memory)) = (parent, self.memories.at(link)) else { return Slice::Stuck(Error::Gone) };
        // A module's frames were in no quota.
        let count = if memory.kind() == MemoryKind::Module { 0 } else { memory.run().count };
        let slice = match heir {
            None => Slice::More(position),
            Some(heir) => {
                let (object, rights) = (self.memories.name(link), Rights::DESTROY | Rights::DMA);
                match self.install(heir, Grant::new(object, ObjectKind::Memory, rights)) {
                    Ok(handle) => Slice::Quarantined(handle),
                    Err(error) => return Slice::Stuck(error),
                }
            }
        };
        if let Some(memory) = self.memories.at_mut(link) {
            memory.set_owner(parent);
        }
        if let Some(target) = self.processes.at_mut(target) {
            target.quota.cede(count, 1);
        }
        slice
    }

    /// Removes a process: its name is stale from now on, and its quota and share go back to where they
    /// came from.
    fn bury(&mut self, link: Link) {
        self.withdraw(Event::Exit(link));
        self.withdraw(Event::Overrun(link));
        self.close_account(link);
        let Some(process) = self.processes.at(link) else { return };
        let (parent, quota) = (process.origin().parent, process.quota);
        self.handles.give_back_table(process.table);
        if let Some(parent) = self.processes.get_mut(parent) {
            parent.quota.refund(quota.frames(), quota.objects().saturating_add(abi::OBJECTS_PER_PROCESS));
        }
        self.processes.remove(link);
    }
}
