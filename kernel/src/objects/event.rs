//! What can post to an endpoint without being a thread, and its place in the endpoint's queue.

use crate::dispatch::QUEUE;
use crate::tables::sizes::{INTERRUPTS, PROCESSES, REPLIES, TIMERS};
use crate::tables::{Arena, Entry, Link, Links, linked};

/// What can post to an endpoint without being a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// An interrupt source.
    Interrupt(Link),
    /// A timer.
    Timer(Link),
    /// The end of a process.
    Exit(Link),
    /// The end of the caller that a Reply stands for.
    CallerGone(Link),
    /// A process has used up its share of the CPU for a while.
    Overrun(Link),
    /// A source has interrupted more often than its budget allows.
    Storm(Link),
}

/// One for each thing that an object can tell.
pub const EVENTS: usize = FIRST_STORM + INTERRUPTS;

/// The first slot of each kind.
const FIRST_TIMER: usize = INTERRUPTS;
const FIRST_EXIT: usize = FIRST_TIMER + TIMERS;
const FIRST_REPLY: usize = FIRST_EXIT + PROCESSES;
const FIRST_OVERRUN: usize = FIRST_REPLY + REPLIES;
const FIRST_STORM: usize = FIRST_OVERRUN + PROCESSES;

impl Event {
    /// Its slot among all events.
    #[inline(always)]
    pub const fn link(self) -> Link {
        match self {
            Self::Interrupt(link) => link,
            Self::Timer(link) => Link::new(FIRST_TIMER.wrapping_add(link.index())),
            Self::Exit(link) => Link::new(FIRST_EXIT.wrapping_add(link.index())),
            Self::CallerGone(link) => Link::new(FIRST_REPLY.wrapping_add(link.index())),
            Self::Overrun(link) => Link::new(FIRST_OVERRUN.wrapping_add(link.index())),
            Self::Storm(link) => Link::new(FIRST_STORM.wrapping_add(link.index())),
        }
    }

    pub(crate) const fn from_link(link: Link) -> Self {
        let index = link.index();
        if index < FIRST_TIMER {
            Self::Interrupt(link)
        } else if index < FIRST_EXIT {
            Self::Timer(Link::new(index - FIRST_TIMER))
        } else if index < FIRST_REPLY {
            Self::Exit(Link::new(index - FIRST_EXIT))
        } else if index < FIRST_OVERRUN {
            Self::CallerGone(Link::new(index - FIRST_REPLY))
        } else if index < FIRST_STORM {
            Self::Overrun(Link::new(index - FIRST_OVERRUN))
        } else {
            Self::Storm(Link::new(index - FIRST_STORM))
        }
    }
}

/// The slots of all events.
pub type Events = Arena<EventSlot, EVENTS>;

/// An event's place in an endpoint's queue.
#[derive(Clone, Copy, Debug)]
pub struct EventSlot {
    /// The endpoint in whose queue it is, or none.
    queued_at: Link,
    links: Links,
}

impl EventSlot {
    /// The endpoint in whose queue it is, or none.
    pub const fn queued_at(&self) -> Link {
        self.queued_at
    }

    /// The event joins an endpoint's queue. Returns false if it is in one already.
    pub(super) const fn begin_waiting(&mut self, endpoint: Link) -> bool {
        let begins = !self.queued_at.is_some();
        if begins {
            self.queued_at = endpoint;
        }
        begins
    }

    /// The event has left its queue.
    pub(super) const fn end_waiting(&mut self) {
        self.queued_at = Link::NONE;
    }
}

impl Entry for EventSlot {
    const EMPTY: Self = Self { queued_at: Link::NONE, links: Links::NONE };
}

linked!(EventSlot, QUEUE, links);
