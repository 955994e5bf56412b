//! What tests look at inside the handle table.

use super::{FREE, Grant, Handles, Table};
use abi::ObjectKind;
use std::vec::Vec;

impl Table {
    /// The first entry and the last.
    pub(crate) fn bounds(&self) -> (u32, u32) {
        (self.first, self.first + self.mask)
    }
}

impl Handles {
    /// The handles of a table, with their values; panics unless its list of free entries is sound.
    pub(crate) fn of(&self, table: &Table) -> Vec<(u32, Grant)> {
        let run = &self.entries[table.first as usize..=(table.first + table.mask) as usize];
        let mut live = Vec::new();
        for (index, entry) in run.iter().enumerate() {
            if entry.kind != ObjectKind::None {
                assert!(index < table.fresh as usize, "a handle in an entry that was never used");
                assert_eq!(entry.value & 0xFFFF, index as u32);
                assert_ne!(entry.value >> 16, 0, "a handle of generation 0 would be the number of its entry");
                live.push((entry.value, entry.grant()));
            } else {
                assert_eq!(entry.can, FREE.can, "a free entry allows something");
            }
        }
        let mut free = table.free;
        let mut seen = Vec::new();
        while free != 0 {
            let index = free as usize - 1;
            assert!(!seen.contains(&index) && index < table.fresh as usize);
            assert_eq!(run[index].kind, ObjectKind::None, "an entry in use is in the list of free ones");
            seen.push(index);
            free = run[index].badge as u32;
        }
        live
    }

    /// How many entries hold a handle, in all of the table.
    pub(crate) fn count_entries(&self) -> usize {
        self.entries.iter().filter(|entry| entry.kind != ObjectKind::None).count()
    }
}
