//! The 8254 interval timer: the ruler by which faster counters are measured, and the clock where there is no local
//! APIC.
//!
//! Channel 2 measures, since its output can be polled without an interrupt; channel 0 drives line 0. Mode 0 ("interrupt
//! on terminal count") is one-shot and quiet until a count is written, so stopping it is one write (Intel 8254 data
//! sheet, 231164).

use crate::port::Port;

/// The input frequency of every channel.
pub const HERTZ: u64 = 1_193_182;
/// The largest count; 0x10000 (written as 0) would be possible, but nothing is gained by it.
pub const LARGEST: u32 = 0xFFFF;
/// The ISA line of channel 0.
pub const LINE: u8 = 0;

/// Channel 0, mode 0, low byte then high byte.
const CHANNEL_0_ONE_SHOT: u8 = 0x30;
/// Channel 2, mode 0, low byte then high byte.
const CHANNEL_2_ONE_SHOT: u8 = 0xB0;
/// Port 0x61: the gate of channel 2.
const GATE: u8 = 1 << 0;
/// Port 0x61: channel 2 sounds the speaker.
const SPEAKER: u8 = 1 << 1;
/// Port 0x61: the output of channel 2.
const OUTPUT: u8 = 1 << 5;

/// How long one measurement lasts, in counts: 10 ms.
pub const MEASURE_COUNTS: u16 = 11_932;
/// Cycles after which a measurement is given up: more than any CPU does in the 10 ms that it should take.
const PATIENCE: u64 = 1 << 33;

// SAFETY: the 8254 only raises line 0, whose vector has a gate; the code runs in ring 0.
const CHANNEL_0: Port = unsafe { Port::new(0x40) };
// SAFETY: as above; channel 2 raises no line.
const CHANNEL_2: Port = unsafe { Port::new(0x42) };
// SAFETY: as above.
const CONTROL: Port = unsafe { Port::new(0x43) };
// SAFETY: port 0x61 holds the gate of channel 2, the speaker, and enables of NMI sources, which have a gate too.
const SYSTEM_CONTROL: Port = unsafe { Port::new(0x61) };

/// Sets channel 0 to raise line 0 once after so many counts.
#[inline]
pub fn start(count: u32) {
    let [low, high, ..] = count.min(LARGEST).to_le_bytes();
    CONTROL.write(CHANNEL_0_ONE_SHOT);
    CHANNEL_0.write(low);
    CHANNEL_0.write(high);
}

/// Stops channel 0: in mode 0 it waits for a count with its output low.
#[inline]
pub fn stop() {
    CONTROL.write(CHANNEL_0_ONE_SHOT);
}

/// What measurements saw of a pair of counters, while channel 2 counted [`MEASURE_COUNTS`].
///
/// The accesses that start and end a measurement take time, and a virtual machine may be stopped there for long; so each
/// gives bounds, and further ones narrow them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    least: u64,
    most: u64,
    other: u32,
    /// The bounds' distance in the measurement that `other` is from.
    other_doubt: u64,
}

impl Span {
    /// What one measurement saw: at least and at most so many cycles, and what the other counter advanced by.
    const fn new(least: u64, most: u64, other: u32) -> Self {
        Self { least, most, other, other_doubt: most.saturating_sub(least) }
    }

    /// What two measurements say together: the narrower bounds, and the other counter of the sharper one.
    pub fn narrow(self, next: Self) -> Self {
        let sharper = if next.other_doubt < self.other_doubt { next } else { self };
        let (least, most) = (self.least.max(next.least), self.most.min(next.most));
        // Bounds that contradict each other are a clock that jumped: the sharper measurement counts.
        if least > most { sharper } else { Self { least, most, ..sharper } }
    }

    /// Whether the bounds differ by less than a part in two thousand; the ruler itself is hardly better.
    pub const fn is_sharp(&self) -> bool {
        self.most.saturating_sub(self.least) < self.most / 2048
    }

    /// The cycles that elapsed.
    pub const fn cycles(&self) -> u64 {
        u64::midpoint(self.least, self.most)
    }

    /// What the other counter advanced by.
    pub const fn other(&self) -> u32 {
        self.other
    }
}

/// Reads the counters at the start and the end of [`MEASURE_COUNTS`] counts of channel 2. `other` reads a counter that
/// counts up; nothing is returned if the channel doesn't run.
pub fn measure(mut cycles: impl FnMut() -> u64, mut other: impl FnMut() -> u32) -> Option<Span> {
    let saved = SYSTEM_CONTROL.read() & !(GATE | SPEAKER) & 0x0F;
    SYSTEM_CONTROL.write(saved);
    CONTROL.write(CHANNEL_2_ONE_SHOT);
    let [low, high] = MEASURE_COUNTS.to_le_bytes();
    CHANNEL_2.write(low);
    CHANNEL_2.write(high);
    let before_start = cycles();
    SYSTEM_CONTROL.write(saved | GATE);
    let other_start = other();
    let after_start = cycles();
    let mut before_end = after_start;
    let ended = loop {
        let has_ended = SYSTEM_CONTROL.read() & OUTPUT != 0;
        let other_end = other();
        let now = cycles();
        if has_ended {
            break Some((now, other_end));
        }
        if now.wrapping_sub(after_start) > PATIENCE {
            break None;
        }
        before_end = now;
    };
    SYSTEM_CONTROL.write(saved);
    let (after_end, other_end) = ended?;
    let least = before_end.saturating_sub(after_start);
    let most = after_end.saturating_sub(before_start);
    Some(Span::new(least, most, other_end.wrapping_sub(other_start)))
}

/// The frequency of a counter that advanced so far during one measurement.
pub const fn frequency(advanced: u64) -> u64 {
    (advanced as u128 * HERTZ as u128 / MEASURE_COUNTS as u128) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sharpness_is_relative() {
        assert!(Span::new(24_990_000, 25_000_000, 0).is_sharp());
        assert!(!Span::new(24_980_000, 25_000_000, 0).is_sharp());
        assert!(!Span::new(0, 0, 0).is_sharp());
    }

    #[test]
    fn measurements_narrow_each_other() {
        let late_start = Span::new(20_000_000, 25_001_000, 9);
        let late_end = Span::new(24_999_000, 31_000_000, 12);
        let both = late_start.narrow(late_end);
        assert!(both.is_sharp());
        assert_eq!((both.cycles(), both.other()), (25_000_000, 9));
        assert_eq!(both, late_end.narrow(late_start));
        let jumped = Span::new(50_000_000, 50_001_000, 20);
        assert_eq!(both.narrow(jumped), jumped);
    }

    #[test]
    fn frequencies_follow_from_counts() {
        assert_eq!(frequency(u64::from(MEASURE_COUNTS)), HERTZ);
        let gigahertz = frequency(10_000_152);
        assert!(gigahertz.abs_diff(1_000_000_000) < 200, "{gigahertz}");
        assert_eq!(frequency(0), 0);
    }
}
