//! Memory objects: runs of RAM or of a device's registers, to be mapped.

use crate::handle::handle_type;
use crate::{Handle, Mapping, Result, raw};
use abi::{Access, join};

handle_type! {
    /// A memory object.
    ///
    /// Closing its handles doesn't give RAM back; [`Memory::destroy`] does.
    Memory
}

impl Memory {
    /// Takes `bytes` bytes of zeroed RAM, rounded up to pages, from this process's quota.
    pub fn new(bytes: usize) -> Result<Self> {
        let memory = Self::installed(raw::memory_create(abi::NO_HANDLE, [bytes, 0, 0, 0])?.words[0]);
        while raw::memory_prepare(memory.raw(), [0; 4])?.words[0] != 0 {}
        Ok(memory)
    }

    /// Its size in bytes.
    pub fn bytes(&self) -> Result<usize> {
        Ok(raw::memory_info(self.raw(), [0; 4])?.words[0])
    }

    /// Its physical address, for devices that read and write memory themselves. Needs the right `DMA`.
    pub fn physical_address(&self) -> Result<u64> {
        let [_, _, low, high] = raw::memory_info(self.raw(), [0; 4])?.words;
        Ok(join(low, high))
    }

    /// Maps all of it, where there is room.
    pub fn map(&self, access: Access) -> Result<Mapping> {
        Mapping::new(self, 0, self.bytes()?, access)
    }

    /// Maps a part of it, whole pages, where there is room.
    pub fn map_part(&self, offset: usize, bytes: usize, access: Access) -> Result<Mapping> {
        Mapping::new(self, offset, bytes, access)
    }

    /// Forbids writing for good, so that it may be mapped for execution. No writable mapping may be left.
    pub fn seal(&self) -> Result<()> {
        raw::memory_seal(self.raw(), [0; 4]).map(drop)
    }
}
