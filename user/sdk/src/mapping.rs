//! Memory that is mapped into this process: a device's registers, memory for DMA, or pages shared with others.
//!
//! Others may change such memory at any time, so it is never seen through a reference: it is read and written by single
//! accesses, checked against its bounds. Each access is a barrier to the compiler (see [`Plain`]). So what a device
//! wrote by DMA before it raised its status is there once the status was read, and what was written for a device is
//! there before the register is written that starts it.

mod access;
mod pages;
mod room;

use crate::{Error, Handle, Memory, Process, Result};
use abi::{Access, PAGE_BYTES};
use core::marker::PhantomData;
use pages::Pages;
use room::{Place, Room};

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
    /// What is mapped: as long as the mapping is being made, less than the whole place.
    pages: Pages,
    place: Place<'static>,
}

static ROOM: Room = Room::new();

/// The number of places that are taken.
#[cfg(test)]
pub fn ranges() -> usize {
    ROOM.ranges()
}

impl Mapping {
    pub(crate) fn new(memory: &Memory, offset: usize, bytes: usize, access: Access) -> Result<Self> {
        let bytes = bytes.checked_next_multiple_of(PAGE_BYTES).filter(|bytes| *bytes != 0).ok_or(Error::BadArgument)?;
        loop {
            let place = ROOM.take(bytes)?;
            let mut mapping = Self { pages: Pages::none(abi::NO_HANDLE, place.address()), place };
            // SAFETY: the room was taken for this mapping alone.
            match unsafe { mapping.pages.map(memory, offset, bytes, access) } {
                Ok(()) => return Ok(mapping),
                // Somebody mapped there by hand. The room stays taken, and the next one is tried.
                Err(Error::Conflict) => mapping.place.keep(),
                Err(error) => return Err(error),
            }
        }
    }

    /// Where it starts.
    pub const fn address(&self) -> usize {
        self.place.address()
    }

    /// Its length in bytes, a whole number of pages.
    pub const fn len(&self) -> usize {
        self.place.bytes()
    }

    /// Whether it has no bytes, which no mapping is.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
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
        unsafe { core::slice::from_raw_parts(self.address() as *const u8, self.len()) }
    }

    #[inline]
    fn pointer<T: Plain>(&self, offset: usize) -> *mut T {
        assert!(offset.is_multiple_of(align_of::<T>()), "offset {offset:#x} isn't aligned");
        self.range(offset, size_of::<T>()).cast()
    }

    #[inline]
    fn range(&self, offset: usize, bytes: usize) -> *mut u8 {
        let end = offset.checked_add(bytes);
        assert!(end.is_some_and(|end| end <= self.len()), "offset {offset:#x} is outside of a mapping");
        (self.address() + offset) as *mut u8
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
        if self.pages.unmap().is_err() {
            self.place.keep();
        }
    }
}

impl Memory {
    /// Maps a part of the memory into another process, at an address of the caller's choice, slice by slice.
    ///
    /// Nothing undoes that but the end of the process or of the memory. Where it fails, nothing new is mapped.
    pub fn map_into(
        &self,
        process: &Process,
        address: usize,
        offset: usize,
        bytes: usize,
        access: Access,
    ) -> Result<()> {
        let mut pages = Pages::none(process.raw(), address);
        // SAFETY: a `Process` is another one than this, whose memory is its maker's concern.
        unsafe { pages.map(self, offset, bytes, access) }?;
        pages.leave();
        Ok(())
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
        let mut pages = Pages::none(abi::NO_HANDLE, address);
        // SAFETY: the caller owns the range.
        unsafe { pages.map(self, offset, bytes, access) }?;
        pages.leave();
        Ok(())
    }
}

#[cfg(test)]
mod tests;
