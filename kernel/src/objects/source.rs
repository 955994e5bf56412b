//! Interrupt sources: a line, or a message that devices write, on its way to its driver.
//!
//! At most one message of a source is pending. Interrupts that come meanwhile are counted in it, so that taking an
//! interrupt needs no memory and can't fail.

use crate::account::SourceCounters;
use crate::machine::{Line, Machine, Masked, Time, Trigger};
use crate::tables::{Entry, Link, Links, Name, linked};
use abi::{InterruptFlags, Kind, Message, Tag, split};

#[cfg(test)]
mod checks;

/// How many interrupts may pile up in one unread message before their source is masked.
pub const STORM_BUDGET: u32 = 4096;

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

/// What the receiver of a pending message is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// How many interrupts it stands for.
    pub count: u32,
    /// Its number.
    pub sequence: u32,
    /// When the first came.
    pub first: Time,
    /// Its flags.
    pub flags: InterruptFlags,
    /// The badge of the binding.
    pub badge: u16,
}

impl Taken {
    /// The message.
    pub const fn message(&self) -> Message {
        message(Tag::outgoing(Kind::Interrupt, self.flags.bits(), self.badge), self.count, self.sequence, self.first)
    }
}

#[inline(always)]
const fn message(tag: Tag, count: u32, sequence: u32, first: Time) -> Message {
    let [low, high] = split(first.0);
    Message::new(tag, [count as usize, sequence as usize, low, high])
}

/// What to do after an interrupt was noted at its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noted {
    /// A message is pending now: post it.
    Post,
    /// It was counted in the message that is pending already.
    Coalesced,
    /// It was counted in the message that is pending already, which stands for too many: the line was masked.
    Storm,
}

impl Source {
    /// The endpoint of a source that is bound and off: no endpoint has this name.
    const AWAY: Name = Name::GONE;

    /// Notes that the line fired `times` times, once at least, since the kernel looked last. A level line is masked
    /// until the message is completed, another one in a storm.
    #[inline(always)]
    pub fn fire<M: Machine>(&mut self, machine: &mut M, now: Time, times: u32) -> Noted {
        let counted = if self.count != 0 { times } else { times - 1 };
        self.counters.taken = self.counters.taken.wrapping_add(times);
        self.counters.coalesced = self.counters.coalesced.wrapping_add(counted);
        if self.trigger == Trigger::Level {
            self.mask(machine);
        }
        let noted = self.note(now);
        self.count = self.count.saturating_add(times - 1);
        if noted == Noted::Storm {
            self.hold_back(machine);
        }
        noted
    }

    #[inline(always)]
    fn note(&mut self, now: Time) -> Noted {
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

    /// The controller took an interrupt back: it is counted, and nobody is told.
    pub const fn note_spurious(&mut self) {
        self.counters.taken = self.counters.taken.wrapping_add(1);
        self.counters.spurious = self.counters.spurious.wrapping_add(1);
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

    /// Takes the pending message.
    pub fn take(&mut self) -> Taken {
        let flags = core::mem::replace(&mut self.flags, InterruptFlags::empty()) | self.level();
        let count = core::mem::replace(&mut self.count, 0);
        self.pending = false;
        self.outstanding = self.sequence;
        self.counters.replayed = self.counters.replayed.wrapping_add((count == 0) as u32);
        Taken { count, sequence: self.sequence, first: self.first, flags, badge: self.badge }
    }

    /// Notes that the line fired, for a receiver that waits: the message is never pending. Returns the message and its
    /// number.
    #[inline(always)]
    pub fn note_and_take(&mut self, now: Time) -> (Message, u32) {
        self.sequence = Self::after(self.sequence);
        self.outstanding = self.sequence;
        (message(self.plain_tag, 1, self.sequence, now), self.sequence)
    }

    /// Counts an interrupt that [`Source::note_and_take`] noted, and its latency.
    #[inline(always)]
    pub fn count_delivered(&mut self, latency_cycles: u32) {
        self.counters.taken = self.counters.taken.wrapping_add(1);
        self.counters.note_latency(latency_cycles);
    }

    /// How many of its messages were received.
    pub const fn delivered(&self) -> u32 {
        let SourceCounters { taken, coalesced, spurious, dropped, .. } = self.counters;
        let pending = (self.count != 0) as u32;
        taken.wrapping_sub(coalesced.wrapping_add(spurious).wrapping_add(dropped).wrapping_add(pending))
    }

    /// Whether that message was received and isn't completed. No message has the number 0.
    #[inline(always)]
    pub const fn is_outstanding(&self, sequence: u32) -> bool {
        self.outstanding == sequence && sequence != 0
    }

    /// Its message is over; its line may fire again once it isn't masked.
    #[inline(always)]
    pub fn complete(&mut self) {
        self.outstanding = 0;
        self.counters.completed = self.counters.completed.wrapping_add(1);
    }

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

    /// Whether a message is pending, how many interrupts it stands for, when the first came, and how it came about.
    pub const fn pending(&self) -> (bool, u32, Time, InterruptFlags) {
        (self.pending, self.count, self.first, self.flags)
    }

    /// The number of its last message that was received and isn't completed; 0 for none.
    pub const fn outstanding(&self) -> u32 {
        self.outstanding
    }

    /// The number of its last message.
    pub const fn sequence(&self) -> u32 {
        self.sequence
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

    /// Counts an interrupt that came while it was off, in the message that is pending or will be.
    pub const fn note_while_off(&mut self, now: Time) {
        self.counters.taken = self.counters.taken.wrapping_add(1);
        if self.count == 0 {
            self.first = now;
        } else {
            self.counters.coalesced = self.counters.coalesced.wrapping_add(1);
        }
        self.count = self.count.saturating_add(1);
    }

    /// Counts `times` interrupts that came while it wasn't bound: no message tells of them.
    pub const fn note_unbound(&mut self, times: u32) {
        self.counters.taken = self.counters.taken.wrapping_add(times);
        self.counters.dropped = self.counters.dropped.wrapping_add(times);
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

    /// Masks its level line until the message is completed.
    fn mask<M: Machine>(&mut self, machine: &mut M) {
        self.masked = machine.mask(self.line);
    }

    /// Masks its level line on the fast path, until the message is completed.
    #[inline(always)]
    pub fn mask_directly<M: Machine>(&mut self, machine: &mut M) {
        self.masked = Masked::Directly;
        machine.mask_directly(self.line);
    }

    /// Masks its line for another reason: a storm, or since no process listens.
    fn hold_back<M: Machine>(&mut self, machine: &mut M) {
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

    /// Unmasks its line on the fast path, if that is masked.
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

    /// 0 stands for no message, so the numbers go from their maximum to 1.
    #[inline(always)]
    const fn after(sequence: u32) -> u32 {
        let (next, wrapped) = sequence.overflowing_add(1);
        next + wrapped as u32
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
