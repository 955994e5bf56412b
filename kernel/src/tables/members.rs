//! What belongs to an owner.

use super::{Arena, Link, Linked, List};

/// Entries of a table that belong to an owner: a list of them, and its length.
#[derive(Clone, Copy, Debug)]
pub struct Members {
    list: List,
    count: u16,
}

impl Members {
    /// There are none.
    pub const EMPTY: Self = Self { list: List::EMPTY, count: 0 };

    /// The first of them.
    pub const fn first(&self) -> Link {
        self.list.head()
    }

    /// How many there are.
    pub const fn count(&self) -> usize {
        self.count as usize
    }

    /// Adds an object. The caller has compared [`Members::count`] with its limit, which is at most 65,535.
    pub fn add<const KIND: usize, T: Linked<KIND>, const N: usize>(&mut self, table: &mut Arena<T, N>, link: Link) {
        table.push_back::<KIND>(&mut self.list, link);
        self.count += 1;
    }

    /// Takes out an object that is one of them.
    pub fn remove<const KIND: usize, T: Linked<KIND>, const N: usize>(&mut self, table: &mut Arena<T, N>, link: Link) {
        table.unlink::<KIND>(&mut self.list, link);
        self.count = self.count.saturating_sub(1);
    }

    /// The list, for the tests.
    #[cfg(test)]
    pub fn list(&self) -> &List {
        &self.list
    }
}
