//! Memory for the processes that the fuzzer makes.

use abi::{Access, PAGE_BYTES};
use bellwire::{Memory, Result};

/// Fresh memory with these bytes, sealed so that they may be run.
pub fn sealed(bytes: &[u8]) -> Result<Memory> {
    let memory = Memory::new(bytes.len())?;
    memory.map(Access::READ | Access::WRITE)?.write_bytes(0, bytes);
    memory.seal()?;
    Ok(memory)
}

/// Pages that this process shares with another.
pub struct Shared<T> {
    /// The pages.
    pub memory: Memory,
    place: *mut T,
}

impl<T> Shared<T> {
    /// Pages with this content, mapped for good.
    pub fn new(content: T) -> Result<Self> {
        let memory = Memory::new(size_of::<T>().next_multiple_of(PAGE_BYTES))?;
        let mapping = memory.map(Access::READ | Access::WRITE)?;
        let shared = Self { memory, place: mapping.address() as *mut T };
        core::mem::forget(mapping);
        shared.write(&content);
        Ok(shared)
    }

    /// Puts a content there, while the other process doesn't run.
    pub fn write(&self, content: &T) {
        // SAFETY: the pages are mapped for as long as this process lives, are aligned, and no reference to them exists.
        unsafe { self.place.copy_from_nonoverlapping(content, 1) };
    }

    /// Reads one field, an integer or an array of integers. Any value that the other process wrote is valid for these.
    pub fn read_field<F: Copy>(&self, field: impl FnOnce(*const T) -> *const F) -> F {
        // SAFETY: as in `write`; all bits of integers are values.
        unsafe { field(self.place).read_volatile() }
    }
}
