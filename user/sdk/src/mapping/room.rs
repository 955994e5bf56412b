//! Which addresses of [`layout::MAPPINGS`] are taken.

use crate::{Error, Mutex, Result, layout};
use alloc::vec::Vec;
use core::ops::Range;
use layout::GUARD_BYTES;

/// Addresses that were taken. They are free again when this is dropped.
#[derive(Debug)]
#[must_use = "the addresses are free again when this is dropped"]
pub struct Place<'a> {
    room: &'a Room,
    range: Range<usize>,
}

impl Place<'_> {
    pub const fn address(&self) -> usize {
        self.range.start
    }

    pub const fn bytes(&self) -> usize {
        self.range.end - self.range.start
    }

    /// Keeps them taken for good.
    pub const fn keep(&mut self) {
        self.range.end = self.range.start;
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if !self.range.is_empty() {
            self.room.taken.lock().retain(|range| *range != self.range);
        }
    }
}

/// The addresses that are taken, in their order. A page stays free between any two ranges, so that running off the end
/// of one is a fault.
#[derive(Debug)]
pub struct Room {
    taken: Mutex<Vec<Range<usize>>>,
}

impl Room {
    pub const fn new() -> Self {
        Self { taken: Mutex::new(Vec::new()) }
    }

    /// Takes the first range that is large enough.
    pub fn take(&self, bytes: usize) -> Result<Place<'_>> {
        if bytes > layout::MAPPINGS.len() {
            return Err(Error::NoMemory);
        }
        let mut taken = self.taken.lock();
        let mut start = layout::MAPPINGS.start;
        let mut position = taken.len();
        for (index, range) in taken.iter().enumerate() {
            if range.start.saturating_sub(start) >= bytes + GUARD_BYTES {
                position = index;
                break;
            }
            start = range.end + GUARD_BYTES;
        }
        let end = start.checked_add(bytes).filter(|end| *end <= layout::MAPPINGS.end).ok_or(Error::NoMemory)?;
        taken.try_reserve(1).map_err(|_| Error::NoMemory)?;
        taken.insert(position, start..end);
        Ok(Place { room: self, range: start..end })
    }

    /// The number of ranges that are taken.
    #[cfg(test)]
    pub fn ranges(&self) -> usize {
        self.taken.lock().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use abi::PAGE_BYTES;

    #[test]
    fn room_is_taken_first_fit_with_a_page_between() {
        let room = Room::new();
        let first = room.take(PAGE_BYTES).unwrap();
        let second = room.take(2 * PAGE_BYTES).unwrap();
        let third = room.take(PAGE_BYTES).unwrap();
        let address = second.address();
        assert_eq!((first.address(), address), (layout::MAPPINGS.start, layout::MAPPINGS.start + 2 * PAGE_BYTES));
        drop(second);
        let larger = room.take(3 * PAGE_BYTES).unwrap();
        assert_eq!(larger.address(), third.address() + 2 * PAGE_BYTES);
        assert_eq!(room.take(2 * PAGE_BYTES).unwrap().address(), address);
        assert_eq!(room.take(layout::MAPPINGS.len()).err(), Some(Error::NoMemory));
        assert_eq!(room.take(usize::MAX - PAGE_BYTES + 1).err(), Some(Error::NoMemory));
        assert_eq!(room.ranges(), 3);
    }

    #[test]
    fn the_heap_ends_before_the_first_mapping() {
        const { assert!(layout::HEAP.end + GUARD_BYTES <= layout::MAPPINGS.start) };
    }
}
