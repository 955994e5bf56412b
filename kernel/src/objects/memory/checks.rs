//! What the tests look at.

use super::{Mappings, Memory};
use crate::tables::{Link, List, Tree};

impl Memory {
    /// Where it is mapped.
    pub fn mappings(&self) -> &List {
        &self.mappings
    }

    /// How many of those mappings can be written through.
    pub fn writable(&self) -> u32 {
        self.writable
    }

    /// How many parts of its frames are still to be zeroed.
    pub fn unprepared(&self) -> u32 {
        self.unprepared
    }
}

impl Mappings {
    /// All of them, by address.
    pub fn by_address(&self) -> &Tree {
        &self.by_address
    }

    /// The stretch that was mapped last.
    pub fn last(&self) -> Link {
        self.last
    }
}
