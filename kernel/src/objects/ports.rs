//! Claimed ranges of I/O ports.

use crate::machine::PortRange;
use crate::tables::{Branches, Entry, Link, ordered};

/// A range of I/O ports that a process has claimed.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    range: PortRange,
    owner: Link,
    dying: bool,
    /// While its end goes on, the first slot whose process may still use it.
    searched: u16,
    /// Its place among all claimed ranges.
    claimed: Branches,
}

impl Ports {
    /// A range that a process has claimed.
    pub const fn new(range: PortRange, owner: Link) -> Self {
        Self { range, owner, dying: false, searched: 0, claimed: Branches::NONE }
    }

    /// The range.
    pub const fn range(&self) -> PortRange {
        self.range
    }

    /// The process that claimed it.
    pub const fn owner(&self) -> Link {
        self.owner
    }

    /// Whether its end has begun: no process gets it any more.
    pub const fn is_dying(&self) -> bool {
        self.dying
    }

    /// Its end begins or goes on: the processes from this slot on may still use it.
    pub const fn begin_end(&mut self) -> usize {
        self.dying = true;
        self.searched as usize
    }

    /// The processes below that slot don't use it.
    pub const fn note_searched(&mut self, slot: usize) {
        self.searched = slot as u16;
    }
}

impl Entry for Ports {
    const EMPTY: Self = Self::new(PortRange { first: 0, count: 0 }, Link::NONE);
}

ordered!(Ports, claimed, |ports| ports.range.first as usize);
