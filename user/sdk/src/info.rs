//! The kernel's counters, by name.

use crate::{Root, raw};
use abi::{Error, InfoItem, InterruptPart, LineState, ProcessPart, Share, ThreadPart, ThreadState, join};

/// A source of interrupts and what it has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// Its line.
    pub line: u8,
    /// Whether the line is level-triggered.
    pub level: bool,
    /// Whether it is a device's messages, not a line.
    pub message: bool,
    /// Whether it is masked now.
    pub masked: bool,
    /// Whether it is bound to an endpoint.
    pub bound: bool,
    /// The badge of the process that owns it.
    pub owner: u16,
    /// Interrupts that were taken.
    pub taken: u32,
    /// Those of them that arrived in a message of their own.
    pub delivered: u32,
    /// Those that were counted in a message that was under way.
    pub coalesced: u32,
    /// Those that turned out to be none.
    pub spurious: u32,
    /// Those that no endpoint could be told of.
    pub dropped: u32,
    /// The longest time from trap to driver, in cycles.
    pub longest: u32,
    /// The last message's sequence number.
    pub sequence: u32,
    /// How many messages were completed.
    pub completions: u32,
    /// Whether a message is pending: nobody has received it yet.
    pub pending: bool,
    /// Whether more interrupts came than are allowed unread, so that the source was masked.
    pub storm: bool,
    /// How often it was switched off, since it interrupted more often than its budget allows.
    pub storms: u32,
    /// While it is off: when it comes back, in cycles. A level line that is off longer waits until its message is
    /// completed.
    pub off_until: Option<u64>,
    /// How many interrupts the pending message stands for; 0 if it only says "poll your device".
    pub unread: u32,
    /// The number of the message that was received and isn't completed; 0 for none.
    pub outstanding: u32,
    /// How many messages said "poll your device" without an interrupt.
    pub replayed: u32,
    /// The number of the endpoint that it is bound to; 0 if there is none.
    pub endpoint: u32,
    /// When the first interrupt of the pending message came, in cycles.
    pub first: u64,
    /// Interrupts that took from 2^n to 2^(n+1)-1 cycles from trap to driver.
    pub histogram: [u32; 32],
}

impl Source {
    /// Returns an upper bound, in cycles, for the latency of `percent` percent of the interrupts; 0 if there were none.
    pub fn percentile(&self, percent: u32) -> u64 {
        let total: u64 = self.histogram.iter().copied().map(u64::from).sum();
        let wanted = (total * u64::from(percent)).div_ceil(100);
        let mut seen = 0;
        for (bucket, count) in self.histogram.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= wanted && seen != 0 {
                return ((2u64 << bucket) - 1).min(u64::from(self.longest));
            }
        }
        0
    }
}

/// Frames of memory: of the machine, or of this process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryUse {
    /// Frames of the whole pool.
    pub frames: u32,
    /// Free frames.
    pub free: u32,
    /// Frames that processes hold.
    pub held: u32,
}

/// What a process uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProcessUse {
    /// Whether it has ended and isn't reaped yet.
    pub ended: bool,
    /// The badge that its supervisor gave it.
    pub badge: u16,
    /// The number of its threads.
    pub threads: u32,
    /// The highest priority among them.
    pub priority: u8,
    /// Frames that it holds, and its quota of them.
    pub frames: (u32, u32),
    /// Objects that it holds, and its quota of them.
    pub objects: (u32, u32),
    /// System calls that it made; wraps at the width of a machine word.
    pub calls: u64,
    /// Cycles of the processor that it used.
    pub cycles: u64,
    /// The share of the CPU on which it runs: its own or its maker's.
    pub share: Share,
    /// Whether that is used up, so that it runs below all others.
    pub is_over: bool,
    /// How often its supervisor was told that it wants more.
    pub overruns: u32,
    /// The slot of the process that its quota came from: that process's use contains this one's quota.
    pub parent: Option<usize>,
}

impl ProcessUse {
    /// The badge of the kernel's own process, which has the idle time.
    pub const KERNEL: u16 = u16::MAX;
}

/// A thread's state, and what the thread waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThreadUse {
    /// The thread's state.
    pub state: ThreadState,
    /// The badge of its process.
    pub badge: u16,
    /// Its priority.
    pub priority: u8,
    /// The number of the endpoint that it received on last; 0 if it never did.
    pub serves: u32,
    /// What it waits for: the number of an endpoint ([`ThreadState::Receiving`], [`ThreadState::Calling`]) or, plus 1,
    /// the badge of a process ([`ThreadState::Awaiting`]).
    pub target: u32,
}

/// An exception that a thread has raised, and that waits for its handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThreadFault {
    /// Its vector.
    pub vector: u8,
    /// Its error code.
    pub code: usize,
    /// The address that couldn't be accessed, of a page fault.
    pub address: usize,
    /// Where the thread is.
    pub instruction: usize,
}

/// Counters of the kernel as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KernelCounters {
    /// System calls; wraps at the width of a machine word.
    pub calls: u64,
    /// Changes from one thread to another; wraps likewise.
    pub switches: u64,
    /// Spurious vectors of the PIC and of the APIC.
    pub spurious: (u32, u32),
    /// Interrupts of lines that nobody owns.
    pub unowned: u32,
    /// Non-maskable interrupts.
    pub nmis: u32,
    /// Faults of programs.
    pub faults: u32,
    /// Ends of processes.
    pub exits: u32,
    /// Expiries of timers.
    pub timers: u32,
    /// Replies to callers that had gone.
    pub late_replies: u32,
}

impl Root {
    /// The source of interrupts in a slot: nothing if the slot is free, [`Error::BadArgument`] after the last one.
    pub fn source(&self, index: usize) -> Result<Option<Source>, Error> {
        let [used, line, flags, owner] = self.info(InfoItem::Interrupt, index, InterruptPart::Source as usize)?;
        if used == 0 {
            return Ok(None);
        }
        let counts = self.info(InfoItem::Interrupt, index, InterruptPart::Counts as usize)?.map(|word| word as u32);
        let more = self.info(InfoItem::Interrupt, index, InterruptPart::More as usize)?.map(|word| word as u32);
        let mut histogram = [0; 32];
        for (part, buckets) in histogram.as_chunks_mut::<4>().0.iter_mut().enumerate() {
            let part = InterruptPart::Histogram0 as usize + part;
            *buckets = self.info(InfoItem::Interrupt, index, part)?.map(|word| word as u32);
        }
        let message = self.info(InfoItem::Interrupt, index, InterruptPart::Message as usize)?;
        let [pending, unread, outstanding, replayed] = message.map(|word| word as u32);
        let [endpoint, _, low, high] = self.info(InfoItem::Interrupt, index, InterruptPart::Binding as usize)?;
        let [storms, is_off, back_low, back_high] =
            self.info(InfoItem::Interrupt, index, InterruptPart::Storm as usize)?;
        let [taken, delivered, coalesced, spurious] = counts;
        let [dropped, longest, sequence, completions] = more;
        Ok(Some(Source {
            line: line as u8,
            level: flags & 1 != 0,
            masked: flags & 2 != 0,
            bound: flags & 4 != 0,
            message: flags & 8 != 0,
            owner: owner as u16,
            taken,
            delivered,
            coalesced,
            spurious,
            dropped,
            longest,
            sequence,
            completions,
            pending: pending & 1 != 0,
            storm: pending & 2 != 0,
            storms: storms as u32,
            off_until: (is_off != 0).then(|| join(back_low, back_high)),
            unread,
            outstanding,
            replayed,
            endpoint: endpoint as u32,
            first: join(low, high),
            histogram,
        }))
    }

    /// The process in a slot: nothing if the slot is free, [`Error::BadArgument`] after the last one.
    pub fn process(&self, index: usize) -> Result<Option<ProcessUse>, Error> {
        let [state, badge, threads, priority] = self.info(InfoItem::Process, index, ProcessPart::State as usize)?;
        if state == 0 {
            return Ok(None);
        }
        let quota = self.info(InfoItem::Process, index, ProcessPart::Quota as usize)?.map(|word| word as u32);
        let usage = self.info(InfoItem::Process, index, ProcessPart::Usage as usize)?;
        let [parent, ..] = self.info(InfoItem::Process, index, ProcessPart::Parent as usize)?;
        let [mut share, over, overruns, payer] = self.info(InfoItem::Process, index, ProcessPart::Share as usize)?;
        if let (0, Some(payer)) = (share, payer.checked_sub(1)) {
            [share, ..] = self.info(InfoItem::Process, payer, ProcessPart::Share as usize)?;
        }
        Ok(Some(ProcessUse {
            ended: state == 2,
            badge: badge as u16,
            threads: threads as u32,
            priority: priority as u8,
            frames: (quota[0], quota[1]),
            objects: (quota[2], quota[3]),
            calls: join(usage[0], usage[1]),
            cycles: join(usage[2], usage[3]),
            share: Share::from_thousandths(share).unwrap_or_default(),
            is_over: over != 0,
            overruns: overruns as u32,
            parent: parent.checked_sub(1),
        }))
    }

    /// How a line or message interrupt gets to the CPU, what the controllers' registers have of it, and the index of
    /// its [`Root::source`], if somebody has claimed it.
    pub fn line_state(&self, line: u8) -> Result<(LineState, Option<usize>), Error> {
        let [place, flags, source, _] = self.info(InfoItem::Line, line.into(), 0)?;
        Ok((LineState::from_words([place, flags]), source.checked_sub(1)))
    }

    /// The thread in a slot: nothing if the slot is free, [`Error::BadArgument`] after the last one.
    pub fn thread(&self, index: usize) -> Result<Option<ThreadUse>, Error> {
        let [state, who, serves, target] = self.info(InfoItem::Thread, index, ThreadPart::State as usize)?;
        Ok(match ThreadState::from_number(state) {
            None | Some(ThreadState::Free) => None,
            Some(state) => Some(ThreadUse {
                state,
                badge: who as u16,
                priority: (who >> 16) as u8,
                serves: serves as u32,
                target: target as u32,
            }),
        })
    }

    /// The exception of a thread in the state [`ThreadState::Faulted`].
    pub fn thread_fault(&self, index: usize) -> Result<ThreadFault, Error> {
        let [vector, code, address, instruction] = self.info(InfoItem::Thread, index, ThreadPart::Fault as usize)?;
        Ok(ThreadFault { vector: vector as u8, code, address, instruction })
    }

    /// The kernel's own counters.
    pub fn kernel(&self) -> Result<KernelCounters, Error> {
        let total = self.info(InfoItem::Kernel, 0, 0)?;
        let [pic, apic, unowned, nmis] = self.info(InfoItem::Kernel, 0, 3)?.map(|word| word as u32);
        let [faults, exits, timers, late_replies] = self.info(InfoItem::Kernel, 0, 4)?.map(|word| word as u32);
        Ok(KernelCounters {
            calls: join(total[0], total[1]),
            switches: join(total[2], total[3]),
            spurious: (pic, apic),
            unowned,
            nmis,
            faults,
            exits,
            timers,
            late_replies,
        })
    }
}

impl MemoryUse {
    /// The machine's memory. Needs no grant.
    pub fn of_machine() -> Result<Self, Error> {
        let words = raw::info(abi::NO_HANDLE, [InfoItem::Memory as usize, 0, 0, 0])?.words;
        let [frames, free, held, _] = words.map(|word| word as u32);
        Ok(Self { frames, free, held })
    }

    /// This process's quota.
    pub fn of_process() -> Result<Self, Error> {
        let words = raw::info(abi::NO_HANDLE, [InfoItem::Memory as usize, 1, 0, 0])?.words;
        let [frames, held, ..] = words.map(|word| word as u32);
        Ok(Self { frames, free: frames.saturating_sub(held), held })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_come_from_the_histogram() {
        let mut source = Source { longest: 1000, ..Source::default() };
        assert_eq!(source.percentile(50), 0);
        source.histogram[6] = 98;
        source.histogram[9] = 2;
        assert_eq!((source.percentile(50), source.percentile(98), source.percentile(99)), (127, 127, 1000));
    }
}
