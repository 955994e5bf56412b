//! What tests look at inside tables and lists: whether everything that is linked is linked both ways.

use super::{Arena, Link, Linked, List, Name};
use std::vec;
use std::vec::Vec;

impl<T, const N: usize> Arena<T, N> {
    /// The entries of a list; panics unless the list is consistent in both directions and all of it is in use.
    pub(crate) fn walk<const KIND: usize>(&self, list: &List) -> Vec<Link>
    where
        T: Linked<KIND>,
    {
        let mut found = Vec::new();
        let mut previous = Link::NONE;
        let mut link = list.head();
        while link.is_some() {
            assert!(self.is_live(link), "a list goes through a free slot");
            assert!(found.len() < N, "a list has a loop");
            let links = self.at(link).expect("in bounds").links_ref();
            assert_eq!(links.previous, previous, "a list's way back differs from its way forth");
            found.push(link);
            previous = link;
            link = links.next;
        }
        assert_eq!(list.tail(), previous, "a list's tail isn't its last entry");
        found
    }

    /// Panics unless every slot is either in use, or free and reachable, or retired, or never used.
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
                let known = free[index] || index >= self.fresh as usize || slot.generation == u16::MAX;
                assert!(known, "a free slot is lost");
            } else {
                assert!(!free[index] && index < self.fresh as usize, "a slot in use counts as free");
                assert_eq!(slot.name, Name::new(index, slot.generation));
                used += 1;
            }
        }
        assert_eq!(self.used, used, "the number of slots in use is wrong");
    }
}

impl List {
    /// The last entry.
    pub(crate) const fn last(&self) -> Link {
        self.tail()
    }
}
