//! Interrupt sources: what a line, or a message that devices write, has to say to its driver.
//!
//! At most one message of a source is pending; what fires meanwhile is counted in it, so that taking an interrupt needs
//! no memory and can't fail.

use crate::account::SourceCounters;
use crate::machine::Machine;
use crate::machine::{Line, Masked, Time, Trigger};
use crate::tables::{Entry, Link, Linked, Links, Name};
use abi::{InterruptFlags, Kind, Message, Tag, split};

/// How many interrupts may pile up in one unread message before their source is masked.
pub const STORM_BUDGET: u32 = 4096;

/// One source of interrupts.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    /// Its line.
    pub line: Line,
    /// How it signals.
    pub trigger: Trigger,
    /// Whether the controller lets it through.
    masked: Masked,
    /// Who claimed it.
    pub owner: Link,
    /// Where its messages go; none while it isn't bound.
    pub endpoint: Name,
    /// The process that bound it.
    pub holder: Link,
    /// The badge of its messages.
    pub badge: u16,
    /// The tag of a message of which there is no more to say than how the line signals.
    pub plain_tag: Tag,
    /// The number of its last message that was received and isn't completed; 0 for none.
    pub outstanding: u32,
    /// The number of its last message.
    pub sequence: u32,
    /// What the pending message says of how it came about.
    pub flags: InterruptFlags,
    /// Whether a message is pending.
    pub pending: bool,
    /// How many interrupts the pending message stands for; a replayed one may stand for none.
    pub count: u32,
    /// When the first of them came.
    pub first: Time,
    pub(crate) siblings: Links,
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
        holder: Link::NONE,
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

impl Linked<SOURCES> for Source {
    fn links(&mut self) -> &mut Links {
        &mut self.siblings
    }
    fn links_ref(&self) -> &Links {
        &self.siblings
    }
}

/// What the receiver of a pending message is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// How many interrupts it stands for.
    pub count: u32,
    /// Its number.
    pub sequence: u32,
    /// When the first came.
    pub first: Time,
    /// How it came about.
    pub flags: InterruptFlags,
    /// The badge of the binding.
    pub badge: u16,
}

impl Taken {
    /// The message.
    #[inline(always)]
    pub const fn message(&self) -> Message {
        let [low, high] = split(self.first.0);
        let tag = Tag::outgoing(Kind::Interrupt, self.flags.bits(), self.badge);
        Message::new(tag, [self.count as usize, self.sequence as usize, low, high])
    }
}

/// What to do after an interrupt was noted at its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noted {
    /// A message is pending now: post it.
    Post,
    /// It was counted in the message that is pending already.
    Coalesced,
    /// The same, and there are too many: mask the line.
    Storm,
}

impl Source {
    /// Notes that the line fired.
    #[inline(always)]
    pub fn note(&mut self, now: Time) -> Noted {
        if self.count != 0 {
            self.count = self.count.saturating_add(1);
            if self.count < STORM_BUDGET || self.is_masked() {
                return Noted::Coalesced;
            }
            self.flags |= InterruptFlags::STORM;
            return Noted::Storm;
        }
        self.count = 1;
        self.first = now;
        self.pend()
    }

    /// Makes a message that says "poll your device" pending, unless one is pending anyway.
    pub fn replay(&mut self, now: Time) -> Noted {
        self.flags |= InterruptFlags::REPLAYED;
        if self.pending {
            return Noted::Coalesced;
        }
        self.first = now;
        self.pend()
    }

    /// Hands out the pending message.
    #[inline(always)]
    pub fn take(&mut self) -> Taken {
        let flags = core::mem::replace(&mut self.flags, InterruptFlags::empty()) | self.level();
        let count = core::mem::replace(&mut self.count, 0);
        self.pending = false;
        self.outstanding = self.sequence;
        Taken { count, sequence: self.sequence, first: self.first, flags, badge: self.badge }
    }

    /// The line fired, and a receiver that waits gets the message before it is ever pending. Returns the message, and
    /// its number.
    #[inline(always)]
    pub fn note_and_take(&mut self, now: Time) -> (Message, u32) {
        self.sequence = Self::after(self.sequence);
        self.outstanding = self.sequence;
        let [low, high] = split(now.0);
        (Message::new(self.plain_tag, [1, self.sequence as usize, low, high]), self.sequence)
    }

    /// Messages of it that a driver received.
    pub const fn delivered(&self) -> u32 {
        let SourceCounters { taken, coalesced, spurious, dropped, .. } = self.counters;
        let pending = (self.count != 0) as u32;
        taken.wrapping_sub(coalesced.wrapping_add(spurious).wrapping_add(dropped).wrapping_add(pending))
    }

    /// Its message is over; its line may fire again once it isn't masked.
    #[inline(always)]
    pub fn complete(&mut self) {
        self.outstanding = 0;
        self.counters.completed = self.counters.completed.wrapping_add(1);
    }

    /// A source of a line that is masked, and bound to nothing.
    pub const fn new(line: Line, trigger: Trigger, owner: Link) -> Self {
        Self { line, trigger, owner, masked: Masked::Otherwise, ..Self::EMPTY }
    }

    /// Masks its line until the message of its level is completed.
    pub fn mask<M: Machine>(&mut self, machine: &mut M) {
        self.masked = machine.mask(self.line);
    }

    /// [`Self::mask`] on the fast path.
    #[inline(always)]
    pub fn mask_directly<M: Machine>(&mut self, machine: &mut M) {
        self.masked = Masked::Directly;
        machine.mask_directly(self.line);
    }

    /// Masks its line for another reason: a storm, or that nobody listens.
    pub fn hold_back<M: Machine>(&mut self, machine: &mut M) {
        machine.mask(self.line);
        self.masked = Masked::Otherwise;
    }

    /// Unmasks its line.
    pub fn unmask<M: Machine>(&mut self, machine: &mut M) {
        self.masked = Masked::No;
        machine.unmask(self.line);
    }

    /// Whether the fast path can unmask its line, if that is masked at all.
    #[inline(always)]
    pub fn can_unmask_directly(&self) -> bool {
        self.masked != Masked::Otherwise
    }

    /// [`Self::unmask`] on the fast path; nothing if its line isn't masked.
    #[inline(always)]
    pub fn unmask_directly<M: Machine>(&mut self, machine: &mut M) {
        if self.masked == Masked::Directly {
            self.masked = Masked::No;
            machine.unmask_directly(self.line);
        }
    }

    /// Whether the controller holds it back.
    pub fn is_masked(&self) -> bool {
        self.masked != Masked::No
    }

    /// Whether edges may have come unseen: it was masked, and edges of a masked line get lost.
    pub fn may_have_lost(&self) -> bool {
        self.is_masked() && self.trigger == Trigger::Edge
    }

    #[inline(always)]
    fn pend(&mut self) -> Noted {
        if self.pending {
            return Noted::Coalesced;
        }
        self.pending = true;
        self.sequence = Self::after(self.sequence);
        Noted::Post
    }

    /// 0 means "none outstanding", so the numbers go from their maximum to 1.
    #[inline(always)]
    const fn after(sequence: u32) -> u32 {
        let (next, wrapped) = sequence.overflowing_add(1);
        next + wrapped as u32
    }

    /// The flag of a line that signals by level.
    #[inline(always)]
    pub const fn level(&self) -> InterruptFlags {
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
