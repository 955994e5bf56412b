//! What tests look at inside the set of deadlines.

use super::{BRANCHES, DeadlineOf, Deadlines};
use std::vec::Vec;

impl Deadlines {
    /// How many are set.
    pub(crate) fn count(&self) -> usize {
        self.count as usize
    }

    /// The owners of the deadlines that are set; panics unless the heap and the owners' places agree.
    pub(crate) fn owners(&self) -> Vec<DeadlineOf> {
        let items = &self.items[..self.count as usize];
        for (place, item) in items.iter().enumerate() {
            assert_eq!(self.places[item.owner as usize] as usize, place + 1, "an owner's place is wrong");
            if place > 0 {
                assert!(items[(place - 1) / BRANCHES].time <= item.time, "the heap isn't ordered");
            }
        }
        let placed = self.places.iter().filter(|place| **place != 0).count();
        assert_eq!(placed, items.len(), "an owner has a place without a deadline");
        items.iter().map(|item| DeadlineOf::from_number(item.owner as usize)).collect()
    }
}
