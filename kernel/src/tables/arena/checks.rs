//! What tests look at inside tables: whether each slot is where its state says.

use super::{Arena, Link, Name};
use std::vec;

impl<T, const N: usize> Arena<T, N> {
    /// The live entries with their links.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Link, &T)> {
        (0..self.extent()).map(Link::new).filter_map(move |link| Some((link, self.live(link)?)))
    }

    /// Panics unless every slot is either in use, or free and reachable, or never used.
    pub(crate) fn check_slots(&self) {
        let mut free = vec![false; N];
        let mut next = self.free;
        while next != 0 {
            let index = next as usize - 1;
            assert!(!free[index], "the list of free slots has a loop");
            assert!(index < self.fresh as usize, "a slot that was never used is in the list of free ones");
            free[index] = true;
            next = self.slots[index].next_free;
        }
        let mut used = 0;
        for (index, slot) in self.slots.iter().enumerate() {
            if slot.name == Name::NONE {
                assert!(free[index] || index >= self.fresh as usize, "a free slot is lost");
            } else {
                assert!(!free[index] && index < self.fresh as usize, "a slot in use counts as free");
                assert_eq!(slot.name, Name::new(index, slot.generation));
                used += 1;
            }
        }
        assert_eq!(self.used, used, "the number of slots in use is wrong");
    }
}
