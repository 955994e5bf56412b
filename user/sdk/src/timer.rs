//! Timers: deadlines that arrive as events.

use crate::handle::handle_type;
use crate::time::cycles;
use crate::{Endpoint, Handle, Instant, Result, raw};
use abi::split;
use core::time::Duration;

handle_type! {
    /// A timer that posts to an endpoint.
    Timer
}

impl Timer {
    /// Makes a timer whose expiries arrive at an endpoint with a badge.
    pub fn new(endpoint: &Endpoint, badge: u16) -> Result<Self> {
        let message = raw::timer_create(abi::NO_HANDLE, [endpoint.raw() as usize, badge as usize, 0, 0])?;
        Ok(Self::installed(message.words[0]))
    }

    /// Has the timer expire once.
    pub fn set(&self, deadline: Instant) -> Result<()> {
        self.set_cycles(deadline, 0)
    }

    /// Has the timer expire at a time, and then again every period.
    pub fn set_periodic(&self, first: Instant, period: Duration) -> Result<()> {
        self.set_cycles(first, cycles(period))
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
