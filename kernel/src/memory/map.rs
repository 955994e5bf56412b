//! Where memory objects are mapped.
//!
//! A step maps or unmaps a bounded number of pages and says how many; user mode loops. What an address space maps is
//! known in both directions: a process lists its stretches, and so does a memory object.

use crate::frames::Frame;
use crate::kernel::Kernel;
use crate::machine::{Machine, MapError, Mapping, MemoryType, Page};
use crate::objects::memory::{IN_MEMORY, MappedRange, Stretch};
use crate::request::Refusal;
use crate::tables::Link;
use crate::tables::sizes::MAPPINGS_PER_PROCESS;
use abi::{Access, Error, PAGE_BYTES, PAGES_PER_CALL};

impl<M: Machine> Kernel<M> {
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
            if self.mappings.is_full() || process.mapping_count as usize >= MAPPINGS_PER_PROCESS {
                return Err(Error::TableFull.into());
            }
            process.quota.charge(0, 1).ok_or(Error::NoMemory)?;
        }
        let (space, spare) = (process.home.space, &mut process.spare);
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
                    process.quota.refund(0, 1);
                }
                match error {
                    MapError::Occupied => Err(Error::Conflict.into()),
                    MapError::NoFrame => Ok(self.prepare_spare(machine, target).map(|_| 0)?),
                }
            }
        }
    }

    /// The record of a stretch that this one continues, if there is one: the last of the process.
    fn continued_range(&self, memory: Link, target: Link, address: usize, offset: u32, access: Access) -> Option<Link> {
        let last = self.processes.at(target)?.last_mapped;
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
            self.mappings.add(&mut process.mappings, link);
            process.mapping_count += 1;
            process.last_mapped = link;
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
            self.mappings.take_out(&mut process.mappings, link);
            process.mapping_count = process.mapping_count.saturating_sub(1);
            if process.last_mapped == link {
                process.last_mapped = Link::NONE;
            }
            process.quota.refund(0, 1);
        }
        if let Some(memory) = self.memories.at_mut(range.memory) {
            self.mappings.unlink::<IN_MEMORY>(&mut memory.mappings, link);
            memory.writable -= range.access.contains(Access::WRITE) as u32;
        }
        self.mappings.recycle(link);
    }

    /// Unmaps the last pages of a stretch, and forgets it once it is empty. Returns how many pages it unmapped.
    pub(crate) fn unmap_slice(&mut self, machine: &mut M, link: Link) -> usize {
        let Some(range) = self.mappings.at_mut(link) else { return 0 };
        let Some(space) = self.processes.at(range.process).map(|process| process.home.space) else { return 0 };
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
}
