//! What the tests look at.

use super::{Endpoint, Notice};
use crate::tables::List;

impl Endpoint {
    /// Threads that wait to receive.
    pub fn receivers(&self) -> &List {
        &self.receivers
    }

    /// Threads that wait with a call or fault.
    pub fn senders(&self) -> &List {
        &self.senders
    }

    /// Events that wait to be received.
    pub fn events(&self) -> &List {
        &self.events
    }

    /// The notify word.
    pub fn bits(&self) -> u32 {
        self.bits
    }

    /// Whether a receiver is told that something is there.
    pub fn says_message(&self) -> bool {
        self.notice.contains(Notice::MESSAGE)
    }
}
