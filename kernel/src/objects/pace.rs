//! How often a source interrupts, and for how long it is off after a storm.
//!
//! A source has a budget of interrupts: a token bucket, as a process's budget of time is. Its credit grows with the
//! time and shrinks with each interrupt, and is bounded, so that a burst may be long but not without end. A source
//! whose credit is used up is off for a while. Each storm that follows another soon makes that while twice as long;
//! quiet time makes it shorter again.

use crate::machine::Time;
use crate::tables::{Entry, Name};

/// How many interrupts of one source a window allows, on and on: about 50,000 a second. Devices of the ISA bus stay far
/// below that: a serial port without a FIFO comes to 23,000. It is a power of two, so that nothing is divided.
const INTERRUPTS_PER_WINDOW: u64 = 512;

/// How many windows' interrupts may come at once after a quiet time: a device may have thousands of things to say.
const BURST_WINDOWS: u64 = 16;

/// How many windows' interrupts may come at once after a storm.
const WINDOWS_AFTER_STORM: u64 = 1;

/// For how many windows a source is off after the first storm: 20 milliseconds.
const FIRST_OFF_WINDOWS: u64 = 2;

/// How often that is doubled at most: a source is off for 1.28 seconds then.
const MOST_DOUBLINGS: u8 = 6;

/// So many windows without a storm take one doubling back: a second.
const QUIET_WINDOWS: u64 = 100;

/// Whether a source is within its budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pacing {
    /// It is.
    Within,
    /// It interrupts more often than it may.
    Over,
}

/// Whether the supervisor hears of a storm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// It does: the source is off for another time than after the last storm that was told, or another process pays.
    Told,
    /// It doesn't: it would only hear the same again.
    Silent,
}

/// How often one source interrupts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// How many of its interrupts a review has seen.
    seen: u32,
    /// When that was.
    since: Time,
    /// What it may still use, in cycles: each interrupt costs its part of a window.
    credit: i64,
    /// When it comes back; 0 while it is on.
    off_until: Time,
    /// While it is off: where its messages go.
    endpoint: Name,
    /// For how long it is off, or was off last, in cycles.
    cycles_off: u64,
    /// When it came back last.
    came_back: Time,
    /// How often the time off is doubled when the next storm comes.
    doublings: u8,
    /// That of the last storm that was told, plus one; 0 for none.
    told: u8,
    /// How often it was switched off.
    storms: u32,
    /// The badge of the process that paid for it then.
    badge: u16,
}

impl Entry for Pace {
    const EMPTY: Self = Self {
        seen: 0,
        since: Time(0),
        credit: 0,
        off_until: Time(0),
        endpoint: Name::NONE,
        cycles_off: 0,
        came_back: Time(0),
        doublings: 0,
        told: 0,
        storms: 0,
        badge: 0,
    };
}

impl Pace {
    /// That of a source which was claimed just now: it may come in a burst.
    pub const NEW: Self = Self { credit: i64::MAX, ..Self::EMPTY };

    /// Charges what came since the last review, of `taken` interrupts in all.
    pub fn review(&mut self, taken: u32, now: Time, window_cycles: u64) -> Pacing {
        let came = taken.wrapping_sub(core::mem::replace(&mut self.seen, taken)) as u64;
        let elapsed = now.0.saturating_sub(core::mem::replace(&mut self.since, now).0);
        let most = window_cycles.saturating_mul(BURST_WINDOWS) as i64;
        let used = came.saturating_mul(window_cycles / INTERRUPTS_PER_WINDOW);
        // What has come is taken off before the credit is bounded: reviews may be far apart.
        let credit = self.credit.saturating_sub_unsigned(used).saturating_add_unsigned(elapsed);
        // `clamp` would compare its bounds, and panic.
        self.credit = credit.min(most).max(-most);
        if self.credit < 0 { Pacing::Over } else { Pacing::Within }
    }

    /// Whether it is off.
    pub fn is_off(&self) -> bool {
        self.off_until != Time(0)
    }

    /// While it is off: where its messages go.
    pub const fn endpoint(&self) -> Name {
        self.endpoint
    }

    /// That name, for the sweep of stale names.
    pub const fn endpoint_mut(&mut self) -> &mut Name {
        &mut self.endpoint
    }

    /// Notes where its messages go while it is off.
    pub const fn set_endpoint(&mut self, endpoint: Name) {
        self.endpoint = endpoint;
    }

    /// When it comes back, while it is off.
    pub const fn back(&self) -> Time {
        self.off_until
    }

    /// For how long it is off, or was off last, in cycles.
    pub const fn cycles_off(&self) -> u64 {
        self.cycles_off
    }

    /// How often it was switched off.
    pub const fn storms(&self) -> u32 {
        self.storms
    }

    /// The badge of the process that paid for it when it was switched off last.
    pub const fn badge(&self) -> u16 {
        self.badge
    }

    /// Switches it off, until [`Self::back`]. Its messages go to that endpoint, and a process with that badge pays.
    pub fn switch_off(&mut self, (endpoint, badge): (Name, u16), now: Time, window_cycles: u64) -> Report {
        let quiet = now.0.saturating_sub(self.came_back.0) / window_cycles.saturating_mul(QUIET_WINDOWS).max(1);
        let doublings = self.doublings.saturating_sub(u8::try_from(quiet).unwrap_or(u8::MAX));
        let cycles = window_cycles.saturating_mul(FIRST_OFF_WINDOWS << doublings);
        self.endpoint = endpoint;
        (self.off_until, self.cycles_off) = (Time(now.0.saturating_add(cycles).max(1)), cycles);
        self.doublings = MOST_DOUBLINGS.min(doublings + 1);
        self.storms = self.storms.saturating_add(1);
        let before = (core::mem::replace(&mut self.told, doublings + 1), core::mem::replace(&mut self.badge, badge));
        if before == (doublings + 1, badge) { Report::Silent } else { Report::Told }
    }

    /// Switches it on again, after `taken` interrupts in all. Returns where its messages go.
    pub const fn switch_on(&mut self, taken: u32, now: Time, window_cycles: u64) -> Name {
        (self.seen, self.since) = (taken, now);
        self.credit = window_cycles.saturating_mul(WINDOWS_AFTER_STORM) as i64;
        (self.off_until, self.came_back) = (Time(0), now);
        core::mem::replace(&mut self.endpoint, Name::NONE)
    }

    /// Uses the credit up, as a storm does.
    #[cfg(test)]
    pub fn exhaust(&mut self) {
        self.credit = i64::MIN;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WINDOW: u64 = 1 << 20;
    const WHERE: (Name, u16) = (Name::GONE, 7);

    /// Lets a source interrupt at a steady rate, with a review each window, until it is over its budget. Returns after
    /// how many windows, up to a thousand, that was.
    fn windows_to_a_storm(mut pace: Pace, per_window: u32) -> Option<u64> {
        let mut taken = pace.seen;
        (1..=1_000).find(|_| {
            taken = taken.wrapping_add(per_window);
            pace.review(taken, Time(pace.since.0.max(1) + WINDOW), WINDOW) == Pacing::Over
        })
    }

    #[test]
    fn what_a_window_allows_may_go_on_for_ever() {
        assert_eq!(windows_to_a_storm(Pace::NEW, 512), None);
        let soon = windows_to_a_storm(Pace::NEW, 1_024).unwrap();
        assert!((BURST_WINDOWS..=BURST_WINDOWS + 3).contains(&soon), "{soon}");
        assert_eq!(windows_to_a_storm(Pace::NEW, 100_000), Some(2), "the account begins with the first review");
    }

    #[test]
    fn a_burst_after_a_quiet_time_is_no_storm() {
        let mut pace = Pace::NEW;
        for burst in 1..10 {
            let now = Time(burst * 20 * WINDOW);
            assert_eq!(pace.review(burst as u32 * 8_192, now, WINDOW), Pacing::Within, "{burst}");
        }
    }

    /// A source that is seldom looked at isn't charged more for the same interrupts.
    #[test]
    fn it_makes_no_difference_how_often_a_source_is_reviewed() {
        for windows_apart in [1, 16, 100, 1_000] {
            let mut pace = Pace::NEW;
            for number in 1..50 {
                let windows = number * windows_apart;
                assert_eq!(pace.review(windows as u32 * 512, Time(windows * WINDOW), WINDOW), Pacing::Within);
            }
        }
    }

    #[test]
    fn each_storm_is_followed_by_twice_the_silence_up_to_a_limit() {
        let mut pace = Pace::NEW;
        let mut now = Time(5 * WINDOW);
        let mut silences = std::vec::Vec::new();
        for number in 0..9 {
            let report = pace.switch_off(WHERE, now, WINDOW);
            silences.push(pace.cycles_off() / WINDOW);
            assert_eq!(report == Report::Told, number <= 6, "storm {number}");
            now = pace.back();
            assert_eq!(pace.switch_on(0, now, WINDOW), WHERE.0);
        }
        assert_eq!(silences, [2, 4, 8, 16, 32, 64, 128, 128, 128]);
        assert_eq!((pace.storms(), pace.badge()), (9, 7));
        // Each quiet second takes a doubling back, and the shorter silence is told again.
        for (quiet, silence) in [(99, 128), (350, 16), (100_000, 2)] {
            let report = pace.switch_off(WHERE, Time(now.0 + quiet * WINDOW), WINDOW);
            assert_eq!((pace.cycles_off() / WINDOW, report == Report::Told), (silence, silence != 128));
            now = pace.back();
            pace.switch_on(0, now, WINDOW);
        }
    }

    #[test]
    fn after_a_storm_the_next_is_seen_soon() {
        let mut pace = Pace::NEW;
        pace.switch_off(WHERE, Time(WINDOW), WINDOW);
        pace.switch_on(77, pace.back(), WINDOW);
        assert_eq!(windows_to_a_storm(pace, 512), None);
        assert_eq!(windows_to_a_storm(pace, 1_500), Some(1));
    }

    proptest! {
        #[test]
        fn no_time_and_no_count_is_too_much(
            steps in prop::collection::vec((any::<u32>(), any::<u64>(), 0u8..3), 0..50),
            window in 1u64..1 << 40,
        ) {
            let mut pace = Pace::NEW;
            for (taken, time, step) in steps {
                match step {
                    0 => drop(pace.review(taken, Time(time), window)),
                    1 => drop(pace.switch_off(WHERE, Time(time), window)),
                    _ => drop(pace.switch_on(taken, Time(time), window)),
                }
                prop_assert!(pace.cycles_off() <= window * 128);
            }
        }
    }
}
