//! Which addresses of [`layout::MAPPINGS`] are taken.

use crate::{Error, Mutex, Result, layout};
use alloc::vec::Vec;
use core::ops::Range;
use layout::GUARD_BYTES;

/// The addresses that are taken, in their order. A page stays free between any two ranges, so that running off the end
/// of one is a fault.
pub struct Room {
    taken: Mutex<Vec<Range<usize>>>,
}

impl Room {
    pub const fn new() -> Self {
        Self { taken: Mutex::new(Vec::new()) }
    }

    /// Takes the first range that is large enough.
    pub fn take(&self, bytes: usize) -> Result<usize> {
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
        Ok(start)
    }

    pub fn give_back(&self, address: usize, bytes: usize) {
        self.taken.lock().retain(|range| *range != (address..address + bytes));
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
        assert_eq!((first, second), (layout::MAPPINGS.start, layout::MAPPINGS.start + 2 * PAGE_BYTES));
        room.give_back(second, 2 * PAGE_BYTES);
        assert_eq!(room.take(3 * PAGE_BYTES).unwrap(), third + 2 * PAGE_BYTES);
        assert_eq!(room.take(2 * PAGE_BYTES).unwrap(), second);
        assert_eq!(room.take(layout::MAPPINGS.len()), Err(Error::NoMemory));
        assert_eq!(room.take(usize::MAX - PAGE_BYTES + 1), Err(Error::NoMemory));
    }

    #[test]
    fn the_heap_ends_before_the_first_mapping() {
        const { assert!(layout::HEAP.end + GUARD_BYTES <= layout::MAPPINGS.start) };
    }
}
