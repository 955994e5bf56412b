//! Time: the processor's cycle counter. Deadlines and the stamps of messages are its values.

use crate::{Result, raw};
use abi::{InfoItem, join};
use core::ops::{Add, Sub};
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;

/// The counter's cycles a second, as the startup block says. 1 GHz until then, and on the host.
static FREQUENCY: AtomicU64 = AtomicU64::new(1_000_000_000);

/// The counter's cycles a second.
pub fn frequency() -> u64 {
    FREQUENCY.load(Ordering::Relaxed)
}

pub(crate) fn set_frequency(hertz: u64) {
    if hertz != 0 {
        FREQUENCY.store(hertz, Ordering::Relaxed);
    }
}

/// Returns how many cycles a duration takes; at most [`u64::MAX`].
pub fn cycles(duration: Duration) -> u64 {
    let cycles = duration.as_nanos().saturating_mul(u128::from(frequency())) / 1_000_000_000;
    u64::try_from(cycles).unwrap_or(u64::MAX)
}

/// Returns how long a number of cycles takes.
pub fn duration(cycles: u64) -> Duration {
    let frequency = frequency();
    let nanoseconds = u128::from(cycles % frequency) * 1_000_000_000 / u128::from(frequency);
    Duration::from_secs(cycles / frequency) + Duration::from_nanos(nanoseconds as u64)
}

/// Returns how long the kernel has run. The counter itself may have begun long before: it runs on over a reset.
pub fn uptime() -> Result<Duration> {
    let [low, high, began_low, began_high] = raw::info(abi::NO_HANDLE, [InfoItem::Now as usize, 0, 0, 0])?.words;
    Ok(Instant(join(low, high)) - Instant(join(began_low, began_high)))
}

/// A point in time: a value of the processor's cycle counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// The present.
    pub fn now() -> Self {
        Self(read_counter())
    }

    /// Returns the point at a number of cycles.
    pub const fn from_cycles(cycles: u64) -> Self {
        Self(cycles)
    }

    /// The cycles until this point.
    pub const fn cycles(self) -> u64 {
        self.0
    }

    /// Returns how long ago that was; zero if it is still to come.
    pub fn elapsed(self) -> Duration {
        Self::now() - self
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, time: Duration) -> Self {
        Self(self.0.saturating_add(cycles(time)))
    }
}

impl Sub for Instant {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        duration(self.0.saturating_sub(earlier.0))
    }
}

#[cfg(target_arch = "x86_64")]
use core::arch::x86_64::_rdtsc;

#[cfg(target_arch = "x86")]
use core::arch::x86::_rdtsc;

fn read_counter() -> u64 {
    // SAFETY: every CPU that Bellwire runs on has the counter, and the kernel leaves it readable to programs.
    unsafe { _rdtsc() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cycles_and_durations_convert_both_ways() {
        for milliseconds in [0, 1, 999, 1_000, 86_400_000] {
            let time = Duration::from_millis(milliseconds);
            assert_eq!(duration(cycles(time)), time);
        }
        assert_eq!(cycles(Duration::MAX), u64::MAX);
    }

    #[test]
    fn what_is_to_come_has_not_elapsed() {
        assert_eq!(Instant::from_cycles(5) - Instant::from_cycles(9), Duration::ZERO);
        assert_eq!(Instant::from_cycles(u64::MAX) + Duration::from_secs(1), Instant::from_cycles(u64::MAX));
    }
}
