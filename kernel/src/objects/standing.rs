//! How a process stands with the budget that pays for its time.

use crate::dispatch::{Budget, Since};
use crate::machine::Time;
use crate::tables::Link;
use abi::Share;

/// A process that keeps to its share for this long is over its share for the first time when it is again.
const WINDOWS_FORGIVEN: u64 = 4;

/// The supervisor of a process that is over its share for this long is told.
const WINDOWS_TOLERATED: u64 = 200;

/// With which priorities a process's threads run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// With those that were asked for.
    Full,
    /// Below all others, since the share is used up.
    Lowered,
}

/// What a review finds a process to want. An empty table is all zeros, so what a new process wants comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// It runs, or wants nothing.
    Other,
    /// One of its threads is ready, and none runs.
    Waits,
}

/// Whether the supervisor was told of what goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    No,
    Yes,
}

/// How a process stands with the budget that pays for its time.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    /// The process whose budget pays: the process itself if it has a share of its own, else an ancestor.
    payer: Link,
    /// Its own budget.
    pub budget: Budget,
    level: Level,
    /// The part of its threads' time that was charged, in cycles.
    charged: u64,
    /// While it is lowered: when its debt will be paid if nothing more is charged.
    pays_until: Time,
    /// When the present episode of being over its share began.
    over_since: Time,
    /// When its debt was last paid.
    restored: Time,
    /// What the last review found.
    wish: Wish,
    told: Told,
    /// How long it had been over its share when its supervisor was told last, in cycles.
    told_cycles: u64,
    overruns: u32,
}

impl Standing {
    /// A process that runs on the budget of another.
    pub const fn on(payer: Link) -> Self {
        Self {
            payer,
            budget: Budget::NONE,
            level: Level::Full,
            charged: 0,
            pays_until: Time(0),
            over_since: Time(0),
            restored: Time(0),
            wish: Wish::Other,
            told: Told::No,
            told_cycles: 0,
            overruns: 0,
        }
    }

    /// The process gets a share of its own; `itself` is its link.
    pub const fn own(&mut self, itself: Link, share: Share, now: Time) {
        self.payer = itself;
        self.budget = Budget::new(share, now);
    }

    /// The process whose budget pays.
    pub const fn payer(&self) -> Link {
        self.payer
    }

    /// With which priorities its threads run.
    pub const fn level(&self) -> Level {
        self.level
    }

    /// Whether its threads run below all others.
    pub fn is_lowered(&self) -> bool {
        self.level == Level::Lowered
    }

    /// Takes the time that wasn't charged yet, of all that it has used. What it used below all others is free: nobody
    /// else wanted it.
    pub fn take_uncharged(&mut self, used_cycles: u64) -> u64 {
        let cycles = used_cycles.wrapping_sub(core::mem::replace(&mut self.charged, used_cycles));
        match self.level {
            Level::Full => cycles,
            Level::Lowered => 0,
        }
    }

    /// Notes what a review finds, and returns what the process did since the one before. A ready thread stays ready
    /// until it has run.
    pub fn note_wish(&mut self, wish: Wish, used_cycles: u64) -> Since {
        let before = core::mem::replace(&mut self.wish, wish);
        if before == Wish::Waits && used_cycles == 0 { Since::Waited } else { Since::Other }
    }

    /// The share is used up.
    pub fn lower(&mut self, now: Time, window_cycles: u64) {
        self.level = Level::Lowered;
        let forgiven = self.restored.0.saturating_add(window_cycles.saturating_mul(WINDOWS_FORGIVEN));
        if self.restored == Time(0) || forgiven < now.0 {
            (self.over_since, self.told) = (now, Told::No);
        }
    }

    /// The share pays for it again.
    pub const fn restore(&mut self, now: Time) {
        self.level = Level::Full;
        self.restored = now;
    }

    /// While it is lowered: when its debt will be paid if nothing more is charged.
    pub const fn pays_until(&self) -> Time {
        self.pays_until
    }

    /// Notes when its debt will be paid.
    pub const fn set_pays_until(&mut self, time: Time) {
        self.pays_until = time;
    }

    /// Whether its supervisor is to be told that it is over its share; true once until it has kept to the share for a
    /// while.
    pub fn take_overrun(&mut self, now: Time, window_cycles: u64) -> bool {
        let tolerated = self.over_since.0.saturating_add(window_cycles.saturating_mul(WINDOWS_TOLERATED));
        let is_due = self.is_lowered() && self.told == Told::No && tolerated <= now.0;
        if is_due {
            self.told = Told::Yes;
            self.told_cycles = now.0.saturating_sub(self.over_since.0);
            self.overruns = self.overruns.saturating_add(1);
        }
        is_due
    }

    /// How long it had been over its share when its supervisor was told last, in cycles. The supervisor may take the
    /// message when another episode has begun.
    pub const fn told_cycles(&self) -> u64 {
        self.told_cycles
    }

    /// How often its supervisor was told.
    pub const fn overruns(&self) -> u32 {
        self.overruns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: u64 = 1_000;

    fn standing() -> Standing {
        Standing::on(Link::new(3))
    }

    #[test]
    fn time_is_charged_once_and_not_while_lowered() {
        let mut standing = standing();
        assert_eq!(standing.take_uncharged(500), 500);
        assert_eq!(standing.take_uncharged(500), 0);
        standing.lower(Time(1), WINDOW);
        assert_eq!(standing.take_uncharged(900), 0);
        standing.restore(Time(2));
        assert_eq!(standing.take_uncharged(950), 50);
    }

    #[test]
    fn a_process_has_waited_if_it_wanted_to_run_and_used_nothing_since() {
        let mut standing = standing();
        let reviews = [
            (Wish::Waits, 0, Since::Other),
            (Wish::Waits, 0, Since::Waited),
            (Wish::Other, 0, Since::Waited),
            (Wish::Waits, 0, Since::Other),
            (Wish::Waits, 1, Since::Other),
            (Wish::Waits, 0, Since::Waited),
        ];
        for (wish, used_cycles, expected) in reviews {
            assert_eq!(standing.note_wish(wish, used_cycles), expected, "{wish:?} {used_cycles}");
        }
    }

    #[test]
    fn an_episode_goes_on_over_short_breaks_and_is_told_once() {
        let mut standing = standing();
        let mut time = 10;
        let mut told = 0;
        while time < 1_000 * WINDOW {
            standing.lower(Time(time), WINDOW);
            told += standing.take_overrun(Time(time), WINDOW) as u32;
            standing.restore(Time(time + WINDOW));
            time += 3 * WINDOW;
        }
        assert_eq!((told, standing.overruns()), (1, 1));
        assert!((200 * WINDOW..203 * WINDOW).contains(&standing.told_cycles()));
    }

    #[test]
    fn a_new_episode_is_told_again() {
        let mut standing = standing();
        for episode in 0..3 {
            let begin = 1 + episode * 500 * WINDOW;
            standing.lower(Time(begin), WINDOW);
            assert!(!standing.take_overrun(Time(begin + 199 * WINDOW), WINDOW));
            assert!(standing.take_overrun(Time(begin + 200 * WINDOW), WINDOW));
            assert!(!standing.take_overrun(Time(begin + 300 * WINDOW), WINDOW));
            standing.restore(Time(begin + 301 * WINDOW));
        }
        assert_eq!(standing.overruns(), 3);
    }
}
