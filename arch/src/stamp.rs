//! The times in the log: each line begins with the seconds since the kernel began, as `[    0.123456] `.
//!
//! What is logged before the clock is measured gets its time as soon as that is known: in the ring, where programs read it.
//! COM1 and the screen have shown it by then, with zeros.

use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use kernel::machine::Time;

/// The bytes of the longest: the counter may count for centuries.
const LONGEST: usize = 32;
/// Digits of a second that are shown.
const DIGITS: usize = 6;
/// The width of the whole seconds.
const WIDTH: usize = 5;
/// Lines that are logged before the clock is measured, at most, whose times are put right.
const EARLY: usize = 16;

/// When the kernel began, in cycles.
static BEGAN: AtomicU64 = AtomicU64::new(0);
/// The clock's frequency; 0 before it is known.
static HERTZ: AtomicU64 = AtomicU64::new(0);
/// No line gets a time.
static PLAIN: AtomicBool = AtomicBool::new(false);
/// Where the early lines' times stand in the ring, and what they are in cycles.
static PLACES: [(AtomicU32, AtomicU64); EARLY] = [const { (AtomicU32::new(0), AtomicU64::new(0)) }; EARLY];
static EARLY_COUNT: AtomicU32 = AtomicU32::new(0);

/// The kernel begins.
pub fn begin(now: Time) {
    BEGAN.store(now.0, Ordering::Relaxed);
}

/// When it began.
pub fn began() -> Time {
    Time(BEGAN.load(Ordering::Relaxed))
}

/// From now on lines get no time: for programs that read them, and for a crash record, whose lines are as wide as the screen.
pub fn stop() {
    PLAIN.store(true, Ordering::Relaxed);
}

/// The time for a line that begins at a position of the ring; nothing if lines get none.
pub fn of_line(position: u32) -> Option<Stamp> {
    if PLAIN.load(Ordering::Relaxed) {
        return None;
    }
    let cycles = crate::time::now().0.wrapping_sub(BEGAN.load(Ordering::Relaxed));
    let hertz = HERTZ.load(Ordering::Relaxed);
    if hertz == 0 {
        let number = EARLY_COUNT.fetch_add(1, Ordering::Relaxed);
        if let Some((place, time)) = PLACES.get(number as usize) {
            place.store(position, Ordering::Relaxed);
            time.store(cycles, Ordering::Relaxed);
        }
    }
    Some(Stamp::new(cycles, hertz))
}

/// The clock was measured: `correct` writes each early line's time to its place.
pub fn set_frequency(hertz: u64, mut correct: impl FnMut(u32, &[u8])) {
    HERTZ.store(hertz, Ordering::Relaxed);
    let count = EARLY_COUNT.load(Ordering::Relaxed) as usize;
    for (place, time) in PLACES.iter().take(count) {
        let stamp = Stamp::new(time.load(Ordering::Relaxed), hertz);
        correct(place.load(Ordering::Relaxed), stamp.bytes());
    }
}

/// A time as text.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    bytes: [u8; LONGEST],
    /// It is written from its end on.
    first: usize,
}

impl Stamp {
    /// A time in cycles of a clock; a clock without a frequency has counted nothing.
    pub fn new(cycles: u64, hertz: u64) -> Self {
        let seconds = cycles.checked_div(hertz).unwrap_or(0);
        let rest = cycles.checked_rem(hertz).unwrap_or(0);
        let mut fraction = rest.saturating_mul(10u64.pow(DIGITS as u32)).checked_div(hertz).unwrap_or(0);
        let mut stamp = Self { bytes: [b' '; LONGEST], first: LONGEST };
        stamp.put(b' ');
        stamp.put(b']');
        for _ in 0..DIGITS {
            stamp.put(b'0' + (fraction % 10) as u8);
            fraction /= 10;
        }
        stamp.put(b'.');
        let (mut left, mut width) = (seconds, 0);
        while left != 0 || width == 0 {
            stamp.put(b'0' + (left % 10) as u8);
            left /= 10;
            width += 1;
        }
        (width..WIDTH).for_each(|_| stamp.put(b' '));
        stamp.put(b'[');
        stamp
    }

    /// The text.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(self.first..).unwrap_or(&[])
    }

    fn put(&mut self, byte: u8) {
        self.first = self.first.saturating_sub(1);
        if let Some(place) = self.bytes.get_mut(self.first) {
            *place = byte;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(cycles: u64, hertz: u64) -> String {
        String::from_utf8(Stamp::new(cycles, hertz).bytes().to_vec()).unwrap()
    }

    #[test]
    fn times_are_seconds_with_six_digits() {
        assert_eq!(text(123_456, 1_000_000), "[    0.123456] ");
        assert_eq!(text(0, 3_000_000_000), "[    0.000000] ");
        assert_eq!(text(3_000_000_000 * 12_345 + 1_500_000_000, 3_000_000_000), "[12345.500000] ");
        assert_eq!(text(1_000_000 * 1_234_567, 1_000_000), "[1234567.000000] ");
        assert_eq!(text(u64::MAX, 1), "[18446744073709551615.000000] ");
        assert_eq!(text(123_456, 0), "[    0.000000] ", "before the clock is known");
    }
}
