//! Timers: deadlines that arrive as events.

use crate::handle::handle_type;
use crate::time::cycles;
use crate::{Endpoint, Handle, Instant, Result, raw};
use abi::split;
use core::time::Duration;

handle_type! {
    /// A timer that posts to an endpoint. It goes on when this is dropped; [`Timer::destroy`] ends it.
    Timer
}

impl Timer {
    /// Makes a timer whose expiries arrive at an endpoint with a badge.
    pub fn new(endpoint: &Endpoint, badge: u16) -> Result<Self> {
        let message = raw::timer_create(abi::NO_HANDLE, [endpoint.raw() as usize, badge as usize, 0, 0])?;
        Ok(Self::installed(message.words[0]))
    }

    /// Has the timer expire once; at once, if the deadline has passed. Replaces what was set before.
    pub fn set(&self, deadline: Instant) -> Result<()> {
        self.set_cycles(deadline, 0)
    }

    /// Has the timer expire at a time, and then again every period. [`crate::Error::BadArgument`] for a period below
    /// 10 microseconds.
    pub fn set_periodic(&self, first: Instant, period: Duration) -> Result<()> {
        // To the kernel, 0 is no period at all.
        self.set_cycles(first, cycles(period).max(1))
    }

    /// Stops the timer. An expiry that is on its way still arrives.
    pub fn cancel(&self) -> Result<()> {
        raw::timer_cancel(self.raw(), [0; 4]).map(drop)
    }

    fn set_cycles(&self, deadline: Instant, period: u64) -> Result<()> {
        let [low, high] = split(deadline.cycles());
        let [period_low, period_high] = split(period);
        raw::timer_set(self.raw(), [low, high, period_low, period_high]).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raw::fake;

    #[test]
    fn a_period_of_nothing_is_not_a_single_expiry() {
        fake::answer_with(|operation, _, words| match (operation, words) {
            (abi::Operation::TimerSet, [_, _, 1..10_000, 0]) => Err(crate::Error::BadArgument),
            _ => Ok(words),
        });
        let timer = Timer::installed(7);
        assert_eq!(timer.set_periodic(Instant::from_cycles(5), Duration::ZERO), Err(crate::Error::BadArgument));
        assert_eq!(timer.set_periodic(Instant::from_cycles(5), Duration::from_micros(10)), Ok(()));
        assert_eq!(timer.set(Instant::from_cycles(5)), Ok(()));
    }
}
