//! Reaping: what an ended process held is torn down in slices, in its supervisor's calls and at its priority.
//!
//! A slice does a bounded amount of work wherever it stands: it unmaps a few pages, removes an object, gives a block of
//! frames or a page table back, or looks at a few slots of a table for objects that the process owns. Tables are walked
//! instead of kept as lists an owner, because a list costs every object's birth and death what only the end of a
//! process needs.

use crate::dispatch::Owner;
use crate::ends::exit::STEPS_PER_SLICE;
use crate::frames::{Frame, FrameRun};
use crate::kernel::Kernel;
use crate::machine::Machine;
use crate::objects::handle::Grant;
use crate::objects::process::{Exit, Life};
use crate::request::{CallResult, Outcome, Request, word};
use crate::tables::{Link, Name};
use abi::{Error, ExitKind, ObjectKind, Rights};

/// Slots of a table that one slice looks at.
const SLOTS_PER_SLICE: usize = 16;

/// Entries of the process's part of the handle table that one slice clears.
const HANDLES_PER_SLICE: usize = 16;

/// The order of the work. What refers to others goes before what it refers to.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Stage {
    Children,
    Mappings,
    Threads,
    Timers,
    Interrupts,
    Replies,
    Ports,
    Endpoints,
    Memories,
    Handles,
    Spare,
    Tables,
}

const STAGES: [Stage; 12] = [
    Stage::Children,
    Stage::Mappings,
    Stage::Threads,
    Stage::Timers,
    Stage::Interrupts,
    Stage::Replies,
    Stage::Ports,
    Stage::Endpoints,
    Stage::Memories,
    Stage::Handles,
    Stage::Spare,
    Stage::Tables,
];

/// What a slice found out.
enum Slice {
    /// The stage goes on from here.
    More(usize),
    /// The stage goes on from here when that process is gone.
    Child { position: usize, child: Link },
    /// The stage is done.
    Done,
    /// Frames that the process could have given to a device are now this handle of the supervisor's.
    Quarantined(u32),
    /// It can't go on before the supervisor has room for a handle.
    Stuck(Error),
}

impl<M: Machine> Kernel<M> {
    /// Does a slice of an ended process's tear-down. Word 0 is 0 when nothing is left; word 1 is a handle to frames
    /// in quarantine, if this slice came upon some.
    pub(crate) fn reap(&mut self, machine: &mut M, process: Link, request: Request) -> CallResult {
        let target = self.processes.at(process).map_or(Name::NONE, |process| process.reap.target);
        // A descendant that has gone since leaves the process itself, which has perhaps more of them.
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
            // Its parent is next, up to the process that this is about.
            self.set_target(process, parent);
            return word(1);
        };
        let (stage, position) = match self.slice(machine, target, *kind, position, request.process) {
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

    /// The next slice of a process's tear-down is about this descendant.
    fn set_target(&mut self, process: Link, target: Name) {
        if let Some(process) = self.processes.at_mut(process) {
            process.reap.target = target;
        }
    }

    fn slice(&mut self, machine: &mut M, target: Link, stage: Stage, position: usize, supervisor: Link) -> Slice {
        match stage {
            Stage::Children => {
                let parent = self.processes.name(target);
                let end = self.processes.extent().min(position + SLOTS_PER_SLICE);
                let child = (position..end).map(Link::new).find(|link| {
                    self.processes.is_live(*link)
                        && self.processes.at(*link).is_some_and(|process| process.parent == parent)
                });
                match child {
                    Some(child) => {
                        let next = self.end_process(machine, child, Exit { how: ExitKind::Killed, words: [0; 4] });
                        self.defer(next);
                        Slice::Child { position, child }
                    }
                    None if end < self.processes.extent() => Slice::More(end),
                    None => Slice::Done,
                }
            }
            Stage::Mappings => match self.processes.at(target).map(|process| process.mappings.any()) {
                Some(mapping) if mapping.is_some() => {
                    self.unmap_slice(machine, mapping);
                    Slice::More(0)
                }
                _ => Slice::Done,
            },
            Stage::Threads => match self.processes.at(target).map(|process| process.threads.head()) {
                Some(thread) if thread.is_some() => {
                    self.remove_thread(machine, thread);
                    Slice::More(0)
                }
                _ => Slice::Done,
            },
            Stage::Timers => {
                let owned = |kernel: &Self, link| {
                    kernel.timers.is_live(link) && kernel.timers.at(link).is_some_and(|timer| timer.owner == target)
                };
                self.walk(position, self.timers.extent(), owned, |kernel, link| {
                    kernel.remove_timer(link);
                    kernel.refund(target, 0, 1);
                    0
                })
            }
            Stage::Interrupts => {
                let owned = |kernel: &Self, link| {
                    kernel.interrupts.is_live(link)
                        && kernel.interrupts.at(link).is_some_and(|source| source.owner == target)
                };
                self.walk(position, self.interrupts.extent(), owned, |kernel, link| {
                    kernel.destroy_interrupt(machine, link);
                    0
                })
            }
            Stage::Replies => {
                let owned = |kernel: &Self, link| {
                    kernel.replies.is_live(link) && kernel.replies.at(link).is_some_and(|reply| reply.owner == target)
                };
                self.walk(position, self.replies.extent(), owned, |kernel, link| {
                    kernel.drop_reply(kernel.replies.name(link));
                    0
                })
            }
            Stage::Ports => {
                let owned = |kernel: &Self, link| {
                    kernel.ports.is_live(link) && kernel.ports.at(link).is_some_and(|ports| ports.owner == target)
                };
                self.walk(position, self.ports.extent(), owned, |kernel, link| kernel.destroy_ports(machine, link))
            }
            Stage::Endpoints => {
                let owned = |kernel: &Self, link| {
                    kernel.endpoints.is_live(link)
                        && kernel.endpoints.at(link).is_some_and(|endpoint| endpoint.owner == target)
                };
                self.walk(position, self.endpoints.extent(), owned, |kernel, link| {
                    kernel.destroy_endpoint_slice(machine, link)
                })
            }
            Stage::Memories => self.reap_memory(machine, target, position, supervisor),
            Stage::Handles => {
                let Some(process) = self.processes.at(target) else { return Slice::Done };
                let end = (position + HANDLES_PER_SLICE).min(process.table_mask as usize + 1);
                for position in position..end {
                    self.handles.clear(process, position as u32);
                }
                if end > process.table_mask as usize { Slice::Done } else { Slice::More(end) }
            }
            Stage::Spare => {
                let Some(process) = self.processes.at_mut(target) else { return Slice::Done };
                let frame = core::mem::take(&mut process.spare).frame;
                if frame != Frame(0) {
                    self.frames.give_back(FrameRun { first: frame, count: 1 });
                    process.quota.refund(1, 0);
                }
                Slice::Done
            }
            Stage::Tables => {
                let Some(process) = self.processes.at_mut(target) else { return Slice::Done };
                let (space, frames, quota) = (process.home.space, &mut self.frames, &mut process.quota);
                let mut give_back = |frame| {
                    frames.give_back(FrameRun { first: frame, count: 1 });
                    quota.refund(1, 0);
                };
                match machine.release_tables(space, position, &mut give_back) {
                    Some(next) => Slice::More(next),
                    None => Slice::Done,
                }
            }
        }
    }

    /// Ends the object of a slot if the process owns it, else looks for the next that it owns, at a few slots. `end`
    /// returns 0 once it is gone.
    fn walk(
        &mut self,
        position: usize,
        extent: usize,
        owned: impl Fn(&Self, Link) -> bool,
        mut end: impl FnMut(&mut Self, Link) -> usize,
    ) -> Slice {
        let stop = (position + SLOTS_PER_SLICE).min(extent);
        for index in position..stop {
            let link = Link::new(index);
            if owned(self, link) {
                if index != position {
                    // The search was work enough.
                    return Slice::More(index);
                }
                let left = end(self, link);
                return Slice::More(if left == 0 { index + 1 } else { index });
            }
        }
        if stop >= extent { Slice::Done } else { Slice::More(stop) }
    }

    fn reap_memory(&mut self, machine: &mut M, target: Link, position: usize, supervisor: Link) -> Slice {
        let stop = (position + SLOTS_PER_SLICE).min(self.memories.extent());
        for index in position..stop {
            let link = Link::new(index);
            let Some(memory) = self.memories.at(link).copied() else { break };
            if !self.memories.is_live(link) || memory.owner != target {
                continue;
            }
            if index != position {
                return Slice::More(index);
            }
            if memory.dma && !memory.device {
                return self.quarantine(link, target, supervisor);
            }
            let left = self.destroy_memory(machine, link);
            return Slice::More(if left == 0 { index + 1 } else { index });
        }
        if stop >= self.memories.extent() { Slice::Done } else { Slice::More(stop) }
    }

    /// A device may still write to these frames: they go to the supervisor, who destroys the object once it is quiet.
    fn quarantine(&mut self, link: Link, target: Link, supervisor: Link) -> Slice {
        let object = self.memories.name(link);
        let rights = Rights::DESTROY | Rights::DMA;
        let Some(owner) = self.processes.at_mut(supervisor) else { return Slice::Stuck(Error::Gone) };
        // A module's frames were in no quota.
        let count = self.memories.at(link).filter(|memory| !memory.module).map_or(0, |memory| memory.count);
        if !self.handles.has_room(owner) {
            return Slice::Stuck(Error::NoHandleSlot);
        }
        let Ok(handle) = self.handles.install(owner, Grant { object, kind: ObjectKind::Memory, rights, badge: 0 })
        else {
            return Slice::Stuck(Error::NoHandleSlot);
        };
        // The frames were the supervisor's before it gave them away as quota, so that taking them back always fits.
        owner.quota.frames_used = owner.quota.frames_used.saturating_add(count);
        owner.quota.objects_used = owner.quota.objects_used.saturating_add(1);
        if let Some(memory) = self.memories.at_mut(link) {
            memory.owner = supervisor;
        }
        self.refund(target, count, 1);
        Slice::Quarantined(handle)
    }

    /// The last of a process: its name is stale from now on, and its quota is its parent's again.
    fn bury(&mut self, link: Link) {
        self.withdraw_exit(link);
        let Some(process) = self.processes.at(link) else { return };
        let (table, mask) = (process.table, process.table_mask);
        let (parent, quota) = (process.parent, process.quota);
        self.handles.give_back_run(table, mask);
        if let Some(parent) = self.processes.get_mut(parent) {
            parent.quota.refund(quota.frames, quota.objects.saturating_add(1));
        }
        self.processes.remove(link);
    }
}
