//! Time: which process used it, and that each which wants its share gets it.
//!
//! In a contest time passes while all programs that can run compute, as on a real machine. A share that somebody wants
//! all the time and doesn't get is one that others have taken.

use super::things::{Detail, Given, Life, ProcessNumber, State, ThreadNumber};
use super::{Oracle, rule};
use kernel::fake::FREQUENCY;
use std::collections::BTreeMap;

/// The window of a share, in cycles.
pub const WINDOW: u64 = FREQUENCY / 100;

/// The shortest contest that says something, in windows: what is left from before it doesn't matter in such a time.
const LEAST_WINDOWS: u64 = 100;

/// How much less than its share a process may have got, in windows of the whole CPU: others may use what they have
/// saved, which is a window of each one's share, and more if they had waited before. A review comes some looks late.
const LOST_WINDOWS: u64 = 4;

/// A contest that goes on.
#[derive(Debug)]
pub struct Contest {
    began: u64,
    /// The processes that have a share, and what it is and what they owe of it, for as long as they wanted all of it.
    wanting: BTreeMap<ProcessNumber, Given>,
    /// What was used by whom, in cycles.
    used: BTreeMap<ProcessNumber, u64>,
}

impl Oracle {
    /// Time has passed up to `now` while this thread ran, or none.
    pub fn time_passed(&mut self, now: u64, running: Option<ThreadNumber>) {
        let cycles = now - self.now;
        self.now = now;
        let process = running.and_then(|thread| self.threads.get(&thread)).map(|thread| thread.process);
        let Some(process) = process.filter(|_| cycles != 0) else { return };
        self.processes[process].used_cycles += cycles;
        let payer = self.payer(process);
        if let Some(share) = &mut self.processes[payer].share {
            share.pay(now);
            share.debt += cycles * 1_000;
        }
        if let Some(contest) = &mut self.contest {
            *contest.used.entry(payer).or_default() += cycles;
        }
    }

    /// From now on it is looked at whether each process that wants its share gets it.
    pub fn begin_contest(&mut self) {
        let now = self.now;
        let mut wanting = BTreeMap::new();
        for number in 0..self.processes.len() {
            let is_single = !self.processes.iter().any(|process| process.parent == Some(number));
            let is_alive = self.processes[number].life == Life::Alive;
            let Some(share) = &mut self.processes[number].share else { continue };
            share.pay(now);
            let share = *share;
            if is_alive && is_single && !self.is_charged_otherwise(number) {
                wanting.insert(number, share);
            }
        }
        self.contest = Some(Contest { began: self.now, wanting, used: BTreeMap::new() });
        self.note_wants();
    }

    /// Those whose share isn't wanted at this time, or has changed, are out of the contest.
    pub fn note_wants(&mut self) {
        let Some(mut contest) = self.contest.take() else { return };
        let wants: std::collections::BTreeSet<_> = self
            .threads
            .values()
            .filter(|thread| thread.state == State::Ready && self.processes[thread.process].life == Life::Alive)
            .map(|thread| self.payer(thread.process))
            .collect();
        contest.wanting.retain(|number, share| {
            let process = &self.processes[*number];
            let same = process.share.is_some_and(|now| now.thousandths == share.thousandths);
            same && process.life == Life::Alive && wants.contains(number)
        });
        self.contest = Some(contest);
    }

    /// Judges a contest. Returns how many processes were in it to its end.
    pub fn end_contest(&mut self) -> u64 {
        self.note_wants();
        let Some(contest) = self.contest.take() else { return 0 };
        let cycles = self.now - contest.began;
        if cycles < LEAST_WINDOWS * WINDOW {
            return 0;
        }
        let mut judged = 0;
        for (number, share) in contest.wanting {
            if self.is_charged_otherwise(number) {
                continue;
            }
            judged += 1;
            let got = contest.used.get(&number).copied().unwrap_or(0);
            let owed = share.debt / 1_000;
            let share = share.thousandths.max(0) as u64;
            let least = (cycles * share / 1_000).saturating_sub(LOST_WINDOWS * WINDOW + owed);
            let all = &contest.used;
            rule!(
                self,
                got >= least,
                "process {number} wanted {share}/1000 of {cycles}, and got {got}: {all:?}, {owed}"
            );
        }
        judged
    }

    /// Whether a share pays for more than the time of threads: for timers and interrupts.
    pub(super) fn is_charged_otherwise(&self, payer: ProcessNumber) -> bool {
        let mut others = self
            .objects
            .iter()
            .filter(|object| matches!(object.detail, Detail::Timer { was_set: true, .. } | Detail::Source { .. }));
        others.any(|object| self.payer(object.owner) == payer)
    }
}
