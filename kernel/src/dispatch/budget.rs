//! Budgets: how much of the CPU's time processes may use.
//!
//! A budget is a token bucket. Its credit grows with the time by its share of that, and shrinks by what is used. While
//! its process wants nothing, the credit grows up to what the share gives in one window, so that nobody saves time up
//! to use it all at once. While its process waits for the CPU, the credit grows further, since others have the time
//! that it is owed. A debt stays until it is paid: there is no moment at which it is forgotten, so nothing is gained by
//! using the CPU at particular times.

use crate::machine::Time;
use abi::Share;

/// The longest time that is counted at once, in cycles: it fits into a credit, whatever the share is.
const LONGEST_CYCLES: u64 = 1 << 48;

/// The largest credit, in windows of the share: of a process that waits, and between two reviews, when what was used
/// meanwhile isn't taken off yet.
pub const MOST_WINDOWS: u64 = 8;

/// What a process that hasn't used up its share did since its last review.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// It waited for the CPU all the time, and others had it.
    Waited,
    /// It has used the CPU, or may have wanted nothing.
    Other,
}

/// The largest debt, in windows of the whole CPU.
const LARGEST_DEBT_WINDOWS: u64 = 100;

/// A share of the CPU's time, and what is left of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    share: Share,
    /// What may be used now, in thousandths of a cycle; less than 0 for a debt.
    credit: i64,
    /// The credit that the last review has left.
    reviewed: i64,
    /// Until when the credit has grown.
    since: Time,
}

/// Thousandths of a cycle.
const fn thousandths(share: Share, cycles: u64) -> i64 {
    let cycles = if cycles < LONGEST_CYCLES { cycles } else { LONGEST_CYCLES };
    (cycles * share.thousandths() as u64) as i64
}

impl Budget {
    /// No share.
    pub const NONE: Self = Self { share: Share::NONE, credit: 0, reviewed: 0, since: Time(0) };

    /// A share from now on.
    pub const fn new(share: Share, now: Time) -> Self {
        Self { share, credit: 0, reviewed: 0, since: now }
    }

    /// What may be used now, in thousandths of a cycle, for the tests.
    #[cfg(test)]
    pub fn credit(&self) -> i64 {
        self.credit
    }

    /// The share.
    pub const fn share(&self) -> Share {
        self.share
    }

    /// Lets the credit grow by the share of the time since the last call. Call this before anything else is asked or
    /// changed.
    pub fn accrue(&mut self, now: Time, window_cycles: u64) {
        let elapsed = now.0.saturating_sub(self.since.0);
        self.since = now;
        let most = thousandths(self.share, window_cycles.saturating_mul(MOST_WINDOWS));
        self.credit = most.min(self.credit.saturating_add(thousandths(self.share, elapsed)));
    }

    /// Lets the credit grow, and takes off all that was used since the last review. Unless the process has waited, the
    /// credit doesn't grow beyond what the share gives in a window.
    pub fn review(&mut self, now: Time, used_cycles: u64, window_cycles: u64, since: Since) {
        self.accrue(now, window_cycles);
        self.debit(used_cycles, window_cycles);
        if since == Since::Other {
            self.credit = self.credit.min(self.reviewed.max(thousandths(self.share, window_cycles)));
        }
        self.reviewed = self.credit;
    }

    /// Takes off what was used.
    pub fn debit(&mut self, cycles: u64, window_cycles: u64) {
        let least = -thousandths(Share::WHOLE, window_cycles.saturating_mul(LARGEST_DEBT_WINDOWS));
        self.credit = least.max(self.credit.saturating_sub(thousandths(Share::WHOLE, cycles)));
    }

    /// Adds what was taken off and used for another budget's sake.
    pub fn refund(&mut self, cycles: u64, window_cycles: u64) {
        let most = thousandths(self.share, window_cycles.saturating_mul(MOST_WINDOWS));
        self.credit = most.min(self.credit.saturating_add(thousandths(Share::WHOLE, cycles)));
    }

    /// Whether more was used than the share allows. The whole CPU can't be used up: nobody else has a share then.
    pub fn is_used_up(&self) -> bool {
        self.credit < 0 && self.share < Share::WHOLE
    }

    /// How long it takes until the debt is paid, in cycles.
    pub const fn cycles_to_pay(&self) -> u64 {
        let share = self.share.thousandths() as u32;
        if self.credit >= 0 || share == 0 {
            return 0;
        }
        self.credit.unsigned_abs().div_ceil(share as u64)
    }

    /// Gives a part of the share away, and returns whether it did. Something has to be left.
    pub fn give(&mut self, share: Share, window_cycles: u64) -> bool {
        match self.share.minus(share) {
            Some(rest) if rest > Share::NONE => {
                self.share = rest;
                self.credit = self.credit.min(thousandths(rest, window_cycles));
                true
            }
            _ => false,
        }
    }

    /// Takes the share of a budget that ends back, and its debt with it.
    pub fn take_back(&mut self, ended: &Self, window_cycles: u64) {
        self.share = self.share.plus(ended.share).unwrap_or(Share::WHOLE);
        self.debit(ended.credit.min(0).unsigned_abs() / Share::WHOLE.thousandths() as u64, window_cycles);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WINDOW: u64 = 10_000;

    fn share(thousandths: usize) -> Share {
        Share::from_thousandths(thousandths).unwrap()
    }

    #[test]
    fn credit_grows_by_the_share_up_to_a_window() {
        let mut budget = Budget::new(share(200), Time(0));
        budget.accrue(Time(1_000), WINDOW);
        budget.debit(200, WINDOW);
        assert_eq!((budget.credit, budget.is_used_up()), (0, false));
        budget.review(Time(1_000_000), 0, WINDOW, Since::Other);
        budget.debit(2_000, WINDOW);
        assert!(!budget.is_used_up());
        budget.debit(1, WINDOW);
        assert!(budget.is_used_up());
    }

    #[test]
    fn who_keeps_to_a_share_has_no_debt_however_seldom_it_is_reviewed() {
        for windows in 1..=MOST_WINDOWS {
            let mut budget = Budget::new(share(200), Time(0));
            for review in 1..20 {
                budget.review(Time(review * windows * WINDOW), windows * WINDOW / 5, WINDOW, Since::Other);
                assert!(!budget.is_used_up(), "{windows} windows between reviews");
            }
        }
    }

    #[test]
    fn what_a_process_was_owed_while_it_waited_is_kept_until_it_is_used() {
        let mut budget = Budget::new(share(100), Time(0));
        let window = 100 * WINDOW as i64;
        budget.review(Time(5 * WINDOW), 0, WINDOW, Since::Waited);
        assert_eq!(budget.credit, 5 * window);
        budget.review(Time(6 * WINDOW), 0, WINDOW, Since::Other);
        assert_eq!(budget.credit, 5 * window, "it grows only while the process waits");
        // Work of the kernel's lets the credit grow between reviews.
        budget.accrue(Time(7 * WINDOW), WINDOW);
        budget.review(Time(7 * WINDOW), WINDOW / 5, WINDOW, Since::Other);
        assert_eq!(budget.credit, 4 * window);
        budget.review(Time(8 * WINDOW), WINDOW / 2, WINDOW, Since::Other);
        assert_eq!(budget.credit, 0);
        budget.review(Time(30 * WINDOW), 0, WINDOW, Since::Other);
        assert_eq!(budget.credit, window);
        budget.review(Time(60 * WINDOW), 0, WINDOW, Since::Waited);
        assert_eq!(budget.credit, MOST_WINDOWS as i64 * window);
    }

    #[test]
    fn a_debt_is_paid_in_exactly_the_time_that_is_said() {
        for thousandths in [1, 7, 200, 999] {
            let mut budget = Budget::new(share(thousandths), Time(0));
            budget.debit(12_345, WINDOW);
            let time = budget.cycles_to_pay();
            let mut before = budget;
            before.accrue(Time(time - 1), WINDOW);
            assert!(before.is_used_up());
            budget.accrue(Time(time), WINDOW);
            assert!(!budget.is_used_up());
            assert_eq!(budget.cycles_to_pay(), 0);
        }
    }

    #[test]
    fn a_share_that_is_given_comes_back_with_its_debt() {
        let mut maker = Budget::new(Share::WHOLE, Time(0));
        assert!(!maker.give(Share::WHOLE, WINDOW), "something has to be left");
        assert!(maker.give(share(300), WINDOW));
        let mut made = Budget::new(share(300), Time(0));
        made.debit(70, WINDOW);
        maker.take_back(&made, WINDOW);
        assert_eq!((maker.share, maker.credit), (Share::WHOLE, -70_000));
        assert!(!maker.is_used_up(), "nobody else has a share");
    }

    proptest! {
        #[test]
        fn credits_are_bounded(
            part in 1usize..=1_000,
            steps in prop::collection::vec((any::<u64>(), any::<u64>(), 0u8..5), 0..50),
            window in 1u64..1 << 34,
        ) {
            let mut budget = Budget::new(share(part), Time(0));
            let mut reviewed = window as i64 * part as i64;
            for (time, cycles, step) in steps {
                match step {
                    0 => budget.accrue(Time(time), window),
                    1 => budget.debit(cycles, window),
                    2 => budget.refund(cycles, window),
                    3 => budget.review(Time(time), cycles, window, Since::Other),
                    _ => budget.review(Time(time), cycles, window, Since::Waited),
                }
                let most = window as i64 * part as i64 * MOST_WINDOWS as i64;
                let most = if step == 3 { reviewed.min(most) } else { most };
                prop_assert!((-(100_000 * window as i64)..=most).contains(&budget.credit));
                if step >= 3 {
                    reviewed = budget.credit.max(window as i64 * part as i64);
                }
            }
        }
    }
}
