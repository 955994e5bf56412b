//! Where memory objects are mapped.
//!
//! A step maps or unmaps a bounded number of pages and returns how many; user mode loops. Stretches are listed twice:
//! by the process, and by the memory object.

use crate::frames::Frame;
use crate::kernel::Kernel;
use crate::machine::{Machine, MapError, Mapping, MemoryType, Page};
use crate::objects::memory::{MappedRange, MemoryKind, Stretch};
use crate::request::Refusal;
use crate::tables::Link;
use crate::tables::sizes::MAPPINGS_PER_PROCESS;
use abi::{Access, Error, PAGE_BYTES, PAGES_PER_CALL};

impl<M: Machine> Kernel<M> {
    /// Maps the first pages of a stretch. Returns how many: 0 if this call prepared a page table, for a later one to
    /// use.
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
        memory.check_access(access)?;
        let offset = (stretch.offset / PAGE_BYTES) as u32;
        let frame = Frame(memory.run().first.0 + offset);
        let memory_type = match memory.kind() {
            MemoryKind::Device => MemoryType::Device,
            MemoryKind::Pool | MemoryKind::Module => MemoryType::Ram,
        };
        let mapping = Mapping { page, frame, access, memory_type };
        let process = self.processes.at_mut(target).ok_or(Error::Gone)?;
        let known = process.mappings.continued(&self.mappings, link, stretch.address, offset, access);
        if !known.is_some() {
            if self.mappings.is_full() || process.mappings.count() >= MAPPINGS_PER_PROCESS {
                return Err(Error::TableFull.into());
            }
            process.quota.charge(0, 1).ok_or(Error::NoMemory)?;
        }
        let (space, spare) = (process.home.space, &mut process.spare);
        match machine.map(space, mapping, pages.min(PAGES_PER_CALL), &mut || spare.take()) {
            Ok(mapped) => {
                let range = match known.is_some() {
                    true => known,
                    false => self.add_range(MappedRange::new(link, target, stretch.address, offset, access)),
                };
                if let Some(range) = self.mappings.at_mut(range) {
                    range.grow(mapped as u32);
                }
                Ok(mapped)
            }
            Err(error) => {
                if !known.is_some() {
                    process.quota.refund(0, 1);
                }
                match error {
                    MapError::Occupied => Err(Error::Conflict.into()),
                    MapError::NoFrame => Ok(self.prepare_spare(machine, target).map(|_| 0)?),
                }
            }
        }
    }

    /// Adds the record of a stretch, which is charged to the process already.
    fn add_range(&mut self, range: MappedRange) -> Link {
        let Some(link) = self.mappings.insert(range).map(|name| name.link()) else { return Link::NONE };
        if let Some(process) = self.processes.at_mut(range.process) {
            process.mappings.add(&mut self.mappings, link);
        }
        if let Some(memory) = self.memories.at_mut(range.memory) {
            memory.add_mapping(&mut self.mappings, link, range.access);
        }
        link
    }

    fn remove_range(&mut self, link: Link) {
        let Some(range) = self.mappings.at(link).copied() else { return };
        if let Some(process) = self.processes.at_mut(range.process) {
            process.mappings.remove(&mut self.mappings, link);
            process.quota.refund(0, 1);
        }
        if let Some(memory) = self.memories.at_mut(range.memory) {
            memory.remove_mapping(&mut self.mappings, link, range.access);
        }
        self.mappings.recycle(link);
    }

    /// Unmaps the last pages of a stretch, and forgets it once it is empty. Returns how many pages it unmapped.
    pub(crate) fn unmap_slice(&mut self, machine: &mut M, link: Link) -> usize {
        let Some(range) = self.mappings.at_mut(link) else { return 0 };
        let Some(space) = self.processes.at(range.process).map(|process| process.home.space) else { return 0 };
        let (done, address) = range.shrink(PAGES_PER_CALL as u32);
        let is_empty = range.pages() == 0;
        if let Some(page) = Page::new(address) {
            machine.unmap(space, page, done as usize);
        }
        if is_empty {
            self.remove_range(link);
        }
        done as usize
    }
}
