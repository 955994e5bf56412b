//! Counters, latency histograms and the trace. No decision of the core depends on them, so a model checker can explore
//! the core's state without them.

use crate::machine::Time;
use crate::tables::Link;

/// Buckets of a latency histogram; bucket n counts latencies from 2^n to 2^(n+1)-1 cycles.
pub const BUCKETS: usize = 32;

/// The counters of one interrupt source. They are part of the source's entry, so that no second lookup is needed.
///
/// At any time `taken = delivered + coalesced + spurious + dropped + (1 if a message that counts is pending)`. The
/// number of delivered messages is computed from that: a counter of its own would cost every interrupt an instruction.
#[derive(Clone, Copy, Debug)]
pub struct SourceCounters {
    /// Interrupts that the CPU took.
    pub taken: u32,
    /// Interrupts counted into a message that was pending already.
    pub coalesced: u32,
    /// Interrupts that the controller took back.
    pub spurious: u32,
    /// Interrupts whose message was still unread when the source was unbound.
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

    /// Records one delivery that happened `cycles` cycles after the trap.
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

/// What a trace entry is about. Switches aren't traced: the next entry names the thread that ran.
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
    /// When it happened, in cycles; 0 if the path there doesn't read the clock.
    pub time: u64,
    /// The kind of event.
    pub kind: TraceKind,
    /// The thread that was running.
    pub thread: u32,
    /// What the kind says about it.
    pub detail: u32,
}

/// How many trace entries are kept.
pub const TRACE_ENTRIES: usize = 16;

/// An entry without its time: eight bytes, like the time.
#[derive(Clone, Copy)]
#[repr(C)]
struct What {
    detail: u32,
    /// The kind in the upper half, the thread in the lower one. A call's kind is 0, so the most frequent entry needs no
    /// `or`.
    who: u32,
}

/// The last things that happened, as two arrays: an entry's place in each is found by scaling alone.
struct Trace {
    times: [u64; TRACE_ENTRIES],
    what: [What; TRACE_ENTRIES],
    /// How many entries were made.
    count: u32,
}

/// The bits of the thread in [`What::who`].
const THREAD_BITS: u32 = 16;
const _: () = assert!(crate::tables::sizes::THREADS < 1 << THREAD_BITS);

impl Trace {
    const EMPTY: Self = Self { times: [0; TRACE_ENTRIES], what: [What { detail: 0, who: 0 }; TRACE_ENTRIES], count: 0 };

    #[inline(always)]
    fn note(&mut self, kind: TraceKind, time: Time, thread: Link, detail: u32) {
        // The place is derived from the new count, so that one register holds both the old and the new one.
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

/// All counters of the kernel.
pub struct Account {
    /// System calls. Counters that grow with every trap are machine words, which wrap.
    pub calls: usize,
    /// Switches from one thread to another.
    pub switches: usize,
    /// Interrupts of lines that no process had bound.
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

    /// Adds an entry to the trace.
    #[inline(always)]
    pub fn trace(&mut self, kind: TraceKind, time: Time, thread: Link, detail: u32) {
        self.trace.note(kind, time, thread, detail);
    }

    /// The last entries, oldest first.
    pub fn trace_entries(&self) -> impl Iterator<Item = TraceEntry> {
        let next = self.trace.count as usize + 1;
        // Every entry names a thread, if need be the idle thread.
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
