//! Memory objects and the stretches of them that are mapped.

use crate::frames::Frame;
use crate::machine::Page;
use crate::tables::{Branches, Entry, Link, Linked, Links, List, Ordered};
use abi::{Error, PAGE_BYTES};

/// A run of frames that can be mapped once it is zeroed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory {
    /// The first frame.
    pub first: Frame,
    /// How many.
    pub count: u32,
    /// How many parts of them are still to be zeroed, before any of them can be mapped.
    pub unprepared: u32,
    /// Whose quota it is charged to.
    pub owner: Link,
    /// Where it is mapped.
    pub mappings: List,
    /// How many of those mappings can be written through.
    pub writable: u32,
    /// RAM that nobody can write any more.
    pub sealed: bool,
    /// A device's registers.
    pub device: bool,
    /// RAM that the boot loader filled: it isn't zeroed, and its frames aren't the pool's before it is destroyed.
    pub module: bool,
    /// Being destroyed: nothing new is mapped.
    pub dying: bool,
    /// Its physical address was read.
    pub dma: bool,
    /// Its place among all claimed device memory, if it is a device's.
    pub claimed: Branches,
}

impl Ordered for Memory {
    fn key(&self) -> usize {
        self.first.0 as usize
    }
    fn branches(&mut self) -> &mut Branches {
        &mut self.claimed
    }
    fn branches_ref(&self) -> &Branches {
        &self.claimed
    }
}

impl Entry for Memory {
    const EMPTY: Self = Self {
        first: Frame(0),
        count: 0,
        unprepared: 0,
        owner: Link::NONE,
        mappings: List::EMPTY,
        writable: 0,
        sealed: false,
        device: false,
        module: false,
        dying: false,
        dma: false,
        claimed: Branches::NONE,
    };
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
    /// How many pages.
    pub pages: u32,
    /// What it allows.
    pub access: abi::Access,
    in_process: Branches,
    in_memory: Links,
}

impl MappedRange {
    /// A stretch that is in no list yet.
    pub const fn new(memory: Link, process: Link, address: usize, offset: u32, access: abi::Access) -> Self {
        Self { memory, process, address, offset, pages: 0, access, in_process: Branches::NONE, in_memory: Links::NONE }
    }
}

impl Entry for MappedRange {
    const EMPTY: Self = Self::new(Link::NONE, Link::NONE, 0, 0, abi::Access::empty());
}

/// The kind of list that a memory object's mappings stand in.
pub const IN_MEMORY: usize = 0;

impl Ordered for MappedRange {
    fn key(&self) -> usize {
        self.address
    }
    fn branches(&mut self) -> &mut Branches {
        &mut self.in_process
    }
    fn branches_ref(&self) -> &Branches {
        &self.in_process
    }
}

impl Linked<IN_MEMORY> for MappedRange {
    fn links(&mut self) -> &mut Links {
        &mut self.in_memory
    }
    fn links_ref(&self) -> &Links {
        &self.in_memory
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
    pub(crate) fn check(&self, memory: &Memory) -> Result<(Page, usize), Error> {
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
