//! Memory objects.

use crate::frames::{Frame, FrameRun};
use crate::machine::FramePart;
use crate::tables::{Branches, Entry, Link, List, ordered};
use abi::{Access, Error, PAGE_BYTES};

#[cfg(test)]
mod checks;
mod mapped;

pub(crate) use mapped::Stretch;
pub use mapped::{IN_MEMORY, MappedRange, MappedRanges, Mappings};

/// A run of frames that can be mapped once it is zeroed.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    run: FrameRun,
    kind: MemoryKind,
    /// How many parts of the frames are still to be zeroed, before any of them can be mapped.
    unprepared: u32,
    owner: Link,
    /// Where it is mapped.
    mappings: List,
    /// How many of those mappings can be written through.
    writable: u32,
    sealed: bool,
    dying: bool,
    address_was_read: bool,
    /// Its place among all claimed device memory, if it is a device's.
    claimed: Branches,
}

/// What a memory object's frames are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryKind {
    /// RAM of the kernel's pool.
    Pool,
    /// RAM that the boot loader filled: it isn't zeroed, and its frames aren't the pool's before it is destroyed.
    Module,
    /// A device's registers.
    Device,
}

impl Memory {
    /// A memory object of those frames, charged to a process and mapped nowhere.
    pub const fn new(kind: MemoryKind, run: FrameRun, owner: Link) -> Self {
        let unprepared = match kind {
            MemoryKind::Pool => run.count * FramePart::COUNT as u32,
            MemoryKind::Module | MemoryKind::Device => 0,
        };
        Self { run, kind, unprepared, owner, ..Self::EMPTY }
    }

    /// Its frames; while it is destroyed, those that are left.
    pub const fn run(&self) -> FrameRun {
        self.run
    }

    /// What they are.
    pub const fn kind(&self) -> MemoryKind {
        self.kind
    }

    /// The process whose quota pays for it.
    pub const fn owner(&self) -> Link {
        self.owner
    }

    /// Another process pays for it from now on.
    pub const fn set_owner(&mut self, owner: Link) {
        self.owner = owner;
    }

    /// The next part of a frame that has to be zeroed, and how many are left after it: from the last part down, so that
    /// what is left tells which is next.
    pub fn take_unprepared(&mut self) -> Option<(Frame, FramePart, u32)> {
        let left = self.unprepared.checked_sub(1)?;
        self.unprepared = left;
        let parts = FramePart::COUNT as u32;
        Some((Frame(self.run.first.0 + left / parts), FramePart::new((left % parts) as u8)?, left))
    }

    /// Whether it is zeroed.
    pub const fn is_prepared(&self) -> bool {
        self.unprepared == 0
    }

    /// From now on nobody can write it.
    ///
    /// # Errors
    ///
    /// Device memory can't be sealed; memory that is mapped writable, or isn't zeroed, can't be yet.
    pub fn seal(&mut self) -> Result<(), Error> {
        if self.kind == MemoryKind::Device {
            return Err(Error::BadArgument);
        }
        if self.writable != 0 {
            return Err(Error::Sealed);
        }
        if !self.is_prepared() {
            return Err(Error::NotPrepared);
        }
        self.sealed = true;
        Ok(())
    }

    /// Whether it is sealed.
    pub const fn is_sealed(&self) -> bool {
        self.sealed
    }

    /// Whether it can be mapped with that access: it is zeroed, and no stretch can ever be both written and executed.
    pub fn check_access(&self, access: Access) -> Result<(), Error> {
        let (writes, executes) = (access.contains(Access::WRITE), access.contains(Access::EXECUTE));
        if !self.is_prepared() {
            Err(Error::NotPrepared)
        } else if writes && self.sealed || executes && !self.sealed {
            Err(Error::Sealed)
        } else if writes && executes {
            Err(Error::BadArgument)
        } else {
            Ok(())
        }
    }

    /// A program that can tell a device about the memory gets to know its address.
    pub const fn read_address(&mut self) -> u64 {
        self.address_was_read = true;
        self.run.first.0 as u64 * PAGE_BYTES as u64
    }

    /// Whether a device may know it.
    pub fn may_be_known_to_device(&self) -> bool {
        self.address_was_read && self.kind != MemoryKind::Device
    }

    /// Its end begins.
    pub const fn begin_end(&mut self) {
        self.dying = true;
    }

    /// Whether its end has begun.
    pub const fn is_dying(&self) -> bool {
        self.dying
    }

    /// The first frames have gone: a smaller object is left.
    pub const fn shrink(&mut self, count: u32) {
        self.run = FrameRun { first: Frame(self.run.first.0 + count), count: self.run.count - count };
    }

    /// Any stretch of it that is mapped.
    pub const fn any_mapping(&self) -> Link {
        self.mappings.head()
    }

    /// A stretch of it is mapped.
    pub fn add_mapping(&mut self, ranges: &mut MappedRanges, link: Link, access: Access) {
        ranges.push_front::<IN_MEMORY>(&mut self.mappings, link);
        self.writable += access.contains(Access::WRITE) as u32;
    }

    /// A stretch of it isn't mapped any more.
    pub fn remove_mapping(&mut self, ranges: &mut MappedRanges, link: Link, access: Access) {
        ranges.unlink::<IN_MEMORY>(&mut self.mappings, link);
        self.writable -= access.contains(Access::WRITE) as u32;
    }
}

ordered!(Memory, claimed, |memory| memory.run.first.0 as usize);

impl Entry for Memory {
    const EMPTY: Self = Self {
        run: FrameRun { first: Frame(0), count: 0 },
        kind: MemoryKind::Pool,
        unprepared: 0,
        owner: Link::NONE,
        mappings: List::EMPTY,
        writable: 0,
        sealed: false,
        dying: false,
        address_was_read: false,
        claimed: Branches::NONE,
    };
}
