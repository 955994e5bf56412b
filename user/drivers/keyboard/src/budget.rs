//! The share of the driver's time that the orders to one device may take.
//!
//! The driver waits for a device's answers and serves no client meanwhile. A device that asks for orders without end,
//! as one with a loose plug does, would keep clients from ever being served.

use bellwire::Instant;
use core::time::Duration;

/// How many times as long as the orders took no further ones are sent. A device that answers takes some milliseconds,
/// so nobody notices.
const REST: u32 = 10;

/// The time that one device's orders may take.
#[derive(Debug)]
pub struct Budget {
    free_at: Instant,
}

impl Default for Budget {
    fn default() -> Self {
        Self { free_at: Instant::from_cycles(0) }
    }
}

impl Budget {
    /// Returns the time from which orders may be sent.
    pub fn free_at(&self) -> Instant {
        self.free_at
    }

    /// Returns whether orders may be sent now.
    pub fn is_free(&self, now: Instant) -> bool {
        now >= self.free_at
    }

    /// Notes that orders have taken a time, which ends now.
    pub fn spend(&mut self, time: Duration, now: Instant) {
        self.free_at = now + time * REST;
    }
}
