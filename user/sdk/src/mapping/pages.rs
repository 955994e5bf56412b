//! Pages that are mapped slice by slice.

use crate::{Handle, Memory, Result, raw};
use abi::{Access, Operation};

/// Pages that were mapped from an address on. They are unmapped when this is dropped.
#[derive(Debug)]
pub struct Pages {
    /// The handle of the process, or [`abi::NO_HANDLE`] for this one.
    process: u32,
    address: usize,
    bytes: usize,
}

impl Pages {
    /// None yet, at an address of a process.
    pub const fn none(process: u32, address: usize) -> Self {
        Self { process, address, bytes: 0 }
    }

    /// Maps a part of a memory object behind the pages that are there. After an error, some of it may be.
    ///
    /// # Safety
    /// In this process, the range is the caller's as [`Memory::map_at`] has it, and stays so as long as `self` lives.
    pub unsafe fn map(&mut self, memory: &Memory, offset: usize, bytes: usize, access: Access) -> Result<()> {
        let mut done = 0;
        while done < bytes {
            let words = [self.address + self.bytes, offset + done, bytes - done, self.process as usize];
            // SAFETY: the caller owns the range.
            let message = unsafe { raw::invoke_any(Operation::MemoryMap, memory.raw(), 0, access.options(), words) };
            // None at all is progress too: a page table.
            let [slice, ..] = raw::checked(message)?.words;
            done += slice;
            self.bytes += slice;
        }
        Ok(())
    }

    /// Unmaps them, slice by slice. Pages of which nothing is mapped any more are no error.
    pub fn unmap(&mut self) -> Result<()> {
        // The kernel takes slices off the end of a stretch, so the range stays the same.
        let words = [self.address, self.bytes, 0, self.process as usize];
        // SAFETY: these pages were mapped by `map`, whose caller owns the range. Who lends it out borrows `self`.
        while self.bytes != 0 && unsafe { raw::memory_unmap(abi::NO_HANDLE, words) }?.words[0] != 0 {}
        self.bytes = 0;
        Ok(())
    }

    /// Leaves them mapped.
    pub const fn leave(mut self) {
        self.bytes = 0;
        core::mem::forget(self);
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // An error means that the process is gone.
        let _ = self.unmap();
    }
}
