//! Reaping: tearing down what an ended process held, in slices, in its supervisor's calls and at the supervisor's
//! priority.
//!
//! A slice does a bounded amount of work: it unmaps a few pages, removes an object, gives a block of frames or a page
//! table back, or looks at a few slots of a table for objects that the process owns. The alternative, a list of each
//! owner's objects, was rejected: every making and ending of an object would pay for what only reaping needs.

use crate::dispatch::Owner;
use crate::ends::exit::STEPS_PER_SLICE;
use crate::frames::{Frame, FrameRun};
use crate::kernel::Kernel;
use crate::machine::Machine;
use crate::objects::event::Event;
use crate::objects::handle::Grant;
use crate::objects::memory::MemoryKind;
use crate::objects::process::{Exit, Life};
use crate::request::{CallResult, Outcome, Request, word};
use crate::tables::{Link, Name};
use abi::{Error, ExitKind, ObjectKind, Rights};

/// Slots of a table that one slice looks at.
const SLOTS_PER_SLICE: usize = 16;

/// Entries of the process's part of the handle table that one slice clears.
const HANDLES_PER_SLICE: usize = 16;

/// The stages, in order: objects that refer to others go before those that they refer to.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Stage {
    Children,
    Mappings,
    Threads,
    Timers,
    Interrupts,
    Ports,
    Endpoints,
    Memories,
    Handles,
    Spare,
    Tables,
}

const STAGES: [Stage; 11] = [
    Stage::Children,
    Stage::Mappings,
    Stage::Threads,
    Stage::Timers,
    Stage::Interrupts,
    Stage::Ports,
    Stage::Endpoints,
    Stage::Memories,
    Stage::Handles,
    Stage::Spare,
    Stage::Tables,
];

/// A table whose objects have owners.
struct Table<M: Machine> {
    extent: fn(&Kernel<M>) -> usize,
    /// The owner of the live object in a slot.
    owner: fn(&Kernel<M>, Link) -> Option<Link>,
}

/// What a search for a process's objects came upon.
enum Found {
    /// One where it began.
    Here(Link),
    /// None there: what the slice found out.
    Later(Slice),
}

/// What a slice found out.
enum Slice {
    /// The stage goes on from here.
    More(usize),
    /// The stage goes on from here when that process is gone.
    Child { position: usize, child: Link },
    /// The stage is done.
    Done,
    /// The caller got this handle to frames whose address a device may know.
    Quarantined(u32),
    /// It can't go on before the caller has room for a handle.
    Stuck(Error),
}

impl<M: Machine> Kernel<M> {
    /// Does a slice of an ended process's tear-down. Word 0 is 0 when nothing is left. Word 1 is a handle to frames in
    /// quarantine, if this slice found some.
    pub(crate) fn reap(&mut self, machine: &mut M, process: Link, request: Request) -> CallResult {
        let target = self.processes.at(process).map_or(Name::NONE, |process| process.reap.target);
        // If the descendant has gone since, the process itself goes on; it may have more descendants.
        let target = self.processes.resolve(target).unwrap_or(process);
        let Some(ended) = self.processes.at(target) else { return Err(Error::BadHandle.into()) };
        match ended.life() {
            Life::Dead => {}
            Life::Ending => {
                self.deadlines.clear(Owner::Process(target));
                let next = self.go_on_ending(machine, target, STEPS_PER_SLICE);
                self.defer(next);
                return word(1);
            }
            Life::Alive => return Err(Error::Busy.into()),
        }
        let (stage, position) = (ended.reap.stage, ended.reap.position);
        let Some(kind) = STAGES.get(stage as usize) else {
            let parent = ended.parent;
            self.bury(target);
            if target == process {
                return word(0);
            }
            // Its parent is next, until the process itself is reached.
            self.set_target(process, parent);
            return word(1);
        };
        // What a descendant leaves in quarantine goes with what its parent leaves.
        let heir = (target == process).then_some(request.process);
        let (stage, position) = match self.slice(machine, target, *kind, position, heir) {
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
            (ended.reap.stage, ended.reap.position) = (stage, position);
        }
        word(1)
    }

    /// Lets the next slice tear down this descendant.
    fn set_target(&mut self, process: Link, target: Name) {
        if let Some(process) = self.processes.at_mut(process) {
            process.reap.target = target;
        }
    }

    fn slice(&mut self, machine: &mut M, target: Link, stage: Stage, position: usize, heir: Option<Link>) -> Slice {
        match stage {
            Stage::Children => self.reap_child(machine, target, position),
            Stage::Mappings => self.reap_mapping(machine, target),
            Stage::Threads => self.reap_thread(machine, target),
            Stage::Timers => self.walk(position, Self::TIMERS, target, |kernel, link| {
                kernel.remove_timer(link);
                kernel.refund(target, 0, 1);
                0
            }),
            Stage::Interrupts => self.walk(position, Self::INTERRUPTS, target, |kernel, link| {
                kernel.destroy_interrupt(machine, link);
                0
            }),
            Stage::Ports => {
                self.walk(position, Self::PORTS, target, |kernel, link| kernel.destroy_ports(machine, link))
            }
            Stage::Endpoints => self
                .walk(position, Self::ENDPOINTS, target, |kernel, link| kernel.destroy_endpoint_slice(machine, link)),
            Stage::Memories => self.reap_memory(machine, target, position, heir),
            Stage::Handles => self.reap_handles(target, position),
            Stage::Spare => self.reap_spare(target),
            Stage::Tables => self.reap_tables(machine, target, position),
        }
    }

    fn reap_child(&mut self, machine: &mut M, target: Link, position: usize) -> Slice {
        let parent = self.processes.name(target);
        let end = self.processes.extent().min(position + SLOTS_PER_SLICE);
        let is_child = |link: &Link| self.processes.live(*link).is_some_and(|process| process.parent == parent);
        match (position..end).map(Link::new).find(is_child) {
            Some(child) => {
                let next = self.end_process(machine, child, Exit { how: ExitKind::Killed, words: [0; 4] });
                self.defer(next);
                Slice::Child { position, child }
            }
            None if end < self.processes.extent() => Slice::More(end),
            None => Slice::Done,
        }
    }

    fn reap_mapping(&mut self, machine: &mut M, target: Link) -> Slice {
        let mapping = self.processes.at(target).map_or(Link::NONE, |process| process.mappings.any());
        if !mapping.is_some() {
            return Slice::Done;
        }
        self.unmap_slice(machine, mapping);
        Slice::More(0)
    }

    fn reap_thread(&mut self, machine: &mut M, target: Link) -> Slice {
        let thread = self.processes.at(target).map_or(Link::NONE, |process| process.first_thread());
        if !thread.is_some() {
            return Slice::Done;
        }
        self.remove_thread(machine, thread);
        Slice::More(0)
    }

    fn reap_handles(&mut self, target: Link, position: usize) -> Slice {
        let Some(process) = self.processes.at(target) else { return Slice::Done };
        let end = (position + HANDLES_PER_SLICE).min(process.table.entries());
        for position in position..end {
            self.handles.clear(&process.table, position);
        }
        if end == process.table.entries() { Slice::Done } else { Slice::More(end) }
    }

    fn reap_spare(&mut self, target: Link) -> Slice {
        let Some(process) = self.processes.at_mut(target) else { return Slice::Done };
        let frame = core::mem::take(&mut process.spare).frame;
        if frame != Frame(0) {
            self.frames.give_back(FrameRun { first: frame, count: 1 });
            process.quota.refund(1, 0);
        }
        Slice::Done
    }

    fn reap_tables(&mut self, machine: &mut M, target: Link, position: usize) -> Slice {
        let Some(process) = self.processes.at_mut(target) else { return Slice::Done };
        let (space, frames, quota) = (process.home.space, &mut self.frames, &mut process.quota);
        let mut give_back = |frame| {
            frames.give_back(FrameRun { first: frame, count: 1 });
            quota.refund(1, 0);
        };
        machine.release_tables(space, position, &mut give_back).map_or(Slice::Done, Slice::More)
    }

    const TIMERS: Table<M> = Table {
        extent: |kernel| kernel.timers.extent(),
        owner: |kernel, link| Some(kernel.timers.live(link)?.owner()),
    };
    const INTERRUPTS: Table<M> = Table {
        extent: |kernel| kernel.interrupts.extent(),
        owner: |kernel, link| Some(kernel.interrupts.live(link)?.owner()),
    };
    const PORTS: Table<M> =
        Table { extent: |kernel| kernel.ports.extent(), owner: |kernel, link| Some(kernel.ports.live(link)?.owner()) };
    const ENDPOINTS: Table<M> = Table {
        extent: |kernel| kernel.endpoints.extent(),
        owner: |kernel, link| Some(kernel.endpoints.live(link)?.owner()),
    };
    const MEMORIES: Table<M> = Table {
        extent: |kernel| kernel.memories.extent(),
        owner: |kernel, link| Some(kernel.memories.live(link)?.owner()),
    };

    /// Ends the object of a slot if the process owns it, else looks for the next that it owns, at a few slots. `end`
    /// returns 0 once it is gone.
    fn walk(
        &mut self,
        position: usize,
        table: Table<M>,
        owner: Link,
        end: impl FnOnce(&mut Self, Link) -> usize,
    ) -> Slice {
        match self.search(position, &table, owner) {
            Found::Here(link) => {
                let left = end(self, link);
                Slice::More(if left == 0 { position + 1 } else { position })
            }
            Found::Later(slice) => slice,
        }
    }

    /// Looks at a few slots of a table for an object that the process owns.
    fn search(&self, position: usize, table: &Table<M>, owner: Link) -> Found {
        let extent = (table.extent)(self);
        let stop = (position + SLOTS_PER_SLICE).min(extent);
        match (position..stop).find(|index| (table.owner)(self, Link::new(*index)) == Some(owner)) {
            Some(index) if index == position => Found::Here(Link::new(index)),
            // The search was work enough.
            Some(index) => Found::Later(Slice::More(index)),
            None if stop >= extent => Found::Later(Slice::Done),
            None => Found::Later(Slice::More(stop)),
        }
    }

    fn reap_memory(&mut self, machine: &mut M, target: Link, position: usize, heir: Option<Link>) -> Slice {
        let link = match self.search(position, &Self::MEMORIES, target) {
            Found::Here(link) => link,
            Found::Later(slice) => return slice,
        };
        if self.memories.at(link).is_some_and(|memory| memory.may_be_known_to_device()) {
            return self.quarantine(link, target, position, heir);
        }
        let left = self.destroy_memory(machine, link);
        Slice::More(if left == 0 { position + 1 } else { position })
    }

    /// Keeps frames that a device may still write out of use. The process's parent owns them from now on, and `heir`
    /// gets a handle, by which it destroys them once the device is quiet.
    ///
    /// The frames stay charged to the quota that they came from: that of the process shrinks by them, and is a part of
    /// what its parent uses, whether as the process's quota or as memory of the parent's own.
    fn quarantine(&mut self, link: Link, target: Link, position: usize, heir: Option<Link>) -> Slice {
        let parent = self.processes.at(target).and_then(|target| self.processes.resolve(target.parent));
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
        let (parent, quota) = (process.parent, process.quota);
        self.handles.give_back_table(process.table);
        if let Some(parent) = self.processes.get_mut(parent) {
            parent.quota.refund(quota.frames(), quota.objects().saturating_add(1));
        }
        self.processes.remove(link);
    }
}
