//! Memory that is mapped into this process: a device's registers, or pages shared with others.
//!
//! Whoever else maps the memory may change it at any time, so it is never seen through a reference: it is read and
//! written by volatile accesses, checked against its bounds. That makes it safe to use for what it is.

use crate::lock::lock;
use crate::{Error, Handle, Memory, Result, layout, raw};
use abi::{Access, Operation, PAGE_BYTES};
use alloc::vec::Vec;
use core::marker::PhantomData;
use core::ops::Range;

mod sealed {
    pub trait Sealed {}
}

/// An integer that memory can be read and written as.
pub trait Plain: Copy + sealed::Sealed {}

macro_rules! plain {
    ($($type:ty)*) => { $(impl sealed::Sealed for $type {} impl Plain for $type {})* };
}

plain!(u8 u16 u32 u64 usize i8 i16 i32 i64 isize);

/// A mapped part of a memory object. Dropped, it is unmapped; the memory object stays.
///
/// ```no_run
/// # use bellwire::{Access, Result, Startup};
/// # fn run(startup: Startup) -> Result<()> {
/// let screen = startup.device_memory(0xB8000)?.map(Access::READ | Access::WRITE)?;
/// screen.write::<u16>(0, 0x0742); // a grey B in the upper left corner
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Mapping {
    address: usize,
    bytes: usize,
}

impl Mapping {
    pub(crate) fn new(memory: &Memory, offset: usize, bytes: usize, access: Access) -> Result<Self> {
        let bytes = bytes.next_multiple_of(PAGE_BYTES);
        let address = ROOM.take(bytes)?;
        // From here on a failure drops the mapping, which unmaps what was mapped and gives the room back.
        let mapping = Self { address, bytes };
        memory.map_at(None, address, offset, bytes, access)?;
        Ok(mapping)
    }

    /// Where it starts.
    pub fn address(&self) -> usize {
        self.address
    }

    /// Its length in bytes, a whole number of pages.
    pub fn len(&self) -> usize {
        self.bytes
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Reads the value at an offset.
    ///
    /// # Panics
    /// If the value isn't wholly inside, or the offset isn't a multiple of its size.
    #[inline]
    pub fn read<T: Plain>(&self, offset: usize) -> T {
        let address: *const T = self.pointer(offset);
        // SAFETY: `pointer` checked that the value lies inside the mapping and is aligned; any bits are a value.
        unsafe { address.read_volatile() }
    }

    /// Writes the value at an offset. Where the mapping is read-only, that is a fault of the program.
    ///
    /// # Panics
    /// If the value isn't wholly inside, or the offset isn't a multiple of its size.
    #[inline]
    pub fn write<T: Plain>(&self, offset: usize, value: T) {
        let address: *mut T = self.pointer(offset);
        // SAFETY: `pointer` checked that the value lies inside the mapping and is aligned; Rust has no reference there.
        unsafe { address.write_volatile(value) }
    }

    /// The value at an offset as a register, which is checked now and not at each access.
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
        for (at, byte) in to.iter_mut().enumerate() {
            *byte = self.read(offset + at);
        }
    }

    /// Copies bytes in.
    ///
    /// # Panics
    /// If they wouldn't be wholly inside.
    pub fn write_bytes(&self, offset: usize, from: &[u8]) {
        for (at, byte) in from.iter().enumerate() {
            self.write(offset + at, *byte);
        }
    }

    /// The memory as a slice.
    ///
    /// # Safety
    /// As long as the slice lives, nobody may write to the memory: no device, no other process, no other mapping.
    pub unsafe fn as_slice(&self) -> &[u8] {
        // SAFETY: the pages are mapped as long as `self` lives, and the caller promises that they don't change.
        unsafe { core::slice::from_raw_parts(self.address as *const u8, self.bytes) }
    }

    fn pointer<T: Plain>(&self, offset: usize) -> *mut T {
        let end = offset.checked_add(size_of::<T>());
        assert!(end.is_some_and(|end| end <= self.bytes), "offset {offset:#x} is outside of a mapping");
        assert!(offset.is_multiple_of(align_of::<T>()), "offset {offset:#x} isn't aligned");
        (self.address + offset) as *mut T
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
        unsafe { self.address.read_volatile() }
    }

    /// Writes it. Where the mapping is read-only, that is a fault of the program.
    #[inline(always)]
    pub fn write(self, value: T) {
        // SAFETY: as for `read`; Rust has no reference there.
        unsafe { self.address.write_volatile(value) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // Pages of which nothing is mapped unmap as well, so this fails only if the range is wrong, which it isn't.
        if unmap(self.address, self.bytes).is_ok() {
            ROOM.give_back(self.address, self.bytes);
        }
    }
}

/// Unmaps pages of this process, slice by slice, until nothing of them is mapped.
fn unmap(address: usize, bytes: usize) -> Result<()> {
    // The kernel takes slices off the end of a stretch, so the range stays the same.
    while raw::memory_unmap(abi::NO_HANDLE, [address, bytes, 0, 0])?.words[0] != 0 {}
    Ok(())
}

impl Memory {
    /// Maps a part at a chosen address, into a process or (without one) into this one, slice by slice.
    ///
    /// Nothing undoes it but the end of the process or of the memory. It can't harm what Rust knows of, since the
    /// kernel refuses to map where something is mapped.
    pub fn map_at(
        &self,
        process: Option<&crate::Process>,
        address: usize,
        offset: usize,
        bytes: usize,
        access: Access,
    ) -> Result<()> {
        let process = process.map_or(abi::NO_HANDLE, Handle::raw) as usize;
        let mut done = 0;
        while done < bytes {
            let words = [address + done, offset + done, bytes - done, process];
            let message = raw::checked(raw::invoke(Operation::MemoryMap, self.raw(), 0, access.options(), words))?;
            // None at all is progress too: a page table.
            done += message.words[0];
        }
        Ok(())
    }
}

/// The addresses of [`layout::MAPPINGS`], taken first fit.
struct Room {
    taken: spin::Mutex<Vec<Range<usize>>>,
}

static ROOM: Room = Room { taken: spin::Mutex::new(Vec::new()) };

impl Room {
    fn take(&self, bytes: usize) -> Result<usize> {
        let mut taken = lock(&self.taken);
        // A free page stays between any two mappings, so that running off the end of one is a fault.
        let mut start = layout::MAPPINGS.start;
        let mut position = taken.len();
        for (index, range) in taken.iter().enumerate() {
            if range.start.saturating_sub(start) >= bytes + PAGE_BYTES {
                position = index;
                break;
            }
            start = range.end + PAGE_BYTES;
        }
        let end = start.checked_add(bytes).filter(|end| *end <= layout::MAPPINGS.end).ok_or(Error::NoMemory)?;
        taken.insert(position, start..end);
        Ok(start)
    }

    fn give_back(&self, address: usize, bytes: usize) {
        lock(&self.taken).retain(|range| *range != (address..address + bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "outside of a mapping")]
    fn a_register_that_is_half_outside_is_refused() {
        let mapping = core::mem::ManuallyDrop::new(Mapping { address: PAGE_BYTES, bytes: PAGE_BYTES });
        mapping.register::<u32>(PAGE_BYTES - 4);
        mapping.register::<u64>(PAGE_BYTES - 4);
    }

    #[test]
    fn room_is_taken_first_fit_with_a_page_between() {
        let room = Room { taken: spin::Mutex::new(Vec::new()) };
        let first = room.take(PAGE_BYTES).unwrap();
        let second = room.take(2 * PAGE_BYTES).unwrap();
        let third = room.take(PAGE_BYTES).unwrap();
        assert_eq!((first, second), (layout::MAPPINGS.start, layout::MAPPINGS.start + 2 * PAGE_BYTES));
        room.give_back(second, 2 * PAGE_BYTES);
        assert_eq!(room.take(3 * PAGE_BYTES).unwrap(), third + 2 * PAGE_BYTES);
        assert_eq!(room.take(2 * PAGE_BYTES).unwrap(), second);
        assert_eq!(room.take(layout::MAPPINGS.len()), Err(Error::NoMemory));
    }
}
