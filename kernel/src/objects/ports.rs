//! Claimed ranges of I/O ports.

use crate::machine::PortRange;
use crate::tables::{Branches, Entry, Link, Ordered};

/// A range of I/O ports that somebody has claimed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ports {
    /// The range.
    pub range: PortRange,
    /// Who claimed it.
    pub owner: Link,
    /// Being destroyed: nobody gets it any more.
    pub dying: bool,
    /// The processes below that slot were looked at, whether they use it: none of them does.
    pub searched: u16,
    /// Its place among all claimed ranges.
    pub claimed: Branches,
}

impl Entry for Ports {
    const EMPTY: Self = Self {
        range: PortRange { first: 0, count: 0 },
        owner: Link::NONE,
        dying: false,
        searched: 0,
        claimed: Branches::NONE,
    };
}

impl Ordered for Ports {
    fn key(&self) -> usize {
        self.range.first as usize
    }
    fn branches(&mut self) -> &mut Branches {
        &mut self.claimed
    }
    fn branches_ref(&self) -> &Branches {
        &self.claimed
    }
}
