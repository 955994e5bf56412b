//! The wait before a program that died is started again: short the first time, and longer while it keeps dying.

use core::time::Duration;

/// The first wait. Each further wait is twice as long.
const FIRST: Duration = Duration::from_millis(20);

/// The longest wait.
const LONGEST: Duration = Duration::from_secs(5);

/// A program that ran for this long is taken to work: its next end is treated as the first.
const GOOD: Duration = Duration::from_secs(10);

/// The next wait of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    next: Duration,
}

impl Backoff {
    /// The state of a program that never died.
    pub const NEW: Self = Self { next: FIRST };

    /// Returns how long to wait before the next start, when the program has lived for `life`.
    pub fn after(&mut self, life: Duration) -> Duration {
        if life >= GOOD {
            self.next = FIRST;
        }
        let wait = self.next;
        self.next = (wait * 2).min(LONGEST);
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let mut backoff = Backoff::NEW;
        let waits: Vec<_> = (0..10).map(|_| backoff.after(Duration::ZERO).as_millis()).collect();
        assert_eq!(waits, [20, 40, 80, 160, 320, 640, 1280, 2560, 5000, 5000]);
    }

    #[test]
    fn a_good_life_is_rewarded() {
        let mut backoff = Backoff::NEW;
        backoff.after(Duration::ZERO);
        backoff.after(Duration::ZERO);
        assert_eq!(backoff.after(GOOD), FIRST);
    }
}
