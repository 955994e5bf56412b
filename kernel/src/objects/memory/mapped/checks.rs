//! What the tests look at.

use super::Mappings;
use crate::tables::{Link, Tree};

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
