//! Timers: deadlines that post to an endpoint, once or periodically.

use crate::machine::Time;
use crate::tables::{Entry, Link, Name};
use abi::{Kind, Message, Tag};

/// A deadline bound to an endpoint.
#[derive(Clone, Copy, Debug)]
pub struct Timer {
    endpoint: Name,
    badge: u16,
    /// Cycles from one expiry to the next; 0 for a timer that fires once.
    period: u64,
    /// Expiries since the last message was received.
    expiries: u32,
    owner: Link,
}

impl Timer {
    /// A timer that isn't set, charged to a process.
    pub const fn new(endpoint: Name, badge: u16, owner: Link) -> Self {
        Self { endpoint, badge, period: 0, expiries: 0, owner }
    }

    /// Where its messages go.
    pub const fn endpoint(&self) -> Name {
        self.endpoint
    }

    /// Forgets the name of the endpoint, which has gone.
    pub const fn forget_endpoint(&mut self) {
        self.endpoint = Name::GONE;
    }

    /// The process whose quota pays for it.
    pub const fn owner(&self) -> Link {
        self.owner
    }

    /// Sets the cycles from one expiry to the next; 0 for a timer that fires once.
    pub const fn set_period(&mut self, period: u64) {
        self.period = period;
    }

    /// Counts an expiry. Returns when the next one is, if there is one. A period that was missed is counted once: the
    /// timer goes on from now instead of catching up in a storm.
    pub const fn expire(&mut self, due: Time, now: Time) -> Option<Time> {
        self.expiries = self.expiries.saturating_add(1);
        if self.period == 0 {
            return None;
        }
        let next = due.0.saturating_add(self.period);
        Some(Time(if next > now.0 { next } else { now.0.saturating_add(self.period) }))
    }

    /// Its message, which tells of all expiries since the last one.
    pub fn take_message(&mut self) -> Message {
        let expiries = self.forget_expiries();
        Message::new(Tag::outgoing(Kind::Timer, 0, self.badge), [expiries as usize, 0, 0, 0])
    }

    /// Nobody will be told of the expiries that were counted. Returns their number.
    pub const fn forget_expiries(&mut self) -> u32 {
        core::mem::replace(&mut self.expiries, 0)
    }

    /// Expiries since the last message, for the tests.
    #[cfg(test)]
    pub fn expiries(&self) -> u32 {
        self.expiries
    }
}

impl Entry for Timer {
    const EMPTY: Self = Self::new(Name::NONE, 0, Link::NONE);
}
