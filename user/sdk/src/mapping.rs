//! Memory that is mapped into this process: a device's registers, memory for DMA, or pages shared with others.
//!
//! Others may change such memory at any time, so it is never seen through a reference: it is read and written by single
//! accesses, checked against its bounds. Each access is a barrier to the compiler (see [`Plain`]). So what a device
//! wrote by DMA before it raised its status is there once the status was read, and what was written for a device is
//! there before the register is written that starts it.

mod access;
mod room;

use crate::{Error, Handle, Memory, Process, Result, raw};
use abi::{Access, Operation, PAGE_BYTES};
use core::marker::PhantomData;
use room::Room;

pub use access::Plain;

/// A mapped part of a memory object. Dropped, it is unmapped; the memory object stays. Where the memory object is
/// destroyed before, using the mapping is a fault of the program.
///
/// ```no_run
/// # use bellwire::{Access, Grants, Result};
/// # fn run(grants: &Grants) -> Result<()> {
/// let screen = grants.device_memory(0xB8000)?.map(Access::READ | Access::WRITE)?;
/// screen.write::<u16>(0, 0x0742); // a grey B in the upper left corner
/// # Ok(())
/// # }
/// ```
///
/// A value of 64 bits would be two accesses on i686, so there are none:
///
/// ```compile_fail,E0277
/// fn counter(registers: &bellwire::Mapping) -> u64 {
///     registers.read::<u64>(0xF0)
/// }
/// ```
#[derive(Debug)]
#[must_use = "the memory is unmapped when this is dropped"]
pub struct Mapping {
    address: usize,
    bytes: usize,
}

static ROOM: Room = Room::new();

impl Mapping {
    pub(crate) fn new(memory: &Memory, offset: usize, bytes: usize, access: Access) -> Result<Self> {
        let bytes = bytes.checked_next_multiple_of(PAGE_BYTES).filter(|bytes| *bytes != 0).ok_or(Error::BadArgument)?;
        loop {
            let address = ROOM.take(bytes)?;
            // SAFETY: the room was taken for this mapping alone.
            match unsafe { memory.map_at(address, offset, bytes, access) } {
                Ok(()) => return Ok(Self { address, bytes }),
                // Somebody mapped there by hand. The room stays taken, and the next one is tried.
                Err(Error::Conflict) => {}
                Err(error) => {
                    ROOM.give_back(address, bytes);
                    return Err(error);
                }
            }
        }
    }

    /// Where it starts.
    pub fn address(&self) -> usize {
        self.address
    }

    /// Its length in bytes, a whole number of pages.
    pub fn len(&self) -> usize {
        self.bytes
    }

    /// Whether it has no bytes, which no mapping is.
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Reads the value at an offset.
    ///
    /// # Panics
    /// If the value isn't wholly inside, or the offset isn't a multiple of its size.
    #[inline]
    pub fn read<T: Plain>(&self, offset: usize) -> T {
        let address = self.pointer(offset);
        // SAFETY: `pointer` checked that the value lies inside the mapping and is aligned.
        unsafe { T::load(address) }
    }

    /// Writes the value at an offset. Where the mapping is read-only, that is a fault of the program.
    ///
    /// # Panics
    /// If the value isn't wholly inside, or the offset isn't a multiple of its size.
    #[inline]
    pub fn write<T: Plain>(&self, offset: usize, value: T) {
        let address = self.pointer(offset);
        // SAFETY: `pointer` checked that the value lies inside the mapping and is aligned; Rust knows of nothing there.
        unsafe { T::store(address, value) }
    }

    /// Returns the value at an offset as a register, which is checked now and not at each access.
    ///
    /// # Panics
    /// If it isn't wholly inside, or the offset isn't a multiple of its size.
    pub fn register<T: Plain>(&self, offset: usize) -> MappedRegister<'_, T> {
        MappedRegister { address: self.pointer(offset), mapping: PhantomData }
    }

    /// Copies bytes out.
    ///
    /// # Panics
    /// If they aren't wholly inside.
    pub fn read_bytes(&self, offset: usize, to: &mut [u8]) {
        let from = self.range(offset, to.len());
        // SAFETY: `range` checked that the bytes lie inside the mapping, of which Rust knows nothing.
        unsafe { access::copy(from, to.as_mut_ptr(), to.len()) };
    }

    /// Copies bytes in. Where the mapping is read-only, that is a fault of the program.
    ///
    /// # Panics
    /// If they wouldn't be wholly inside.
    pub fn write_bytes(&self, offset: usize, from: &[u8]) {
        let to = self.range(offset, from.len());
        // SAFETY: `range` checked that the bytes lie inside the mapping, of which Rust knows nothing.
        unsafe { access::copy(from.as_ptr(), to, from.len()) };
    }

    /// Returns the memory as a slice.
    ///
    /// # Safety
    /// As long as the slice lives,
    ///
    /// 1. nobody writes to the memory: no device, no other process, no other mapping;
    /// 2. nobody destroys the memory object, through whichever handle.
    pub unsafe fn as_slice(&self) -> &[u8] {
        // SAFETY: the pages are mapped as long as `self` lives, since nobody destroys them; and they don't change.
        unsafe { core::slice::from_raw_parts(self.address as *const u8, self.bytes) }
    }

    #[inline]
    fn pointer<T: Plain>(&self, offset: usize) -> *mut T {
        assert!(offset.is_multiple_of(align_of::<T>()), "offset {offset:#x} isn't aligned");
        self.range(offset, size_of::<T>()).cast()
    }

    #[inline]
    fn range(&self, offset: usize, bytes: usize) -> *mut u8 {
        let end = offset.checked_add(bytes);
        assert!(end.is_some_and(|end| end <= self.bytes), "offset {offset:#x} is outside of a mapping");
        (self.address + offset) as *mut u8
    }
}

/// One value in a [`Mapping`].
#[derive(Clone, Copy, Debug)]
pub struct MappedRegister<'a, T> {
    address: *mut T,
    mapping: PhantomData<&'a Mapping>,
}

impl<T: Plain> MappedRegister<'_, T> {
    /// Reads it.
    #[inline(always)]
    pub fn read(self) -> T {
        // SAFETY: the address was checked when this was made, and stays mapped as long as the mapping that is borrowed.
        unsafe { T::load(self.address) }
    }

    /// Writes it. Where the mapping is read-only, that is a fault of the program.
    #[inline(always)]
    pub fn write(self, value: T) {
        // SAFETY: as for `read`; Rust knows of nothing there.
        unsafe { T::store(self.address, value) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the range is this mapping's alone, and whatever borrowed the mapping is gone.
        if unsafe { unmap(self.address, self.bytes) }.is_ok() {
            ROOM.give_back(self.address, self.bytes);
        }
    }
}

/// Unmaps pages of this process, slice by slice, until nothing of them is mapped. Pages of which nothing is mapped are
/// no error.
///
/// # Safety
/// The range is the caller's alone, and nothing refers to it any more.
unsafe fn unmap(address: usize, bytes: usize) -> Result<()> {
    // The kernel takes slices off the end of a stretch, so the range stays the same.
    // SAFETY: the caller gives the range up.
    while unsafe { raw::memory_unmap(abi::NO_HANDLE, [address, bytes, 0, 0]) }?.words[0] != 0 {}
    Ok(())
}

impl Memory {
    /// Maps a part of the memory into another process, at an address of the caller's choice, slice by slice.
    ///
    /// Nothing undoes that but the end of the process or of the memory.
    pub fn map_into(
        &self,
        process: &Process,
        address: usize,
        offset: usize,
        bytes: usize,
        access: Access,
    ) -> Result<()> {
        // SAFETY: a `Process` is another one than this, whose memory is its maker's concern.
        unsafe { self.map_slices(process.raw(), [address, offset, bytes], access) }.map_err(|(_, error)| error)
    }

    /// Maps a part of the memory into this process, at an address of the caller's choice, slice by slice. Where that
    /// fails, nothing new is mapped; what was mapped before, stays.
    ///
    /// Nothing undoes that but the end of the process or of the memory.
    ///
    /// # Safety
    /// The range is the caller's: outside of all places in [`crate::layout`], or given to the caller by the keeper of
    /// that place. None of it is meant to stay unmapped, as the guard of a stack is.
    pub unsafe fn map_at(&self, address: usize, offset: usize, bytes: usize, access: Access) -> Result<()> {
        // SAFETY: the caller owns the range.
        unsafe { self.map_slices(abi::NO_HANDLE, [address, offset, bytes], access) }.map_err(|(done, error)| {
            // SAFETY: this much was mapped just now, and nobody has used it. The rest of the range is somebody else's.
            let _ = unsafe { unmap(address, done) };
            error
        })
    }

    /// Maps a stretch (address, offset, bytes) slice by slice. An error says how many bytes were mapped before.
    ///
    /// # Safety
    /// In this process, the range is the caller's, as for [`Memory::map_at`].
    unsafe fn map_slices(&self, process: u32, stretch: [usize; 3], access: Access) -> Result<(), (usize, Error)> {
        let [address, offset, bytes] = stretch;
        let mut done = 0;
        while done < bytes {
            let words = [address + done, offset + done, bytes - done, process as usize];
            // SAFETY: the caller owns the range.
            let message = unsafe { raw::invoke_any(Operation::MemoryMap, self.raw(), 0, access.options(), words) };
            // None at all is progress too: a page table.
            done += raw::checked(message).map_err(|error| (done, error))?.words[0];
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
