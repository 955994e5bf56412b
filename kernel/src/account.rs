//! What is counted and never decided upon: counters of each source with its latency histogram, the last trace entries.
//!
//! No decision reads anything of this module, so that the core's state without it is what a model checker explores.

use crate::machine::Time;
use crate::tables::Link;

/// Buckets of a latency histogram; bucket n counts latencies from 2^n to 2^(n+1)-1 cycles.
pub const BUCKETS: usize = 32;

/// What is counted of one interrupt source, in whose entry it stands: so its place need not be worked out once more.
///
/// At any time `taken = delivered + coalesced + spurious + dropped + (1 if a message that counts is pending)`, which
/// says how many were delivered without a counter of its own: every interrupt would pay for it.
#[derive(Clone, Copy, Debug)]
pub struct SourceCounters {
    /// Interrupts that the CPU took.
    pub taken: u32,
    /// Interrupts counted into a message that was pending already.
    pub coalesced: u32,
    /// Interrupts that the controller took back.
    pub spurious: u32,
    /// Interrupts whose message died unread with its binding.
    pub dropped: u32,
    /// Messages that said "poll your device" without an interrupt.
    pub replayed: u32,
    /// Messages that were completed.
    pub completed: u32,
    /// The longest time from trap to driver, in cycles.
    pub latency_maximum: u32,
    /// How often the time from trap to driver was in each bucket.
    pub histogram: [u32; BUCKETS],
}

impl SourceCounters {
    /// Nothing happened yet.
    pub const ZERO: Self = Self {
        taken: 0,
        coalesced: 0,
        spurious: 0,
        dropped: 0,
        replayed: 0,
        completed: 0,
        latency_maximum: 0,
        histogram: [0; BUCKETS],
    };

    /// Notes one delivery, so many cycles after the trap.
    #[inline(always)]
    pub fn note_latency(&mut self, cycles: u32) {
        if cycles > self.latency_maximum {
            self.raise_maximum(cycles);
        }
        let bucket = (31 - (cycles | 1).leading_zeros()) as usize;
        if let Some(count) = self.histogram.get_mut(bucket) {
            *count = count.wrapping_add(1);
        }
    }

    #[cold]
    fn raise_maximum(&mut self, cycles: u32) {
        self.latency_maximum = cycles;
    }
}

/// What a trace entry is about. Switches have none of their own: the next entry names the thread that ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum TraceKind {
    /// A system call; the detail is the tag.
    Call = 0,
    /// An interrupt of the line in the detail.
    Interrupt = 1,
    /// A fault; the detail is the vector.
    Fault = 3,
    /// The one-shot timer.
    Timer = 4,
    /// The end of the process whose badge is in the detail.
    Exit = 6,
}

impl TraceKind {
    /// What it is called in a crash record.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "interrupt",
            Self::Call => "call",
            Self::Fault => "fault",
            Self::Timer => "timer",
            Self::Exit => "exit",
        }
    }
}

/// One thing that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceEntry {
    /// When, in cycles, if the way there had to read the clock anyway; else 0.
    pub time: u64,
    /// What.
    pub kind: TraceKind,
    /// The thread that was running.
    pub thread: u32,
    /// See the kind.
    pub detail: u32,
}

/// How many trace entries are kept.
pub const TRACE_ENTRIES: usize = 16;

/// An entry but for its time: eight bytes, as that has.
#[derive(Clone, Copy)]
#[repr(C)]
struct What {
    detail: u32,
    /// The kind and, in the low half, the thread. A call's kind is 0, so that for what is most frequent this is the
    /// thread.
    who: u32,
}

/// The last things that happened, as two arrays: an entry's place in each is found by scaling alone.
struct Trace {
    times: [u64; TRACE_ENTRIES],
    what: [What; TRACE_ENTRIES],
    /// How many were noted.
    count: u32,
}

/// The bits of the thread in [`What::who`].
const THREAD_BITS: u32 = 16;
const _: () = assert!(crate::tables::sizes::THREADS < 1 << THREAD_BITS);

impl Trace {
    const EMPTY: Self = Self { times: [0; TRACE_ENTRIES], what: [What { detail: 0, who: 0 }; TRACE_ENTRIES], count: 0 };

    #[inline(always)]
    fn note(&mut self, kind: TraceKind, time: Time, thread: Link, detail: u32) {
        // The next place, so that one register holds the count, old and new.
        self.count = self.count.wrapping_add(1);
        let place = self.count as usize % TRACE_ENTRIES;
        self.times[place] = time.0;
        self.what[place] = What { detail, who: ((kind as u32) << THREAD_BITS).wrapping_add(thread.word()) };
    }

    fn entry(&self, place: usize) -> TraceEntry {
        let What { detail, who } = self.what[place];
        let kind = match who >> THREAD_BITS {
            1 => TraceKind::Interrupt,
            3 => TraceKind::Fault,
            4 => TraceKind::Timer,
            6 => TraceKind::Exit,
            _ => TraceKind::Call,
        };
        TraceEntry { time: self.times[place], kind, thread: who & ((1 << THREAD_BITS) - 1), detail }
    }
}

/// Everything that is counted.
pub struct Account {
    /// System calls. What grows with every trap is counted in a machine word, which wraps.
    pub calls: usize,
    /// Switches from one thread to another.
    pub switches: usize,
    /// Interrupts of lines that nobody had bound.
    pub unowned: u32,
    /// Spurious vectors of the PIC.
    pub spurious_pic: u32,
    /// Spurious vectors of the local APIC.
    pub spurious_apic: u32,
    /// Non-maskable interrupts.
    pub nmis: u32,
    /// Exceptions from user mode.
    pub faults: u32,
    /// Ends of processes.
    pub exits: u32,
    /// Timer expiries.
    pub expiries: u32,
    /// Replies to callers that had gone.
    pub stale_replies: u32,
    trace: Trace,
}

impl Account {
    /// Nothing happened yet.
    pub const ZERO: Self = Self {
        calls: 0,
        switches: 0,
        unowned: 0,
        spurious_pic: 0,
        spurious_apic: 0,
        nmis: 0,
        faults: 0,
        exits: 0,
        expiries: 0,
        stale_replies: 0,
        trace: Trace::EMPTY,
    };

    /// Notes what happens.
    #[inline(always)]
    pub fn trace(&mut self, kind: TraceKind, time: Time, thread: Link, detail: u32) {
        self.trace.note(kind, time, thread, detail);
    }

    /// The last entries, oldest first.
    pub fn trace_entries(&self) -> impl Iterator<Item = TraceEntry> {
        let next = self.trace.count as usize + 1;
        // A thread is always named: the idle one when nobody else ran.
        (0..TRACE_ENTRIES)
            .map(move |number| self.trace.entry(next.wrapping_add(number) % TRACE_ENTRIES))
            .filter(|entry| entry.thread != Link::NONE.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn the_last_entries_come_oldest_first() {
        let mut account = Account::ZERO;
        for count in [3, TRACE_ENTRIES, 2 * TRACE_ENTRIES + 5] {
            for number in 0..count {
                account.trace(TraceKind::Interrupt, Time(number as u64), Link::new(7), number as u32);
            }
            let last: Vec<u32> = account.trace_entries().map(|entry| entry.detail).collect();
            let expected = count.saturating_sub(TRACE_ENTRIES)..count;
            assert!(last.ends_with(&expected.map(|number| number as u32).collect::<Vec<_>>()), "{last:?}");
        }
        assert_eq!(account.trace_entries().count(), TRACE_ENTRIES);
    }
}
