//! What the two bench programs share: the partner's requests, and how samples are judged.
#![cfg_attr(not(test), no_std)]

/// Asks the partner to send the words back.
pub const ECHO: u8 = 1;
/// Asks the partner when it got the call: words 0 and 1 of the answer, in cycles.
pub const STAMP: u8 = 2;
/// Asks the partner when it last got a notification: words 0 and 1 of the answer, in cycles.
pub const NOTIFIED: u8 = 3;
/// Asks the partner to calculate in floating point, so that it has such state from then on.
pub const FLOAT: u8 = 4;

/// Asks the device's driver for the device's registers, and how they interrupt: word 0 of the answer is one of [`BY_LINE`] and
/// [`BY_MESSAGE`], word 3 a handle to their memory.
pub const REGISTERS: u8 = 5;
/// By a level-triggered line.
pub const BY_LINE: usize = 0;
/// By a message.
pub const BY_MESSAGE: usize = 1;
/// Asks the device's driver when it last was interrupted: words 0 and 1 of the answer, in cycles.
pub const INTERRUPTED: u8 = 6;

/// The register of QEMU's teaching device that makes it interrupt.
pub const EDU_RAISE: usize = 0x60;
/// The register that acknowledges it.
pub const EDU_ACKNOWLEDGE: usize = 0x64;

/// Rounds that are measured.
pub const ROUNDS: usize = 2000;
/// Rounds before them, so that tables are filled and lazily given state is there.
pub const WARM_UP: usize = 200;

/// What many rounds of one operation cost, in cycles, which are instructions under `-icount shift=0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// The cheapest round.
    pub minimum: u64,
    /// The middle one.
    pub median: u64,
}

impl Cost {
    /// Judges samples, less what reading the clock twice costs; sorts them.
    pub fn of(samples: &mut [u64], overhead: u64) -> Self {
        samples.sort_unstable();
        let at = |index: usize| samples.get(index).map_or(0, |cycles| cycles.saturating_sub(overhead));
        Self { minimum: at(0), median: at(samples.len() / 2) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_overhead_is_taken_off_both() {
        assert_eq!(Cost::of(&mut [12, 10, 11], 2), Cost { minimum: 8, median: 9 });
        assert_eq!(Cost::of(&mut [], 2), Cost { minimum: 0, median: 0 });
    }
}
