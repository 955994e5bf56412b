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

#[derive(Clone, Copy, Default)]
struct Found {
    silent: u32,
    calculating: u32,
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
    pub fn look(&mut self, is_calculating: bool) -> Result<bool> {
        // An expiry may arrive after the timer was stopped.
        let Some(found) = &mut self.found else { return Ok(false) };
        *(if is_calculating { &mut found.calculating } else { &mut found.silent }) += 1;
        if found.silent >= MOST_SILENT || found.silent + found.calculating >= MOST {
            return Ok(true);
        }
        self.timer.set(Instant::now() + LOOK)?;
        Ok(false)
    }
}
