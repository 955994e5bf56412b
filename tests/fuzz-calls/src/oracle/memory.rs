//! Memory: what a trap did to frames and address spaces must be what its caller may do.

use super::things::{Being, Call, Detail, MappedPage, Memory, ObjectNumber, ProcessNumber};
use super::{Oracle, Owner, rule};
use crate::board::{Effect, PARTS, part_number};
use abi::{Access, Operation, PAGE_BYTES, Rights};
use kernel::fake::Space;
use kernel::frames::Frame;
use kernel::machine::{Line, Mapping, MemoryType, Page};

/// The call that a trap was for: its caller's process, and its operation.
#[derive(Clone, Copy)]
pub struct Caller {
    pub process: ProcessNumber,
    pub call: Call,
    pub operation: Option<Operation>,
    /// The result's first word; none if it failed.
    pub result: Option<usize>,
}

impl Oracle {
    /// Each effect has to be one that the caller may have.
    pub(super) fn check_effects(&mut self, caller: Option<Caller>, effects: &[Effect]) {
        for effect in effects {
            match *effect {
                Effect::Zeroed(frame, part) => self.zeroed(caller, frame, part_number(part)),
                Effect::Space(space) => self.take_frame(space.0, Owner::Table(space)),
                Effect::Table(space, frame) => self.take_frame(frame, Owner::Table(space)),
                Effect::Mapped(space, mapping) => self.mapped(caller, space, mapping),
                Effect::Unmapped(space, page) => self.unmapped(caller, space, page),
                Effect::Released(space, frame) => self.released(caller, space, frame),
                Effect::Configured(line) => {
                    let makes =
                        [Operation::InterruptCreate, Operation::InterruptBind, Operation::MessageInterruptCreate];
                    let may = caller.and_then(|caller| caller.operation).is_some_and(|one| makes.contains(&one));
                    rule!(self, may, "{line:?} was set up by a trap that isn't about it");
                }
                Effect::Unmasked(line) => self.unmasked(line),
            }
        }
    }

    /// A line may interrupt only as long as it is bound.
    fn unmasked(&mut self, line: Line) {
        let bound = self.objects.iter().any(|object| {
            let is_it = matches!(object.detail, Detail::Source { line: other, .. } if other == line.0);
            is_it && object.being != Being::Gone
        });
        rule!(self, bound, "{line:?} was unmasked, and nobody has claimed it");
    }

    fn memory(&mut self, object: ObjectNumber) -> Option<&mut Memory> {
        match &mut self.objects[object].detail {
            Detail::Memory(memory) => Some(memory),
            _ => None,
        }
    }

    /// A frame of nobody's becomes somebody's.
    fn take_frame(&mut self, frame: Frame, owner: Owner) {
        let before = self.frames.insert(frame, owner);
        rule!(self, before.is_none(), "{frame:?} becomes {owner:?}, and is {before:?}");
        let mapping = self.processes.iter().flat_map(|process| process.pages.values()).find(|page| {
            let Detail::Memory(memory) = &self.objects[page.object].detail else { return false };
            let is_it = memory.base.is_some_and(|base| base.0 + page.index == frame.0);
            is_it && !matches!(owner, Owner::Memory(object) if object == page.object)
        });
        let mapping = mapping.copied();
        rule!(self, mapping.is_none(), "{frame:?} becomes {owner:?}, and is mapped as {mapping:?}");
    }

    /// Something shows where a memory object lies.
    pub(super) fn learn_base(&mut self, object: ObjectNumber, base: Frame) {
        let Some(memory) = self.memory(object) else { return };
        let (known, count, is_device) = (memory.base, memory.frames, memory.is_device);
        match known {
            Some(known) => rule!(self, known == base, "memory {object} lies at {base:?}, and lay at {known:?}"),
            None => {
                memory.base = Some(base);
                if !is_device {
                    (0..count).for_each(|index| {
                        self.take_frame(Frame(base.0 + index), Owner::Memory(object));
                    });
                }
            }
        }
    }

    /// A process, and all that it made, has no more memory than was given to it, however often it ends and reaps.
    pub(super) fn check_quotas(&mut self, process: ProcessNumber) {
        let mut next = Some(process);
        while let Some(number) = next {
            let family = self.family(number);
            let held = |object: &super::things::Object| match &object.detail {
                Detail::Memory(memory) if object.being == Being::Alive && !memory.is_device => memory.frames as usize,
                _ => 0,
            };
            let sum: usize = self.objects.iter().filter(|object| family.contains(&object.owner)).map(held).sum();
            let given = self.processes[number].frames;
            rule!(self, sum <= given, "process {number} was given {given} frames, and its family has {sum}");
            next = self.processes[number].parent;
        }
    }

    /// A memory object's frames go back: others may get them.
    pub(super) fn forget_frames(&mut self, object: ObjectNumber) {
        self.frames.retain(|_, owner| !matches!(owner, Owner::Memory(other) if *other == object));
    }

    fn zeroed(&mut self, caller: Option<Caller>, frame: Frame, part: usize) {
        let prepares = caller.filter(|caller| caller.operation == Some(Operation::MemoryPrepare));
        let object = prepares.and_then(|caller| {
            let object = self.object(caller.process, caller.call.handle as usize)?;
            Some((object, caller.result?))
        });
        let Some((object, bytes_left)) = object else {
            let owner = self.frames.get(&frame).copied();
            return rule!(self, owner.is_none(), "{frame:?} was zeroed, and is {owner:?}");
        };
        let index = (bytes_left / abi::BYTES_ZEROED_PER_CALL / PARTS) as u32;
        let base = frame.0.checked_sub(index).map(Frame);
        match base {
            Some(base) => self.learn_base(object, base),
            None => self.breaches.push(format!("{frame:?} was zeroed as frame {index} of memory {object}")),
        }
        let owner = self.frames.get(&frame).copied();
        let is_its = matches!(owner, Some(Owner::Memory(other)) if other == object);
        rule!(self, is_its, "{frame:?} was zeroed as one of memory {object}, and is {owner:?}");
        if let Some(memory) = self.memory(object) {
            let wrote = memory.contents.remove(&(index, part));
            rule!(self, wrote.is_none(), "memory {object} was zeroed after a program wrote to it");
        }
    }

    fn mapped(&mut self, caller: Option<Caller>, space: Space, mapping: Mapping) {
        let page = mapping.page;
        let Some(caller) = caller.filter(|caller| caller.operation == Some(Operation::MemoryMap)) else {
            return self.breaches.push(format!("{page:?} was mapped by a trap that isn't about it"));
        };
        let [address, offset, _, process] = caller.call.message.words;
        let target = self.target(caller.process, process);
        let object = self.object(caller.process, caller.call.handle as usize);
        let (Some(target), Some(object)) = (target, object) else {
            return self.breaches.push(format!("{page:?} was mapped with a handle that isn't one"));
        };
        let own = self.processes[target].space;
        rule!(self, own == space, "{page:?} was mapped in another process than was asked");
        let index = ((page.address().wrapping_sub(address) + offset) / PAGE_BYTES) as u32;
        match mapping.frame.0.checked_sub(index) {
            Some(base) => self.learn_base(object, Frame(base)),
            None => self.breaches.push(format!("{page:?} was mapped to {:?}", mapping.frame)),
        }
        let rights =
            self.grant(caller.process, caller.call.handle as usize).map_or(Rights::empty(), |grant| grant.rights);
        let (writes, executes) = (mapping.access.contains(Access::WRITE), mapping.access.contains(Access::EXECUTE));
        rule!(self, !writes || rights.contains(Rights::WRITE), "{page:?} is writable without the right");
        rule!(self, !executes || rights.contains(Rights::EXECUTE), "{page:?} is executable without the right");
        let Some(memory) = self.memory(object) else {
            return self.breaches.push(format!("{page:?} was mapped to what isn't memory"));
        };
        let (frames, is_sealed, is_device) = (memory.frames, memory.is_sealed, memory.is_device);
        rule!(self, index < frames, "{page:?} is page {index} of {frames}");
        rule!(self, !(writes && is_sealed), "sealed memory is writable at {page:?}");
        rule!(self, !executes || is_sealed, "memory that isn't sealed is executable at {page:?}");
        let kind = if is_device { MemoryType::Device } else { MemoryType::Ram };
        rule!(self, mapping.memory_type == kind, "{page:?} is mapped as {:?}", mapping.memory_type);
        let mapped = MappedPage { object, index, is_writable: writes };
        let before = self.processes[target].pages.insert(page, mapped);
        rule!(self, before.is_none(), "{page:?} was mapped over {before:?}");
        if target != caller.process {
            self.processes[target].quota = None;
        }
    }

    fn unmapped(&mut self, caller: Option<Caller>, space: Space, page: Page) {
        let Some(process) = self.spaces.get(&space).copied() else {
            return self.breaches.push(format!("{page:?} was unmapped in memory of nobody"));
        };
        let Some(mapped) = self.processes[process].pages.remove(&page) else {
            return self.breaches.push(format!("{page:?} of process {process} was unmapped, and wasn't mapped"));
        };
        let may = caller.is_some_and(|caller| {
            let [address, bytes, _, target] = caller.call.message.words;
            let object = self.object(caller.process, caller.call.handle as usize);
            match caller.operation {
                Some(Operation::MemoryUnmap) => {
                    let inside = page.address() >= address && page.address() - address < bytes;
                    inside && self.target(caller.process, target) == Some(process)
                }
                Some(Operation::Destroy) => object == Some(mapped.object),
                Some(Operation::ProcessReap) => {
                    let dead = self.reaped_family(caller);
                    dead.contains(&process) || dead.contains(&self.objects[mapped.object].owner)
                }
                _ => false,
            }
        });
        rule!(self, may, "{page:?} of process {process} was unmapped by a trap that may not");
        self.processes[process].quota = None;
    }

    fn released(&mut self, caller: Option<Caller>, space: Space, frame: Frame) {
        let owner = self.frames.remove(&frame);
        let is_its = matches!(owner, Some(Owner::Table(other)) if other == space);
        rule!(self, is_its, "{frame:?} is given back as a table of {space:?}, and is {owner:?}");
        let process = self.spaces.get(&space).copied();
        let may = caller.is_some_and(|caller| {
            let reaps = caller.operation == Some(Operation::ProcessReap);
            reaps && process.is_some_and(|process| self.reaped_family(caller).contains(&process))
        });
        rule!(self, may, "tables of process {process:?} are given back by a trap that may not");
        if frame == space.0 {
            self.spaces.remove(&space);
        }
    }

    /// The processes that a reaping call is about.
    fn reaped_family(&self, caller: Caller) -> super::Family {
        match self.object(caller.process, caller.call.handle as usize).map(|object| &self.objects[object].detail) {
            Some(Detail::Process(process)) => self.family(*process),
            _ => super::Family::new(),
        }
    }

    /// The process that a call is about: the caller's own for 0.
    pub(super) fn target(&self, process: ProcessNumber, handle: usize) -> Option<ProcessNumber> {
        if handle == 0 {
            return Some(process);
        }
        match self.objects[self.object(process, handle)?].detail {
            Detail::Process(target) => Some(target),
            _ => None,
        }
    }

    /// The process that a handle names.
    pub fn target_of(&self, process: ProcessNumber, handle: usize) -> Option<ProcessNumber> {
        if handle == 0 { None } else { self.target(process, handle) }
    }

    /// A program looks at a page of its memory: what stands there is what programs that may write it wrote last.
    pub fn check_content(&mut self, page: MappedPage, part: usize, found: u64) {
        let Some(memory) = self.memory(page.object) else { return };
        if memory.is_device {
            return;
        }
        let expected = memory.contents.get(&(page.index, part)).copied().unwrap_or(0);
        let object = page.object;
        rule!(self, found == expected, "memory {object}, page {}: {found:#x}, not {expected:#x}", page.index);
    }

    /// A program writes to a page of its memory.
    pub fn note_write(&mut self, page: MappedPage, part: usize, stamp: u64) {
        if let Some(memory) = self.memory(page.object) {
            memory.contents.insert((page.index, part), stamp);
        }
    }
}
