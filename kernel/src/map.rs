//! Memory objects and where they are mapped.
//!
//! A call prepares, maps or unmaps a bounded number of pages and says how many; user mode loops. What an address
//! space maps is known in both directions: a process lists its stretches, and so does a memory object.

use crate::Kernel;
use crate::arena::{Entry, Link};
use crate::call::{CallResult, DONE, Outcome, Refusal, Request, word};
use crate::machine::{FramePart, Machine, MapError, Mapping, MemoryType, Page};
use crate::memory::{Frame, FrameRun, Zone};
use crate::process::{IN_MEMORY, MappedRange, Memory, SpareFrame};
use crate::sizes::MAPPINGS_PER_PROCESS;
use abi::{
    Access, BYTES_ZEROED_PER_CALL, Error, ObjectKind, Operation, PAGE_BYTES, PAGES_PER_CALL, Rights, join, split,
};

impl<M: Machine> Kernel<M> {
    pub(crate) fn memory_call(&mut self, machine: &mut M, request: Request, operation: Operation) -> CallResult {
        let [one, two, three, four] = request.message.words;
        match operation {
            Operation::MemoryCreate => self.memory_create(request, one),
            Operation::MemoryDevice => self.memory_device(machine, request, join(one, two), three),
            Operation::MemoryMap => {
                let stretch = Stretch { address: one, offset: two, bytes: three };
                let target = self.process_or_own(request, four)?;
                self.memory_map(machine, request, stretch, target)
            }
            Operation::MemoryUnmap => {
                let target = self.process_or_own(request, four)?;
                word(self.unmap(machine, target, one, two)? * PAGE_BYTES)
            }
            Operation::MemoryPrepare => {
                let memory = self.find_memory(&request, Rights::WRITE)?;
                word((self.prepare(machine, memory) as usize).saturating_mul(BYTES_ZEROED_PER_CALL))
            }
            Operation::MemorySeal => {
                let memory = self.find_memory(&request, Rights::SEAL)?;
                let memory = self.memories.at_mut(memory).ok_or(Error::BadHandle)?;
                if memory.device {
                    return Err(Error::BadArgument.into());
                }
                if memory.writable != 0 {
                    return Err(Error::Sealed.into());
                }
                if memory.unprepared != 0 {
                    return Err(Error::NotPrepared.into());
                }
                memory.sealed = true;
                DONE
            }
            _ => {
                let grant = self.find(&request, Rights::empty())?;
                if grant.kind != ObjectKind::Memory {
                    return Err(Error::WrongType.into());
                }
                let memory = self.memories.get_mut(grant.object).ok_or(Error::BadHandle)?;
                let flags =
                    memory.sealed as usize | (memory.device as usize) << 1 | ((memory.unprepared == 0) as usize) << 2;
                let mut address = [0; 2];
                if grant.rights.contains(Rights::DMA) {
                    address = split(memory.first.0 as u64 * PAGE_BYTES as u64);
                    memory.dma = true;
                }
                let [low, high] = address;
                // Four gigabytes of device registers are one byte too many for a word of 32 bits.
                Ok(Outcome::Return([(memory.count as usize).saturating_mul(PAGE_BYTES), flags, low, high]))
            }
        }
    }

    fn memory_create(&mut self, request: Request, bytes: usize) -> CallResult {
        let count = u32::try_from(bytes.div_ceil(PAGE_BYTES)).map_err(|_| Error::BadArgument)?;
        if count == 0 {
            return Err(Error::BadArgument.into());
        }
        let process = self.processes.at_mut(request.process).ok_or(Error::Gone)?;
        process.0.quota.charge(count, 0).ok_or(Error::NoMemory)?;
        let Some(first) = self.frames.take(count, Zone::Any) else {
            self.refund(request.process, count, 0);
            return Err(Error::NoMemory.into());
        };
        let owner = request.process;
        let result = self.create(request, ObjectKind::Memory, |kernel| {
            let unprepared = count * FramePart::COUNT as u32;
            kernel.memories.insert(Memory { first, count, unprepared, owner, ..Memory::EMPTY })
        });
        if result.is_err() {
            self.frames.give_back(FrameRun { first, count });
            self.refund(request.process, count, 0);
        }
        result
    }

    fn memory_device(&mut self, machine: &mut M, request: Request, address: u64, bytes: usize) -> CallResult {
        self.find(&request, Rights::ROOT_MEMORY)?;
        let first = u32::try_from(address / PAGE_BYTES as u64).map_err(|_| Error::BadArgument)?;
        let count = u32::try_from(bytes.div_ceil(PAGE_BYTES)).map_err(|_| Error::BadArgument)?;
        let end = first.checked_add(count).ok_or(Error::BadArgument)?;
        let aligned = address.is_multiple_of(PAGE_BYTES as u64) && count != 0;
        if !aligned || !machine.is_device_memory(Frame(first), count as usize) {
            return Err(Error::BadArgument.into());
        }
        // Of those that begin before its end, only the last one can reach beyond its start: they don't overlap.
        let before = self.memories.at(self.memories.last_below(&self.claimed_memory, end as usize));
        if let Some(memory) = before.filter(|memory| first < memory.first.0 + memory.count) {
            return Err(self.conflict(memory.owner));
        }
        let owner = request.process;
        self.create(request, ObjectKind::Memory, |kernel| {
            let first = Frame(first);
            let name = kernel.memories.insert(Memory { first, count, owner, device: true, ..Memory::EMPTY })?;
            kernel.memories.add(&mut kernel.claimed_memory, name.link());
            Some(name)
        })
    }

    /// Zeroes the next part of a memory object. Returns how many are left.
    pub(crate) fn prepare(&mut self, machine: &mut M, memory: Link) -> u32 {
        let Some(memory) = self.memories.at_mut(memory) else { return 0 };
        let Some(left) = memory.unprepared.checked_sub(1) else { return 0 };
        memory.unprepared = left;
        // From the last part down, so that what is left tells which is next.
        let parts = FramePart::COUNT as u32;
        if let Some(part) = FramePart::new((left % parts) as u8) {
            machine.zero(Frame(memory.first.0 + left / parts), part);
        }
        left
    }

    fn memory_map(&mut self, machine: &mut M, request: Request, stretch: Stretch, target: Link) -> CallResult {
        let access = Access::from_options(request.message.tag.options()) | Access::READ;
        let mut needs = Rights::READ;
        if access.contains(Access::WRITE) {
            needs |= Rights::WRITE;
        }
        if access.contains(Access::EXECUTE) {
            needs |= Rights::EXECUTE;
        }
        let memory = self.find_memory(&request, needs)?;
        word(self.map(machine, memory, target, stretch, access)? * PAGE_BYTES)
    }

    /// Maps the first pages of a stretch. Returns how many: none if this call had enough to do with a page table, which
    /// a later one finds ready.
    pub(crate) fn map(
        &mut self,
        machine: &mut M,
        link: Link,
        target: Link,
        stretch: Stretch,
        access: Access,
    ) -> Result<usize, Refusal> {
        let memory = self.memories.at(link).ok_or(Error::BadHandle)?;
        let (page, pages) = stretch.check(memory)?;
        if memory.dying {
            return Err(Error::Busy.into());
        }
        if memory.unprepared != 0 {
            return Err(Error::NotPrepared.into());
        }
        if access.contains(Access::WRITE) && memory.sealed || access.contains(Access::EXECUTE) && !memory.sealed {
            return Err(Error::Sealed.into());
        }
        if access.contains(Access::WRITE | Access::EXECUTE) {
            return Err(Error::BadArgument.into());
        }
        let offset = (stretch.offset / PAGE_BYTES) as u32;
        let frame = Frame(memory.first.0 + offset);
        let memory_type = if memory.device { MemoryType::Device } else { MemoryType::Ram };
        let mapping = Mapping { page, frame, access, memory_type };
        let known = self.continued_range(link, target, stretch.address, offset, access);
        let process = self.processes.at_mut(target).ok_or(Error::Gone)?;
        if known.is_none() {
            if self.mappings.is_full() || process.0.mapping_count as usize >= MAPPINGS_PER_PROCESS {
                return Err(Error::TableFull.into());
            }
            process.0.quota.charge(0, 1).ok_or(Error::NoMemory)?;
        }
        let (space, spare) = (process.0.home.space, &mut process.0.spare);
        match machine.map(space, mapping, pages.min(PAGES_PER_CALL), &mut || spare.take()) {
            Ok(mapped) => {
                let range =
                    known.or_else(|| self.add_range(MappedRange::new(link, target, stretch.address, offset, access)));
                if let Some(range) = range.and_then(|range| self.mappings.at_mut(range)) {
                    range.pages += mapped as u32;
                }
                Ok(mapped)
            }
            Err(error) => {
                if known.is_none() {
                    process.0.quota.refund(0, 1);
                }
                match error {
                    MapError::Occupied => Err(Error::Conflict.into()),
                    MapError::NoFrame => Ok(self.prepare_spare(machine, target).map(|_| 0)?),
                }
            }
        }
    }

    /// A zeroed frame of a process's, for a page table; if there is none yet, a step towards one.
    ///
    /// The frame is kept at the process: whatever becomes of the calls that want it, the work isn't lost, and whoever
    /// comes next goes on with it.
    pub(crate) fn prepare_spare(&mut self, machine: &mut M, process: Link) -> Result<Option<Frame>, Error> {
        let owner = self.processes.at_mut(process).ok_or(Error::Gone)?;
        let spare = &mut owner.0.spare;
        if let Some(part) = FramePart::new(spare.zeroed).filter(|_| spare.frame != Frame(0)) {
            machine.zero(spare.frame, part);
            spare.zeroed += 1;
            return Ok(None);
        }
        if let Some(frame) = spare.take() {
            return Ok(Some(frame));
        }
        owner.0.quota.charge(1, 0).ok_or(Error::NoMemory)?;
        match self.frames.take(1, Zone::Low) {
            Some(frame) => {
                *spare = SpareFrame { frame, zeroed: 0 };
                Ok(None)
            }
            None => {
                owner.0.quota.refund(1, 0);
                Err(Error::NoMemory)
            }
        }
    }

    /// The record of a stretch that this one continues, if there is one: the last of the process.
    fn continued_range(&self, memory: Link, target: Link, address: usize, offset: u32, access: Access) -> Option<Link> {
        let last = self.processes.at(target)?.0.last_mapped;
        let range = self.mappings.at(last)?;
        let continues = range.memory == memory
            && range.access == access
            && range.address + range.pages as usize * PAGE_BYTES == address
            && range.offset + range.pages == offset;
        continues.then_some(last)
    }

    /// Adds the record of a stretch, which the process has paid for already.
    fn add_range(&mut self, range: MappedRange) -> Option<Link> {
        let link = self.mappings.insert(range)?.link();
        if let Some(process) = self.processes.at_mut(range.process) {
            self.mappings.add(&mut process.0.mappings, link);
            process.0.mapping_count += 1;
            process.0.last_mapped = link;
        }
        if let Some(memory) = self.memories.at_mut(range.memory) {
            self.mappings.push_front::<IN_MEMORY>(&mut memory.mappings, link);
            memory.writable += range.access.contains(Access::WRITE) as u32;
        }
        Some(link)
    }

    fn remove_range(&mut self, link: Link) {
        let Some(range) = self.mappings.at(link).copied() else { return };
        if let Some(process) = self.processes.at_mut(range.process) {
            self.mappings.take_out(&mut process.0.mappings, link);
            process.0.mapping_count = process.0.mapping_count.saturating_sub(1);
            if process.0.last_mapped == link {
                process.0.last_mapped = Link::NONE;
            }
            process.0.quota.refund(0, 1);
        }
        if let Some(memory) = self.memories.at_mut(range.memory) {
            self.mappings.unlink::<IN_MEMORY>(&mut memory.mappings, link);
            memory.writable -= range.access.contains(Access::WRITE) as u32;
        }
        self.mappings.recycle(link);
    }

    /// Unmaps pages at the end of the stretch that ends where the asked range ends, or all of those within it.
    /// Returns how many: 0 when nothing of the range is mapped any more.
    fn unmap(&mut self, machine: &mut M, target: Link, address: usize, bytes: usize) -> Result<usize, Refusal> {
        let end = address.checked_add(bytes).ok_or(Error::BadArgument)?;
        let process = self.processes.at(target).ok_or(Error::Gone)?;
        let link = self.mappings.last_below(&process.0.mappings, end);
        let Some(range) = self.mappings.at(link) else { return Ok(0) };
        let range_end = range.address + range.pages as usize * PAGE_BYTES;
        if range_end <= address {
            Ok(0)
        } else if range.address >= address && range_end <= end {
            Ok(self.unmap_slice(machine, link))
        } else {
            // A mapping ends as it began, as a whole: cutting it up could need a record that isn't there.
            Err(Error::BadArgument.into())
        }
    }

    /// Unmaps the last pages of a stretch, and forgets it once it is empty. Returns how many pages it unmapped.
    pub(crate) fn unmap_slice(&mut self, machine: &mut M, link: Link) -> usize {
        let Some(range) = self.mappings.at_mut(link) else { return 0 };
        let Some(space) = self.processes.at(range.process).map(|process| process.0.home.space) else { return 0 };
        let done = range.pages.min(PAGES_PER_CALL as u32);
        range.pages -= done;
        if let Some(page) = Page::new(range.address + range.pages as usize * PAGE_BYTES) {
            machine.unmap(space, page, done as usize);
        }
        if range.pages == 0 {
            self.remove_range(link);
        }
        done as usize
    }

    /// Does a slice of a memory object's end: takes some pages out of where it is mapped, or gives a block of its frames
    /// back, or ends it. Returns whether work is left.
    pub(crate) fn destroy_memory(&mut self, machine: &mut M, link: Link) -> usize {
        let Some(memory) = self.memories.at_mut(link) else { return 0 };
        memory.dying = true;
        let mapping = memory.mappings.head();
        if mapping.is_some() {
            self.unmap_slice(machine, mapping);
            return 1;
        }
        let (owner, run) = (memory.owner, FrameRun { first: memory.first, count: memory.count });
        if run.count != 0 && !memory.device {
            let count = if memory.module {
                let (count, usable) = self.frames.adopt_block(run);
                // All memory is the first process's quota, this from now on too.
                if let Some(owner) = self.processes.at_mut(owner).filter(|owner| owner.0.parent.is_none()) {
                    owner.0.quota.frames = owner.0.quota.frames.saturating_add(usable);
                }
                count
            } else {
                let count = self.frames.give_back_block(run);
                self.refund(owner, count, 0);
                count
            };
            // What is left is a smaller object.
            if let Some(memory) = self.memories.at_mut(link) {
                memory.first = Frame(run.first.0 + count);
                memory.count = run.count - count;
            }
            if count < run.count {
                return 1;
            }
        }
        if self.memories.at(link).is_some_and(|memory| memory.device) {
            self.memories.take_out(&mut self.claimed_memory, link);
        }
        self.refund(owner, 0, 1);
        self.memories.remove(link);
        0
    }

    fn find_memory(&self, request: &Request, needs: Rights) -> Result<Link, Refusal> {
        let grant = self.find(request, needs)?;
        Ok(self.memories.resolve(grant.object).ok_or(Error::BadHandle)?)
    }
}

/// A part of a memory object and where it is to appear.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stretch {
    pub address: usize,
    pub offset: usize,
    pub bytes: usize,
}

impl Stretch {
    /// The first page and the number of pages, if all of it lies in user space and within the object.
    fn check(&self, memory: &Memory) -> Result<(Page, usize), Error> {
        let first = Page::new(self.address).ok_or(Error::BadArgument)?;
        let pages = self.bytes.div_ceil(PAGE_BYTES);
        if pages == 0 || !self.offset.is_multiple_of(PAGE_BYTES) {
            return Err(Error::BadArgument);
        }
        let end = (self.offset / PAGE_BYTES).checked_add(pages).ok_or(Error::BadArgument)?;
        if end > memory.count as usize || first.offset(pages - 1).is_none() {
            return Err(Error::BadArgument);
        }
        Ok((first, pages))
    }
}
