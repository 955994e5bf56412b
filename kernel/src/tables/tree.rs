//! Ordered sets threaded through a table's entries: AVL trees, whose height is at most 1.44 times the logarithm of
//! their size.
//!
//! Every operation takes a number of steps that is bounded by the height; a set of a thousand has at most fourteen
//! levels. Nothing is recursive, and nothing is allocated.

use super::{Arena, Link};

#[cfg(test)]
mod checks;
#[cfg(test)]
mod tests;

/// An entry's place in a tree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Branches {
    below: [Link; 2],
    above: Link,
    /// Which branch is one level higher than the other, if they differ.
    lean: Option<Side>,
}

impl Branches {
    /// In no tree.
    pub const NONE: Self = Self { below: [Link::NONE; 2], above: Link::NONE, lean: None };
}

/// An entry that can stand in a tree, ordered by its key.
pub trait Ordered {
    /// The key that entries are ordered by. It doesn't change while the entry is in a tree.
    fn key(&self) -> usize;
    /// Its place.
    fn branches(&mut self) -> &mut Branches;
    /// Its place, to read.
    fn branches_ref(&self) -> &Branches;
}

/// Implements [`Ordered`] by a field and a key: `ordered!(MappedRange, in_process, |range| range.address)`.
macro_rules! ordered {
    ($entry:ident, $field:ident, |$of:ident| $key:expr) => {
        impl $crate::tables::Ordered for $entry {
            fn key(&self) -> usize {
                let $of = self;
                $key
            }
            fn branches(&mut self) -> &mut $crate::tables::Branches {
                &mut self.$field
            }
            fn branches_ref(&self) -> &$crate::tables::Branches {
                &self.$field
            }
        }
    };
}
pub(crate) use ordered;

/// A set of a table's entries, in the order of their keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    root: Link,
}

/// One of the two branches of an entry. Numbered from 1, so that `None` is zero like the rest of an unused table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    /// The keys below its own.
    Lower = 1,
    /// The others.
    Upper = 2,
}

impl Side {
    const fn index(self) -> usize {
        matches!(self, Self::Upper) as usize
    }

    const fn other(self) -> Self {
        match self {
            Self::Lower => Self::Upper,
            Self::Upper => Self::Lower,
        }
    }
}

impl Tree {
    /// A set without entries.
    pub const EMPTY: Self = Self { root: Link::NONE };

    /// One of its entries, or none if there are none.
    pub const fn any(&self) -> Link {
        self.root
    }
}

impl<T: Ordered, const N: usize> Arena<T, N> {
    /// The last entry of a set whose key is below `key`. Where the entries are ranges that don't overlap, and `key` is
    /// the end of another range, this is the only entry from below it that may overlap that range.
    pub fn last_below(&self, tree: &Tree, key: usize) -> Link {
        let (mut at, mut found) = (tree.root, Link::NONE);
        while let Some(entry) = self.at(at) {
            let side = if entry.key() < key { Side::Upper } else { Side::Lower };
            if side == Side::Upper {
                found = at;
            }
            at = entry.branches_ref().below[side.index()];
        }
        found
    }

    /// Adds an entry that is in no set.
    pub fn add(&mut self, tree: &mut Tree, link: Link) {
        let Some(key) = self.at(link).map(T::key) else { return };
        let (mut above, mut side, mut at) = (Link::NONE, Side::Lower, tree.root);
        while let Some(entry) = self.at(at) {
            above = at;
            side = if entry.key() < key { Side::Upper } else { Side::Lower };
            at = entry.branches_ref().below[side.index()];
        }
        if let Some(entry) = self.at_mut(link) {
            *entry.branches() = Branches { above, ..Branches::NONE };
        }
        match self.at_mut(above) {
            Some(entry) => entry.branches().below[side.index()] = link,
            None => tree.root = link,
        }
        self.grew(tree, above, side);
    }

    /// Takes an entry out of the set that it is in.
    pub fn take_out(&mut self, tree: &mut Tree, link: Link) {
        let Some(entry) = self.at_mut(link) else { return };
        let Branches { below: [lower, upper], above, lean } = core::mem::take(entry.branches());
        if lower.is_some() && upper.is_some() {
            // The next larger one takes its place.
            let mut next = upper;
            while let Some(entry) = self.at(next).filter(|entry| entry.branches_ref().below[0].is_some()) {
                next = entry.branches_ref().below[0];
            }
            let left = self.at(next).map_or(Link::NONE, |entry| entry.branches_ref().above);
            if left != link {
                let orphan = self.below(next, Side::Upper);
                self.attach(left, Side::Lower, orphan);
                self.attach(next, Side::Upper, upper);
            }
            self.attach(next, Side::Lower, lower);
            self.set_lean(next, lean);
            self.replace(tree, above, link, next);
            if left == link { self.shrank(tree, next, Side::Upper) } else { self.shrank(tree, left, Side::Lower) }
        } else {
            let side = self.side(above, link);
            self.replace(tree, above, link, if lower.is_some() { lower } else { upper });
            self.shrank(tree, above, side);
        }
    }

    /// A branch of an entry has become a level higher.
    fn grew(&mut self, tree: &mut Tree, mut at: Link, mut side: Side) {
        while let Some(entry) = self.at_mut(at) {
            let branches = entry.branches();
            match branches.lean {
                None => {
                    branches.lean = Some(side);
                    let above = branches.above;
                    side = self.side(above, at);
                    at = above;
                }
                Some(lean) if lean == side => {
                    // This makes it as high as it was.
                    self.straighten(tree, at, side);
                    return;
                }
                Some(_) => {
                    branches.lean = None;
                    return;
                }
            }
        }
    }

    /// A branch of an entry has lost a level.
    fn shrank(&mut self, tree: &mut Tree, mut at: Link, mut side: Side) {
        while let Some(entry) = self.at_mut(at) {
            let branches = entry.branches();
            let above = branches.above;
            // Looked up before anything is turned.
            let (next, mut top) = (above, at);
            match branches.lean {
                None => {
                    branches.lean = Some(side.other());
                    return;
                }
                Some(lean) if lean == side => branches.lean = None,
                Some(lean) => {
                    top = self.straighten(tree, at, lean);
                    if self.lean(top).is_some() {
                        // Its branches were equally high, so that it is as high as it was.
                        return;
                    }
                }
            }
            side = self.side(next, top);
            at = next;
        }
    }

    /// Turns an entry whose branch on that side is two levels higher than the other. Returns what stands in its place.
    fn straighten(&mut self, tree: &mut Tree, link: Link, side: Side) -> Link {
        let branch = self.below(link, side);
        let lean = self.lean(branch);
        if lean != Some(side.other()) {
            self.turn(tree, link, side);
            let level = lean.is_none();
            self.set_lean(link, if level { Some(side) } else { None });
            self.set_lean(branch, if level { Some(side.other()) } else { None });
            return branch;
        }
        let inner = self.below(branch, side.other());
        let lean = self.lean(inner);
        self.turn(tree, branch, side.other());
        self.turn(tree, link, side);
        self.set_lean(link, if lean == Some(side) { Some(side.other()) } else { None });
        self.set_lean(branch, if lean == Some(side.other()) { Some(side) } else { None });
        self.set_lean(inner, None);
        inner
    }

    /// Puts an entry below the root of one of its branches, which takes its place.
    fn turn(&mut self, tree: &mut Tree, link: Link, side: Side) {
        let rising = self.below(link, side);
        let between = self.below(rising, side.other());
        let above = self.at(link).map_or(Link::NONE, |entry| entry.branches_ref().above);
        self.attach(link, side, between);
        self.attach(rising, side.other(), link);
        self.replace(tree, above, link, rising);
    }

    /// What stood below `above` (or as the root) is another entry now, or none.
    fn replace(&mut self, tree: &mut Tree, above: Link, old: Link, new: Link) {
        match self.at_mut(above) {
            Some(entry) => {
                let [lower, upper] = &mut entry.branches().below;
                *if *lower == old { lower } else { upper } = new;
            }
            None => tree.root = new,
        }
        if let Some(entry) = self.at_mut(new) {
            entry.branches().above = above;
        }
    }

    fn attach(&mut self, above: Link, side: Side, link: Link) {
        if let Some(entry) = self.at_mut(above) {
            entry.branches().below[side.index()] = link;
        }
        if let Some(entry) = self.at_mut(link) {
            entry.branches().above = above;
        }
    }

    fn below(&self, link: Link, side: Side) -> Link {
        self.at(link).map_or(Link::NONE, |entry| entry.branches_ref().below[side.index()])
    }

    /// On which side of `above` an entry stands.
    fn side(&self, above: Link, link: Link) -> Side {
        if self.below(above, Side::Upper) == link { Side::Upper } else { Side::Lower }
    }

    fn lean(&self, link: Link) -> Option<Side> {
        self.at(link).and_then(|entry| entry.branches_ref().lean)
    }

    fn set_lean(&mut self, link: Link, lean: Option<Side>) {
        if let Some(entry) = self.at_mut(link) {
            entry.branches().lean = lean;
        }
    }
}
