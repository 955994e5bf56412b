//! What tests look at inside lists: whether everything that is linked is linked both ways.

use super::{Arena, Link, Linked, List};
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
            assert!(self.live(link).is_some(), "a list goes through a free slot");
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
}

impl List {
    /// The last entry.
    pub(crate) const fn last(&self) -> Link {
        self.tail()
    }
}
