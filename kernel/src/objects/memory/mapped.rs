//! The stretches of memory objects that are mapped.

use super::Memory;
use crate::machine::Page;
use crate::tables::sizes::MAPPINGS;
use crate::tables::{Arena, Branches, Entry, Link, Links, Tree, linked, ordered};
use abi::{Access, Error, PAGE_BYTES};

#[cfg(test)]
mod checks;

/// All mapped stretches of all processes.
pub type MappedRanges = Arena<MappedRange, MAPPINGS>;

/// The stretches that are mapped in a process.
#[derive(Clone, Copy, Debug)]
pub struct Mappings {
    by_address: Tree,
    count: u16,
    /// The stretch that was mapped last, as long as it is there.
    last: Link,
}

impl Mappings {
    /// Nothing is mapped.
    pub const EMPTY: Self = Self { by_address: Tree::EMPTY, count: 0, last: Link::NONE };

    /// How many there are.
    pub const fn count(&self) -> usize {
        self.count as usize
    }

    /// Any of them.
    pub const fn any(&self) -> Link {
        self.by_address.any()
    }

    /// The one with the highest address below this one.
    pub fn last_below(&self, ranges: &MappedRanges, address: usize) -> Link {
        ranges.last_below(&self.by_address, address)
    }

    /// The stretch that was mapped last, if it ends where this one would begin, in the process and in the object.
    pub fn continued(&self, ranges: &MappedRanges, memory: Link, address: usize, page: u32, access: Access) -> Link {
        let continues = |range: &&MappedRange| {
            range.memory == memory
                && range.access == access
                && range.end() == address
                && range.offset + range.pages == page
        };
        ranges.at(self.last).filter(continues).map_or(Link::NONE, |_| self.last)
    }

    /// A stretch is mapped.
    pub fn add(&mut self, ranges: &mut MappedRanges, link: Link) {
        ranges.add(&mut self.by_address, link);
        self.count += 1;
        self.last = link;
    }

    /// A stretch isn't mapped any more.
    pub fn remove(&mut self, ranges: &mut MappedRanges, link: Link) {
        ranges.take_out(&mut self.by_address, link);
        self.count = self.count.saturating_sub(1);
        if self.last == link {
            self.last = Link::NONE;
        }
    }
}

/// One contiguous stretch of a memory object in one process.
#[derive(Clone, Copy, Debug, Default)]
pub struct MappedRange {
    /// What is mapped.
    pub memory: Link,
    /// In which process.
    pub process: Link,
    /// The first address.
    pub address: usize,
    /// The first frame's number within the object.
    pub offset: u32,
    pages: u32,
    /// What it allows.
    pub access: Access,
    in_process: Branches,
    in_memory: Links,
}

impl MappedRange {
    /// A stretch that is in no list yet.
    pub const fn new(memory: Link, process: Link, address: usize, offset: u32, access: Access) -> Self {
        Self { memory, process, address, offset, pages: 0, access, in_process: Branches::NONE, in_memory: Links::NONE }
    }

    /// How many pages it has.
    pub const fn pages(&self) -> u32 {
        self.pages
    }

    /// The address behind its last page.
    pub const fn end(&self) -> usize {
        self.address + self.pages as usize * PAGE_BYTES
    }

    /// Pages behind its last one are mapped.
    pub const fn grow(&mut self, pages: u32) {
        self.pages += pages;
    }

    /// Its last pages aren't mapped any more, this many at most. Returns how many they are, and where they began.
    pub fn shrink(&mut self, most: u32) -> (u32, usize) {
        let pages = self.pages.min(most);
        self.pages -= pages;
        (pages, self.end())
    }
}

impl Entry for MappedRange {
    const EMPTY: Self = Self::new(Link::NONE, Link::NONE, 0, 0, Access::empty());
}

/// The kind of list that a memory object's mappings stand in.
pub const IN_MEMORY: usize = 0;

ordered!(MappedRange, in_process, |range| range.address);

linked!(MappedRange, IN_MEMORY, in_memory);

/// A part of a memory object and where it is to appear.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stretch {
    pub address: usize,
    pub offset: usize,
    pub bytes: usize,
}

impl Stretch {
    /// The first page and the number of pages, if all of it lies in user space and within the object.
    pub(crate) fn check(&self, memory: &Memory) -> Result<(Page, usize), Error> {
        let first = Page::new(self.address).ok_or(Error::BadArgument)?;
        let pages = self.bytes.div_ceil(PAGE_BYTES);
        if pages == 0 || !self.offset.is_multiple_of(PAGE_BYTES) {
            return Err(Error::BadArgument);
        }
        let end = (self.offset / PAGE_BYTES).checked_add(pages).ok_or(Error::BadArgument)?;
        if end > memory.run().count as usize || first.offset(pages - 1).is_none() {
            return Err(Error::BadArgument);
        }
        Ok((first, pages))
    }
}
