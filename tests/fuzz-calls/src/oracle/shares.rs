//! Shares of the CPU: who gives them, what is left, and that they come back.

use super::things::{Call, Given, Life, ProcessNumber};
use super::{Oracle, rule};
use abi::{Error, Share};

/// The whole CPU, in thousandths.
const WHOLE: i64 = Share::WHOLE.thousandths() as i64;

impl Oracle {
    /// The process whose share pays for a process's time: the process itself, or the nearest that made it.
    pub fn payer(&self, process: ProcessNumber) -> ProcessNumber {
        let mut payer = process;
        while self.processes[payer].share.is_none() {
            let Some(parent) = self.processes[payer].parent else { break };
            payer = parent;
        }
        payer
    }

    /// A process has got a share, as a call says.
    pub(super) fn share_given(&mut self, maker: ProcessNumber, call: Call) {
        let [asked, ..] = call.message.words;
        let Some(target) = self.target(maker, call.handle as usize) else { return };
        let process = &self.processes[target];
        let (parent, life, has_one) = (process.parent, process.life, process.share.is_some());
        let had_threads = process.had_threads;
        rule!(self, (1..=WHOLE as usize).contains(&asked), "a share of {asked} thousandths was given");
        rule!(self, parent == Some(maker), "process {maker} gave a share to {target}, which {parent:?} has made");
        rule!(self, life == Life::Alive && !has_one, "process {target} got a share; {life:?}, has one: {has_one}");
        rule!(self, !had_threads, "process {target} got a share, and had threads");
        let giver = self.payer(target);
        let thousandths = asked as i64;
        let left = self.processes[giver].share.map_or(0, |share| share.thousandths) - thousandths;
        let coming = self.shares_coming_back();
        rule!(
            self,
            left + coming > 0,
            "process {giver} gave {thousandths}, and has {left} and {coming} thousandths left"
        );
        let now = self.now;
        if let Some(share) = &mut self.processes[giver].share {
            share.pay(now);
            share.thousandths = left;
        }
        self.processes[target].share = Some(Given::new(thousandths, giver, now));
    }

    /// A process got no share.
    pub(super) fn share_refused(&mut self, maker: ProcessNumber, call: Call, error: Error) {
        let [asked, ..] = call.message.words;
        let Some(target) = self.target(maker, call.handle as usize) else { return };
        let process = &self.processes[target];
        let left = self.processes[self.payer(target)].share.map_or(0, |share| share.thousandths);
        let may_fail = match error {
            Error::BadArgument => !(1..=WHOLE as usize).contains(&asked) || process.parent != Some(maker),
            Error::Busy => process.life != Life::Alive || process.share.is_some() || process.had_threads,
            Error::NoShare => left <= asked as i64,
            _ => true,
        };
        rule!(self, may_fail, "process {target} got no share of {asked} from {maker}: {error:?}, {left} are left");
    }

    /// What may have come back of shares of processes that are being reaped, in thousandths.
    pub(super) fn shares_coming_back(&self) -> i64 {
        let reaped = self.processes.iter().filter(|process| process.is_reaped && process.life != Life::Reaped);
        reaped.filter_map(|process| process.share).map(|share| share.thousandths).sum()
    }

    /// Nothing is left of a process: its share is its giver's again, and so is its debt.
    pub(super) fn share_came_back(&mut self, process: ProcessNumber) {
        let now = self.now;
        let Some(mut ended) = self.processes[process].share.take() else { return };
        ended.pay(now);
        if let Some(share) = &mut self.processes[ended.giver].share {
            share.pay(now);
            share.thousandths += ended.thousandths;
            share.debt += ended.debt;
        }
    }

    /// Compares all badges and shares that there are, counted from outside, with those that were given.
    pub fn check_shares(&mut self, mut found: Vec<(u16, i64)>) {
        let sum: i64 = found.iter().map(|(_, thousandths)| thousandths).sum();
        rule!(self, sum == WHOLE, "the shares of all processes add up to {sum} thousandths: {found:?}");
        if self.shares_coming_back() != 0 {
            return;
        }
        let given = self.processes.iter().filter(|process| process.life != Life::Reaped);
        let given = given.filter_map(|process| Some((process.badge, process.share?.thousandths)));
        let mut given: Vec<_> = given.collect();
        given.sort_unstable();
        found.sort_unstable();
        rule!(self, found == given, "the shares {given:?} were given, and there are {found:?}");
    }
}
