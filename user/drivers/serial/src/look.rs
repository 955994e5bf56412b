//! When the driver looks at the chip though no interrupt has come.

use bellwire::Instant;
use core::time::Duration;

/// The time of the next look, if one is wanted.
#[derive(Debug, Default)]
pub struct NextLook(Option<Instant>);

impl NextLook {
    /// Wants a look once `patience` has passed, and returns when to look: an earlier time stays. `None`: no look is
    /// wanted.
    pub fn within(&mut self, patience: Option<Duration>, now: Instant) -> Option<Instant> {
        self.0 = patience.map(|patience| self.0.map_or(now + patience, |at| at.min(now + patience)));
        self.0
    }

    /// Returns whether the time of the look has come. Ask after any event: while clients call, no wait times out.
    pub fn is_due(&self, now: Instant) -> bool {
        self.0.is_some_and(|at| now >= at)
    }

    /// Notes that the chip was served.
    pub fn done(&mut self) {
        self.0 = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Instant = Instant::from_cycles(1_000_000_000);
    const PATIENCE: Option<Duration> = Some(Duration::from_millis(20));

    #[test]
    fn calls_neither_postpone_a_look_nor_replace_it() {
        let mut look = NextLook::default();
        let due = look.within(PATIENCE, START).unwrap();
        let mut now = START;
        while now < due {
            assert_eq!(look.within(PATIENCE, now), Some(due));
            assert!(!look.is_due(now));
            now = now + Duration::from_micros(10);
        }
        assert!(look.is_due(now), "a call came last, and the deadline has passed");
        look.done();
        assert!(!look.is_due(now));
        assert_eq!(look.within(PATIENCE, now), PATIENCE.map(|patience| now + patience));
    }

    #[test]
    fn less_patience_brings_the_look_nearer() {
        let mut look = NextLook::default();
        look.within(PATIENCE, START);
        let short = Duration::from_millis(1);
        assert_eq!(look.within(Some(short), START), Some(START + short));
    }

    #[test]
    fn a_look_that_nobody_wants_any_more_is_not_due() {
        let mut look = NextLook::default();
        look.within(PATIENCE, START);
        assert_eq!(look.within(None, START), None);
        assert!(!look.is_due(START + Duration::from_secs(1)));
    }
}
