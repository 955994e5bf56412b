//! The driver's watch over its devices: an interrupt that is waited for has to come.

use bellwire::{Endpoint, Instant, Result, Timer};
use core::time::Duration;

/// The time between two looks. A device interrupts within a millisecond; its line may be off for longer, while other
/// devices there storm, and so may the driver be that has used its budget up.
const LOOK: Duration = Duration::from_secs(5);

/// How many looks may find devices that neither calculate nor interrupt. What had arrived by the first of them is
/// served by the second.
const MOST_SILENT: u32 = 2;

/// How many looks a round may last. A device calculates for milliseconds, but in an emulator it does so in the host's
/// time, of which the machine's may be independent.
const MOST: u32 = 120;

/// Looks whether the devices do what they were told, while they are to do something. One timer serves many rounds, so
/// a round costs no system call.
pub struct Watch {
    timer: Timer,
    /// What the looks have found since the devices were told to do something, while they are to.
    found: Option<Found>,
}

/// What the devices are seen to do, while they are to do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// One calculates.
    Calculating,
    /// None does, and an interrupt is to come.
    Silent,
}

#[derive(Clone, Copy, Default)]
struct Found {
    silent: u32,
    calculating: u32,
}

impl Found {
    /// Adds what a look has found. Returns whether the devices take too long.
    fn is_too_long_with(&mut self, seen: Seen) -> bool {
        match seen {
            Seen::Calculating => self.calculating += 1,
            Seen::Silent => self.silent += 1,
        }
        self.silent >= MOST_SILENT || self.silent + self.calculating >= MOST
    }
}

impl Watch {
    /// Makes a watch whose timer expires at the driver's endpoint.
    pub fn new(endpoint: &Endpoint) -> Result<Self> {
        Ok(Self { timer: Timer::new(endpoint, 0)?, found: None })
    }

    /// Notes that the devices were told to do something.
    pub fn begin(&mut self) -> Result<()> {
        if self.found.replace(Found::default()).is_none() {
            self.timer.set(Instant::now() + LOOK)?;
        }
        Ok(())
    }

    /// Notes that the devices have nothing to do.
    pub fn end(&mut self) -> Result<()> {
        if self.found.take().is_some() {
            self.timer.cancel()?;
        }
        Ok(())
    }

    /// Looks, when the timer has expired. Returns whether the devices take too long.
    pub fn look(&mut self, seen: Seen) -> Result<bool> {
        // An expiry may arrive after the timer was stopped.
        let Some(found) = &mut self.found else { return Ok(false) };
        if found.is_too_long_with(seen) {
            return Ok(true);
        }
        self.timer.set(Instant::now() + LOOK)?;
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many looks it takes, the first ones at devices that calculate.
    fn looks(calculating: u32) -> u32 {
        let mut found = Found::default();
        let seen = |look| if look <= calculating { Seen::Calculating } else { Seen::Silent };
        (1..1_000).find(|look| found.is_too_long_with(seen(*look))).unwrap()
    }

    #[test]
    fn a_device_that_is_silent_has_two_looks_and_one_that_calculates_many() {
        assert_eq!(looks(0), MOST_SILENT);
        assert_eq!(looks(30), 30 + MOST_SILENT, "silence counts from its first look");
        assert_eq!(looks(u32::MAX), MOST);
        assert_eq!(looks(MOST - 1), MOST, "one look at a silent device is one more");
    }
}
