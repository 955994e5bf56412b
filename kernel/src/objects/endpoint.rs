//! Endpoints: where messages arrive.
//!
//! An endpoint has three queues, all threaded through the objects themselves, so that posting needs no memory and can't
//! fail: threads that wait to receive, threads that wait to send, and events (interrupts, timers, exits) with a message
//! to give. Events go before senders. At most one of the first queue and the other two is non-empty.

use crate::tables::{Entry, Link, List};
use bitflags::bitflags;

/// Where messages arrive.
#[derive(Clone, Copy, Debug)]
pub struct Endpoint {
    /// Threads that wait to receive.
    pub receivers: List,
    /// Threads that wait with a call or fault.
    pub senders: List,
    /// Events that wait to be received.
    pub events: List,
    /// The notify word.
    pub bits: u32,
    /// Whose quota it is charged to.
    pub owner: Link,
    /// What a receiver has to look at before it may wait.
    pub(crate) notice: Notice,
}

bitflags! {
    /// What is to be seen at an endpoint: see [`Endpoint::refresh`].
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Notice: u32 {
        /// Senders, events or bits wait to be received.
        const MESSAGE = 1 << 0;
        /// It is being destroyed: nobody begins to wait here any more, or a thread that calls again and again could
        /// keep the end from ever being reached.
        const DYING = 1 << 1;
    }
}

impl Endpoint {
    /// Whether it is being destroyed.
    #[inline(always)]
    pub const fn is_dying(&self) -> bool {
        self.notice.contains(Notice::DYING)
    }

    /// Its end begins.
    pub fn begin_end(&mut self) {
        self.notice |= Notice::DYING;
    }

    /// Whether whoever receives here now has to wait, and alone.
    #[inline(always)]
    pub const fn is_quiet(&self) -> bool {
        self.receivers.only().word() | self.notice.bits() == 0
    }

    /// Works out anew whether there is anything to be had, after any change of senders, events or bits.
    #[inline(always)]
    pub fn refresh(&mut self) {
        let some = self.senders.head().word() | self.events.head().word() | self.bits != 0;
        self.notice.set(Notice::MESSAGE, some);
    }

    /// Adds bits, of which there is one at least, to the notify word.
    #[inline(always)]
    pub fn note(&mut self, bits: u32) {
        self.bits |= bits;
        self.notice |= Notice::MESSAGE;
    }
}

impl Entry for Endpoint {
    const EMPTY: Self = Self {
        receivers: List::EMPTY,
        senders: List::EMPTY,
        events: List::EMPTY,
        bits: 0,
        owner: Link::NONE,
        notice: Notice::empty(),
    };
}
