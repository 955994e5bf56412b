//! When the driver reads the controller: at an interrupt, and without one while the controller floods, or when an order
//! that was put off is due.

use crate::Flow;
use bellwire::Instant;
use core::time::Duration;

/// How long a controller that floods is left alone, and how often before it counts as broken.
const FLOOD_REST: Duration = Duration::from_millis(10);
const MOST_FLOODS: u32 = 100;

/// Decides when the controller is read, and how often it may flood. What a client asks changes neither.
#[derive(Debug, Default)]
pub struct Looks {
    /// How many consecutive looks have found a flood.
    floods: u32,
    /// When to look without an interrupt.
    at: Option<Instant>,
}

impl Looks {
    /// Notes how a look ended. `now` is the time after it.
    pub fn note(&mut self, flow: Flow, now: Instant) {
        (self.floods, self.at) = match flow {
            Flow::Drained => (0, None),
            Flow::Owes(at) => (0, Some(at)),
            Flow::Floods => (self.floods + 1, Some(now + FLOOD_REST)),
        };
    }

    /// Returns whether the controller still floods after the most rests.
    pub fn is_broken(&self) -> bool {
        self.floods > MOST_FLOODS
    }

    /// Returns how long to wait for an event before the next [`Looks::arrival`]. `None`: until one comes.
    pub fn deadline(&self) -> Option<Instant> {
        self.at
    }

    /// Returns whether the controller is to be read now, after any event or none: the time at which what it has is
    /// taken to have arrived. `interrupt` is that of an interrupt's arrival, if the event is one.
    pub fn arrival(&self, interrupt: Option<Instant>, now: Instant) -> Option<Instant> {
        let is_due = self.at.is_some_and(|at| now >= at);
        // The look after a rest also finds what an interrupt in the rest has announced.
        if self.floods != 0 && !is_due {
            return None;
        }
        interrupt.or(is_due.then_some(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Instant = Instant::from_cycles(1_000_000_000);
    const STEP: Duration = Duration::from_micros(100);

    fn flooded() -> Looks {
        let mut looks = Looks::default();
        looks.note(Flow::Floods, START);
        looks
    }

    #[test]
    fn an_empty_controller_is_read_at_interrupts_only() {
        let mut looks = Looks::default();
        looks.note(Flow::Drained, START);
        assert_eq!(looks.deadline(), None);
        let now = START + Duration::from_secs(1);
        assert_eq!(looks.arrival(None, now), None);
        assert_eq!(looks.arrival(Some(START), now), Some(START));
    }

    #[test]
    fn calls_are_no_floods_and_postpone_no_look() {
        let looks = flooded();
        let mut now = START;
        let end = START + FLOOD_REST;
        for _ in 0..1000 {
            assert!(!looks.is_broken());
            assert_eq!(looks.deadline(), Some(end));
            assert_eq!(looks.arrival(None, now), None);
            now = now + Duration::from_micros(1);
        }
        now = START + FLOOD_REST * 2;
        assert_eq!(looks.arrival(None, now), Some(now), "a call that comes after the deadline makes the look due");
    }

    #[test]
    fn an_order_that_is_put_off_keeps_no_interrupt_waiting() {
        let mut looks = Looks::default();
        let due = START + FLOOD_REST;
        looks.note(Flow::Owes(due), START);
        assert_eq!(looks.deadline(), Some(due));
        assert_eq!(looks.arrival(None, START), None);
        assert_eq!(looks.arrival(Some(START), START + STEP), Some(START));
        assert_eq!(looks.arrival(None, due), Some(due));
    }

    #[test]
    fn a_controller_that_floods_rests_though_it_interrupts() {
        let looks = flooded();
        assert_eq!(looks.arrival(Some(START + STEP), START + STEP), None);
        let late = START + FLOOD_REST;
        assert_eq!(looks.arrival(Some(START + STEP), late), Some(START + STEP));
    }

    #[test]
    fn a_hundred_rests_are_the_most() {
        let mut looks = flooded();
        let mut now = START;
        while !looks.is_broken() {
            // Each step brings an interrupt.
            if let Some(arrival) = looks.arrival(Some(now), now) {
                assert_eq!(arrival, now);
                looks.note(Flow::Floods, now);
            }
            now = now + STEP;
        }
        assert!(now - START >= FLOOD_REST * MOST_FLOODS, "broken after {:?}", now - START);
        assert!(now - START < FLOOD_REST * MOST_FLOODS * 2);
    }

    #[test]
    fn a_flood_that_ends_is_forgotten() {
        let mut looks = flooded();
        for _ in 0..3 {
            for _ in 0..MOST_FLOODS {
                assert!(!looks.is_broken());
                looks.note(Flow::Floods, START);
            }
            looks.note(Flow::Drained, START);
            assert_eq!(looks.deadline(), None);
        }
    }
}
