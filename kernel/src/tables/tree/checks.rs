//! What holds for every tree, for the tests.

use super::{Link, Ordered, Side, Tree};
use crate::tables::Arena;

impl<T: Ordered, const N: usize> Arena<T, N> {
    /// The entries of a set; panics unless it is in order, balanced and linked both ways, and all of it is in use.
    pub(crate) fn in_order(&self, tree: &Tree) -> std::vec::Vec<Link> {
        let mut found = std::vec::Vec::new();
        self.check_branch(tree.root, Link::NONE, &mut found);
        let keys: std::vec::Vec<_> = found.iter().map(|link| self.at(*link).unwrap().key()).collect();
        assert!(keys.is_sorted(), "a tree is out of order: {keys:?}");
        found
    }

    fn check_branch(&self, link: Link, above: Link, found: &mut std::vec::Vec<Link>) -> u8 {
        if !link.is_some() {
            return 0;
        }
        assert!(self.live(link).is_some(), "a tree goes through a free slot");
        let branches = *self.at(link).unwrap().branches_ref();
        assert_eq!(branches.above, above, "a tree's way up differs from its way down");
        let lower = self.check_branch(branches.below[0], link, found);
        found.push(link);
        let upper = self.check_branch(branches.below[1], link, found);
        let lean = match (lower, upper) {
            _ if lower == upper => None,
            _ if lower == upper + 1 => Some(Side::Lower),
            _ if lower + 1 == upper => Some(Side::Upper),
            _ => panic!("a tree isn't balanced"),
        };
        assert_eq!(branches.lean, lean, "an entry leans to another side");
        lower.max(upper) + 1
    }
}
