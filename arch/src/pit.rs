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

/// What one measurement saw of a pair of counters, while channel 2 counted [`MEASURE_COUNTS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Elapsed cycles of the time stamp counter.
    pub cycles: u64,
    /// What the other counter advanced by.
    pub other: u32,
    /// By how many cycles that may be wrong: what passed around the accesses that start and end the span. A virtual
    /// machine may be stopped there for long.
    pub doubt: u64,
}

impl Span {
    /// Whether it is right to a part in two thousand, which the ruler itself hardly is.
    pub const fn is_sharp(&self) -> bool {
        self.doubt < self.cycles / 2048
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
    let (start_doubt, end_doubt) = (after_start.wrapping_sub(before_start), after_end.wrapping_sub(before_end));
    let start = before_start.wrapping_add(start_doubt / 2);
    let end = before_end.wrapping_add(end_doubt / 2);
    let doubt = start_doubt.saturating_add(end_doubt);
    Some(Span { cycles: end.wrapping_sub(start), other: other_end.wrapping_sub(other_start), doubt })
}

/// The frequency of a counter that advanced so far during one measurement.
pub const fn frequency(advanced: u64) -> u64 {
    (advanced as u128 * HERTZ as u128 / MEASURE_COUNTS as u128) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubt_is_relative() {
        assert!(Span { cycles: 25_000_000, other: 0, doubt: 12_000 }.is_sharp());
        assert!(!Span { cycles: 25_000_000, other: 0, doubt: 12_500 }.is_sharp());
        assert!(!Span { cycles: 0, other: 0, doubt: 0 }.is_sharp());
    }

    #[test]
    fn frequencies_follow_from_counts() {
        assert_eq!(frequency(u64::from(MEASURE_COUNTS)), HERTZ);
        let gigahertz = frequency(10_000_152);
        assert!(gigahertz.abs_diff(1_000_000_000) < 200, "{gigahertz}");
        assert_eq!(frequency(0), 0);
    }
}
