//! Memory objects: runs of RAM or of a device's registers, to be mapped.

use crate::handle::{Scoped, handle_type};
use crate::{Error, Handle, Mapping, Result, raw};
use abi::{Access, join};

handle_type! {
    /// A memory object.
    ///
    /// Closing its handles doesn't give RAM back; [`Memory::destroy`] does.
    Memory
}

impl Memory {
    /// Takes `bytes` bytes of zeroed RAM, rounded up to pages, from this process's quota. The RAM lies in one piece.
    /// [`Error::NoMemory`] where the quota or the machine has no such piece, [`Error::BadArgument`] for 0 bytes.
    pub fn new(bytes: usize) -> Result<Self> {
        let created = raw::memory_create(abi::NO_HANDLE, [bytes, 0, 0, 0])?;
        let memory = Scoped::new(Self::installed(created.words[0]));
        while raw::memory_prepare(memory.raw(), [0; 4])?.words[0] != 0 {}
        Ok(memory.keep())
    }

    /// Its size in bytes.
    pub fn bytes(&self) -> Result<usize> {
        Ok(raw::memory_info(self.raw(), [0; 4])?.words[0])
    }

    /// Its physical address, for devices that read and write memory themselves. [`Error::MissingRight`] without the
    /// right `DMA`, which handles of a program with `dma` in its manifest have.
    pub fn physical_address(&self) -> Result<u64> {
        let [_, _, low, high] = raw::memory_info(self.raw(), [0; 4])?.words;
        // The kernel's answer without the right. No memory object lies there.
        Some(join(low, high)).filter(|address| *address != 0).ok_or(Error::MissingRight)
    }

    /// Maps all of it, where there is room. [`Error::MissingRight`] for more access than the handle allows,
    /// [`Error::Sealed`] for writing to what is sealed, [`Error::NoMemory`] where the program has no room or frames
    /// left.
    pub fn map(&self, access: Access) -> Result<Mapping> {
        Mapping::new(self, 0, self.bytes()?, access)
    }

    /// Maps a part of it, as [`Memory::map`] does: `bytes` bytes, rounded up to pages, from `offset` on, which is a
    /// whole number of pages. [`Error::BadArgument`] for another offset, and for a part that isn't wholly inside.
    pub fn map_part(&self, offset: usize, bytes: usize, access: Access) -> Result<Mapping> {
        Mapping::new(self, offset, bytes, access)
    }

    /// Forbids writing for good, so that it may be mapped for execution. [`Error::Sealed`] while a writable mapping is
    /// left, anybody's.
    pub fn seal(&self) -> Result<()> {
        raw::memory_seal(self.raw(), [0; 4]).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raw::fake::objects::Objects;

    #[test]
    fn without_the_right_it_has_no_physical_address() {
        let objects = Objects::serve();
        let memory = Memory::new(4096).unwrap();
        assert_eq!(memory.physical_address(), Err(Error::MissingRight));
        memory.destroy().unwrap();
        drop(objects);
    }

    #[test]
    fn memory_that_is_only_half_there_is_given_back() {
        let objects = Objects::serve();
        let memory = objects.fail_at_each_call(|| Memory::new(4096));
        let mapping = objects.fail_at_each_call(|| memory.map(Access::READ | Access::WRITE));
        drop(mapping);
        memory.destroy().unwrap();
        assert_eq!(objects.census(), Default::default());
    }
}
