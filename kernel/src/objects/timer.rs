//! Timers: deadlines that post to an endpoint, once or periodically.

use crate::tables::{Entry, Link, Name};

/// A deadline bound to an endpoint.
#[derive(Clone, Copy, Debug)]
pub struct Timer {
    /// Where its messages go.
    pub endpoint: Name,
    /// The badge of its messages.
    pub badge: u16,
    /// Cycles from one expiry to the next; 0 for a timer that fires once.
    pub period: u64,
    /// Expiries since the last message was received.
    pub expiries: u32,
    /// Whose quota it is charged to.
    pub owner: Link,
}

impl Entry for Timer {
    const EMPTY: Self = Self { endpoint: Name::NONE, badge: 0, period: 0, expiries: 0, owner: Link::NONE };
}
