//! What the tests look at and bring about.

use super::{STORM_BUDGET, Source};
use crate::machine::Time;

impl Source {
    /// Whether a message is pending.
    pub fn is_pending(&self) -> bool {
        self.pending
    }

    /// The source without what means nothing: when a message came that isn't pending any more.
    pub fn at_rest(mut self) -> Self {
        if !self.pending {
            self.first = Time(0);
        }
        self
    }

    /// Lets interrupts pile up in a message that is pending, two short of a storm; or, at rest, brings the message
    /// numbers to their end.
    pub fn come_to_the_edge(&mut self) {
        if self.count != 0 && self.count < STORM_BUDGET - 2 {
            let missing = STORM_BUDGET - 2 - self.count;
            self.count += missing;
            self.counters.taken += missing;
            self.counters.coalesced += missing;
        } else if !self.pending && self.outstanding == 0 {
            self.sequence = u32::MAX - 1;
        }
    }
}
