//! The message that tells of a source's interrupts: counting them in it, making it pending, taking and completing it.
//!
//! At most one message of a source is pending. Interrupts that come meanwhile are counted in it, so that taking an
//! interrupt needs no memory and can't fail.

use super::Source;
use crate::account::SourceCounters;
use crate::machine::{Machine, Time, Trigger};
use abi::{InterruptFlags, Kind, Message, Tag, split};

/// How many interrupts may pile up in one unread message before their source is masked.
pub const STORM_BUDGET: u32 = 4096;

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

    /// The controller took an interrupt back: it is counted, and nobody is told.
    pub const fn note_spurious(&mut self) {
        self.counters.taken = self.counters.taken.wrapping_add(1);
        self.counters.spurious = self.counters.spurious.wrapping_add(1);
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

    #[inline(always)]
    pub(super) fn pend(&mut self) -> Noted {
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
}
