//! Interrupts: from the line to the message.
//!
//! Of each source at most one message is pending; what fires meanwhile is counted in it, so that taking an interrupt
//! needs no memory and can't fail. A level line is masked until its message is completed; an edge or MSI isn't, and
//! only a storm masks it. Where hardware may have dropped an edge (masked before the bind, or in a storm), the unmask
//! posts one message that says "replayed: poll your device".

use crate::Kernel;
use crate::account::{SourceCounters, TraceKind};
use crate::arena::{Entry, Link, Linked, Links, Name};
use crate::endpoint::Event;
use crate::machine::{Line, Machine, Masked, Time, Trigger};
use crate::thread::Token;
use abi::{Error, InterruptFlags, Kind, Message, Tag, split};

/// How many interrupts may pile up in one unread message before their source is masked.
pub const STORM_BUDGET: u32 = 4096;

/// One source of interrupts.
#[derive(Clone, Copy, Debug)]
pub struct Interrupt {
    /// Its line.
    pub line: Line,
    /// How it signals.
    pub trigger: Trigger,
    /// Whether the controller lets it through.
    pub masked: Masked,
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

impl Entry for Interrupt {
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

impl Linked<SOURCES> for Interrupt {
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

impl Interrupt {
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

    /// The line fired, and a receiver that waits gets the message before it is ever pending. Returns the message, and its
    /// number.
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

    /// Whether the controller holds it back.
    pub fn is_masked(&self) -> bool {
        self.masked != Masked::No
    }

    /// Whether edges may have come unseen: it was masked, and edges of a masked line get lost.
    fn may_have_lost(&self) -> bool {
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

    #[inline(always)]
    const fn level(&self) -> InterruptFlags {
        match self.trigger {
            Trigger::Level => InterruptFlags::LEVEL,
            Trigger::Edge => InterruptFlags::empty(),
        }
    }
}

impl<M: Machine> Kernel<M> {
    /// A line fired: the way of an interrupt through the core.
    pub fn interrupt(&mut self, machine: &mut M, line: Line) {
        self.interrupt_times(machine, line, 1);
    }

    /// A line fired so many times since anybody looked, once at least: all are told of by one message.
    #[inline(always)]
    fn interrupt_times(&mut self, machine: &mut M, line: Line, times: u32) {
        self.now = machine.now();
        self.trace(TraceKind::Interrupt, line.0 as u32);
        let link = self.lines.get(line.0 as usize).copied().unwrap_or(Link::NONE);
        let Some(source) = self.interrupts.at_mut(link) else { return self.unowned(machine, line) };
        let Some(endpoint) = self.endpoints.resolve(source.endpoint) else { return self.unowned(machine, line) };
        let coalesced = if source.count != 0 { times } else { times - 1 };
        source.counters.taken = source.counters.taken.wrapping_add(times);
        source.counters.coalesced = source.counters.coalesced.wrapping_add(coalesced);
        if source.trigger == Trigger::Level {
            source.masked = machine.mask(line);
        }
        let noted = source.note(self.now);
        source.count = source.count.saturating_add(times - 1);
        if noted == Noted::Storm {
            machine.mask(line);
            source.masked = Masked::Otherwise;
        }
        if line != Line::NMI {
            machine.end_of_interrupt(line);
        }
        if noted == Noted::Post {
            self.post(machine, endpoint, Event::Interrupt(link));
        }
        self.finish(machine);
    }

    /// The controller took an interrupt of that line back.
    pub fn spurious(&mut self, line: Option<Line>) {
        match line {
            Some(line) => {
                self.account.spurious_pic = self.account.spurious_pic.wrapping_add(1);
                let link = self.lines.get(line.0 as usize).copied().unwrap_or(Link::NONE);
                if let Some(source) = self.interrupts.at_mut(link).filter(|source| !source.endpoint.is_none()) {
                    source.counters.taken = source.counters.taken.wrapping_add(1);
                    source.counters.spurious = source.counters.spurious.wrapping_add(1);
                }
            }
            None => self.account.spurious_apic = self.account.spurious_apic.wrapping_add(1),
        }
    }

    /// Non-maskable interrupts that came since the last exit from the kernel.
    pub fn non_maskable(&mut self, machine: &mut M, count: u32) {
        self.account.nmis = self.account.nmis.wrapping_add(count);
        if count > 0 && self.lines.get(Line::NMI.0 as usize).is_some_and(|link| link.is_some()) {
            self.interrupt_times(machine, Line::NMI, count);
        }
    }

    /// Nobody listens. A source whose endpoint was destroyed notices it here: the end of an endpoint doesn't go
    /// through all sources.
    #[cold]
    fn unowned(&mut self, machine: &mut M, line: Line) {
        let link = self.lines.get(line.0 as usize).copied().unwrap_or(Link::NONE);
        self.unbind(machine, link);
        machine.mask(line);
        if line != Line::NMI {
            machine.end_of_interrupt(line);
        }
        self.account.unowned = self.account.unowned.wrapping_add(1);
    }

    /// Completes a message: a level line, or one that a storm masked, may fire again.
    #[inline(never)]
    pub(crate) fn complete(&mut self, machine: &mut M, token: Token) -> Result<(), Error> {
        let Some(source) = self.interrupts.get_mut(token.source) else { return Err(Error::BadHandle) };
        if source.outstanding != token.sequence || token.sequence == 0 {
            return Err(Error::Stale);
        }
        let may_have_lost = source.may_have_lost();
        source.complete();
        if source.is_masked() {
            source.masked = Masked::No;
            machine.unmask(source.line);
        }
        if may_have_lost { self.replay(machine, token.source.link()) } else { Ok(()) }
    }

    /// Binds a source, unmasks it and returns how many interrupts it has seen before, and its last number.
    pub(crate) fn bind(
        &mut self,
        machine: &mut M,
        source: Link,
        endpoint: Name,
        binding: Binding,
    ) -> Result<(u32, u32), Error> {
        let Some(interrupt) = self.interrupts.at(source) else { return Err(Error::BadHandle) };
        if self.endpoints.get(interrupt.endpoint).is_some() {
            return Err(Error::Busy);
        }
        // It may still be bound to an endpoint that was destroyed.
        self.unbind(machine, source);
        let Some(interrupt) = self.interrupts.at_mut(source) else { return Err(Error::BadHandle) };
        let Some(process) = self.processes.at_mut(binding.holder) else { return Err(Error::Gone) };
        if process.0.source_count as usize >= crate::sizes::SOURCES_PER_PROCESS {
            return Err(Error::TableFull);
        }
        process.0.source_count += 1;
        interrupt.endpoint = endpoint;
        interrupt.holder = binding.holder;
        interrupt.badge = binding.badge;
        interrupt.trigger = machine.configure(interrupt.line, binding.trigger);
        interrupt.plain_tag = Tag::outgoing(Kind::Interrupt, interrupt.level().bits(), interrupt.badge);
        interrupt.masked = Masked::No;
        interrupt.outstanding = 0;
        let (line, trigger) = (interrupt.line, interrupt.trigger);
        self.interrupts.push_back::<SOURCES>(&mut process.0.sources, source);
        machine.unmask(line);
        if trigger == Trigger::Edge && line != Line::NMI {
            self.replay(machine, source)?;
        }
        let Some(interrupt) = self.interrupts.at(source) else { return Err(Error::BadHandle) };
        Ok((interrupt.count, interrupt.sequence))
    }

    /// Masks a source and takes it off its endpoint; a message that nobody read is dropped, and counted as such.
    pub(crate) fn unbind(&mut self, machine: &mut M, source: Link) {
        let Some(interrupt) = self.interrupts.at_mut(source) else { return };
        if interrupt.endpoint.is_none() {
            return;
        }
        machine.mask(interrupt.line);
        interrupt.masked = Masked::Otherwise;
        interrupt.endpoint = Name::NONE;
        interrupt.outstanding = 0;
        interrupt.flags = InterruptFlags::empty();
        interrupt.pending = false;
        if core::mem::replace(&mut interrupt.count, 0) != 0 {
            interrupt.counters.dropped = interrupt.counters.dropped.wrapping_add(1);
        }
        let holder = core::mem::replace(&mut interrupt.holder, Link::NONE);
        if let Some(process) = self.processes.at_mut(holder) {
            process.0.source_count = process.0.source_count.saturating_sub(1);
            self.interrupts.unlink::<SOURCES>(&mut process.0.sources, source);
        }
        self.withdraw(Event::Interrupt(source));
    }

    fn replay(&mut self, machine: &mut M, source: Link) -> Result<(), Error> {
        let now = self.now;
        let Some(interrupt) = self.interrupts.at_mut(source) else { return Err(Error::BadHandle) };
        let Some(endpoint) = self.endpoints.resolve(interrupt.endpoint) else { return Ok(()) };
        if interrupt.replay(now) == Noted::Post {
            self.post(machine, endpoint, Event::Interrupt(source));
        }
        Ok(())
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
