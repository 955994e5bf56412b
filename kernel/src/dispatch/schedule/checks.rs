//! What tests look at inside the schedule.

use super::{Priority, Schedule};
use crate::tables::List;

impl Schedule {
    /// The preempted threads, highest first.
    pub(crate) fn chain(&self) -> &List {
        &self.chain
    }

    /// The queue of a priority.
    pub(crate) fn queue(&self, priority: Priority) -> Option<&List> {
        self.ready.get(priority.0 as usize)
    }
}
