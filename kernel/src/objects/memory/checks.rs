//! What the tests look at.

use super::Memory;
use crate::tables::List;

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
