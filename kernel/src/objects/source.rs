//! Interrupt sources: a line, or a message that devices write, who has claimed and bound it, and who pays for it.

use crate::account::SourceCounters;
use crate::machine::{Line, Machine, Masked, Time, Trigger};
use crate::tables::{Entry, Link, Links, Name, linked};
use abi::{InterruptFlags, Kind, Tag};

#[cfg(test)]
mod checks;
mod masking;
mod pending;

pub use pending::Noted;
#[cfg(test)]
pub use pending::STORM_BUDGET;

/// One source of interrupts.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    line: Line,
    trigger: Trigger,
    masked: Masked,
    owner: Link,
    /// Where its messages go; none while it isn't bound.
    endpoint: Name,
    /// The process that claimed it, was granted it while it wasn't bound, or bound it, whichever came last; or the
    /// closest ancestor that is left.
    payer: Link,
    /// The badge of its messages.
    badge: u16,
    /// The tag of a message without flags but for the line's trigger, kept ready for the fast path.
    plain_tag: Tag,
    /// The number of its last message that was received and isn't completed; 0 for none.
    outstanding: u32,
    /// The number of its last message.
    sequence: u32,
    /// The flags of the pending message.
    flags: InterruptFlags,
    /// Whether a message is pending.
    pending: bool,
    /// How many interrupts the pending message stands for; a replayed one may stand for none.
    count: u32,
    /// When the first of them came.
    first: Time,
    /// Its neighbours among the sources that its holder has bound.
    siblings: Links,
    /// What is counted of it.
    pub counters: SourceCounters,
}

impl Entry for Source {
    const EMPTY: Self = Self {
        line: Line(0),
        trigger: Trigger::Edge,
        masked: Masked::No,
        owner: Link::NONE,
        endpoint: Name::NONE,
        payer: Link::NONE,
        badge: 0,
        plain_tag: Tag(0),
        outstanding: 0,
        sequence: 0,
        flags: InterruptFlags::empty(),
        pending: false,
        count: 0,
        first: Time(0),
        siblings: Links::NONE,
        counters: SourceCounters::ZERO,
    };
}

/// The kind of list that a process's bound sources stand in.
pub const SOURCES: usize = 0;

linked!(Source, SOURCES, siblings);

impl Source {
    /// The endpoint of a source that is bound and off: no endpoint has this name.
    const AWAY: Name = Name::GONE;

    /// A source of a line that is masked, and bound to nothing.
    pub const fn new(line: Line, trigger: Trigger, owner: Link) -> Self {
        Self { line, trigger, owner, payer: owner, masked: Masked::Otherwise, ..Self::EMPTY }
    }

    /// Its line.
    #[inline(always)]
    pub const fn line(&self) -> Line {
        self.line
    }

    /// How its line signals.
    #[inline(always)]
    pub const fn trigger(&self) -> Trigger {
        self.trigger
    }

    /// The process that claimed it.
    pub const fn owner(&self) -> Link {
        self.owner
    }

    /// Where its messages go; none while it isn't bound.
    #[inline(always)]
    pub const fn endpoint(&self) -> Name {
        self.endpoint
    }

    /// Forgets the name of the endpoint, which has gone: the source is still bound, to nothing.
    pub const fn forget_endpoint(&mut self) {
        if !self.endpoint.is_none() {
            self.endpoint = Name::GONE;
        }
    }

    /// The process that bound it; none while it isn't bound.
    pub const fn holder(&self) -> Link {
        if self.endpoint.is_none() { Link::NONE } else { self.payer }
    }

    /// The process that pays for its interrupts, also while it isn't bound: a device may send messages all the same.
    #[inline(always)]
    pub const fn payer(&self) -> Link {
        self.payer
    }

    /// Another process pays from now on, unless the source is bound: then its holder goes on paying.
    pub const fn pass_on(&mut self, payer: Link) {
        if self.endpoint.is_none() {
            self.payer = payer;
        }
    }

    /// Its messages go to an endpoint from now on, once its line is unmasked.
    pub fn bind<M: Machine>(&mut self, machine: &mut M, endpoint: Name, binding: Binding) {
        self.endpoint = endpoint;
        self.payer = binding.holder;
        self.badge = binding.badge;
        self.trigger = machine.configure(self.line, binding.trigger);
        self.plain_tag = Tag::outgoing(Kind::Interrupt, self.level().bits(), self.badge);
        self.outstanding = 0;
    }

    /// It is bound while it is off: its line stays masked, and it has no endpoint but in its pace.
    pub const fn bind_while_off(&mut self) {
        self.endpoint = Self::AWAY;
    }

    /// Switches it off after a storm: its line is masked, and no interrupt of it finds an endpoint. Returns the
    /// endpoint that it is bound to; none if it isn't bound.
    pub fn switch_off<M: Machine>(&mut self, machine: &mut M) -> Name {
        self.hold_back(machine);
        let endpoint = self.endpoint;
        if !endpoint.is_none() {
            self.endpoint = Self::AWAY;
        }
        endpoint
    }

    /// Switches it on again, bound to that endpoint, and makes a message pending that says so, unless one is. A level
    /// line stays masked until that is completed.
    pub fn switch_on<M: Machine>(&mut self, machine: &mut M, endpoint: Name, now: Time) -> Noted {
        self.endpoint = endpoint;
        if self.trigger == Trigger::Edge {
            self.unmask(machine);
        }
        self.flags |= InterruptFlags::OFF | InterruptFlags::REPLAYED;
        if !self.pending && self.count == 0 {
            self.first = now;
        }
        self.pend()
    }

    /// Nobody gets its messages any more; a message that nobody read is dropped, and counted as such. Returns the
    /// process that had bound it.
    pub fn unbind<M: Machine>(&mut self, machine: &mut M) -> Link {
        self.hold_back(machine);
        let holder = self.holder();
        self.endpoint = Name::NONE;
        self.outstanding = 0;
        self.flags = InterruptFlags::empty();
        self.pending = false;
        if core::mem::replace(&mut self.count, 0) != 0 {
            self.counters.dropped = self.counters.dropped.wrapping_add(1);
        }
        holder
    }

    /// The flag of a line that signals by level.
    #[inline(always)]
    const fn level(&self) -> InterruptFlags {
        match self.trigger {
            Trigger::Level => InterruptFlags::LEVEL,
            Trigger::Edge => InterruptFlags::empty(),
        }
    }
}

/// What a bind asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The process that binds.
    pub holder: Link,
    /// The badge of the messages.
    pub badge: u16,
    /// How the line signals; nothing for "as the firmware says".
    pub trigger: Option<Trigger>,
}
