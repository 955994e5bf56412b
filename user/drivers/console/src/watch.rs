//! How long a driver may be silent while others wait for it.

use bellwire::Instant;
use core::time::Duration;

/// How long a driver may answer nothing before it is asked whether it is there, and how long it has for that answer,
/// twice. Drivers answer in microseconds, and one that died is back in milliseconds, the first times.
const PATIENCE: Duration = Duration::from_secs(1);

/// What to do with a driver that is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Wait on.
    Wait,
    /// Ask it whether it is there.
    Ask,
    /// It is stuck: wait no longer.
    GiveUp,
}

/// What is known of a driver's silence. A driver whose device is slow answers other questions.
#[derive(Debug)]
pub struct Watch {
    /// When the driver has last answered something.
    heard: Instant,
    /// When it was found to owe an answer for too long. Where the whole machine stood still meanwhile, the answer is
    /// about to come.
    suspected: Option<Instant>,
}

impl Watch {
    /// Begins at the present, which counts as an answer.
    pub fn new(now: Instant) -> Self {
        Self { heard: now, suspected: None }
    }

    /// Notes an answer.
    pub fn heard(&mut self, now: Instant) {
        *self = Self::new(now);
    }

    /// Returns when to look next, if nothing is heard before. The driver owes an answer since `asked`, if it does.
    pub fn next_look(&self, asked: Option<Instant>) -> Instant {
        self.suspected.or(asked).unwrap_or(self.heard) + PATIENCE
    }

    /// Looks at a driver that owes an answer since `asked`, if it does.
    pub fn look(&mut self, asked: Option<Instant>, now: Instant) -> Verdict {
        if now < self.next_look(asked) {
            return Verdict::Wait;
        }
        match (self.suspected, asked) {
            (Some(_), Some(_)) => Verdict::GiveUp,
            (None, Some(_)) => {
                self.suspected = Some(now);
                Verdict::Wait
            }
            // A driver that died over the last question has a successor to ask.
            (_, None) => {
                self.heard(now);
                Verdict::Ask
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: u64) -> Instant {
        Instant::from_cycles(1 << 40) + Duration::from_millis(milliseconds)
    }

    #[test]
    fn a_driver_that_answers_nothing_is_given_up() {
        let mut watch = Watch::new(at(0));
        assert_eq!(watch.look(None, at(999)), Verdict::Wait);
        assert_eq!(watch.look(None, at(1000)), Verdict::Ask);
        let asked = Some(at(1000));
        assert_eq!(
            [1999, 2000, 2999, 3000].map(|time| watch.look(asked, at(time))),
            [Verdict::Wait, Verdict::Wait, Verdict::Wait, Verdict::GiveUp]
        );
    }

    #[test]
    fn a_driver_that_answers_is_waited_for() {
        let mut watch = Watch::new(at(0));
        for second in 1..100 {
            assert_eq!(watch.look(None, at(1000 * second)), Verdict::Ask);
            watch.heard(at(1000 * second));
        }
    }

    #[test]
    fn a_machine_that_stood_still_gives_nobody_up() {
        let mut watch = Watch::new(at(0));
        assert_eq!(watch.look(None, at(1000)), Verdict::Ask);
        // An hour is over, and the driver hasn't run.
        assert_eq!(watch.look(Some(at(1000)), at(3_600_000)), Verdict::Wait);
        watch.heard(at(3_600_001));
        assert_eq!(watch.look(None, at(3_600_002)), Verdict::Wait);
    }

    #[test]
    fn the_successor_of_a_driver_that_died_is_asked_anew() {
        let mut watch = Watch::new(at(0));
        assert_eq!(watch.look(Some(at(0)), at(1000)), Verdict::Wait);
        assert_eq!(watch.look(None, at(2000)), Verdict::Ask);
        assert_eq!(watch.look(Some(at(2000)), at(3000)), Verdict::Wait);
        assert_eq!(watch.look(Some(at(2000)), at(4000)), Verdict::GiveUp);
    }

    #[test]
    fn the_next_look_is_always_to_come() {
        for asked in [None, Some(at(0)), Some(at(500)), Some(at(5000))] {
            let mut watch = Watch::new(at(0));
            for time in (0..10_000).step_by(100) {
                if watch.look(asked, at(time)) == Verdict::GiveUp {
                    break;
                }
                assert!(watch.next_look(asked) > at(time), "at {time}, asked {asked:?}");
            }
        }
    }
}
