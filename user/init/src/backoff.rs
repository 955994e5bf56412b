//! When a program that died is started again: at once the first time, as good as never when it keeps dying.

use core::time::Duration;

/// The first wait; each further one is twice as long.
const FIRST: Duration = Duration::from_millis(20);

/// No wait is longer.
const LONGEST: Duration = Duration::from_secs(5);

/// A program that ran for this long is taken to work: its next end is treated as the first.
const GOOD: Duration = Duration::from_secs(10);

/// What a program's next wait is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    next: Duration,
}

impl Backoff {
    /// That of a program which never died.
    pub const NEW: Self = Self { next: FIRST };

    /// How long to wait with the next start, after a life of so long.
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
