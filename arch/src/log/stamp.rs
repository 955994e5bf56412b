//! The times in the log: each line begins with the seconds since the kernel began, as `[    0.123456] `.
//!
//! A line that is logged before the clock is measured gets its time afterwards, in the ring, where programs read it. On
//! COM1 and on the screen it keeps zeros.

use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use kernel::machine::Time;

/// The bytes of the longest time: the counter may count for centuries.
const LONGEST: usize = 32;
/// Digits of a second that are shown.
const DIGITS: usize = 6;
/// Microseconds of a second.
const MICROSECONDS: u64 = 1_000_000;
/// The width of the whole seconds.
const WIDTH: usize = 5;
/// Lines that are logged before the clock is measured, at most, whose times are put right.
const EARLY: usize = 16;

/// When the kernel began, in cycles.
static BEGAN: AtomicU64 = AtomicU64::new(0);
/// How many microseconds a cycle is, times 2^[`SHIFT`]; 0 before it is known.
static SCALE: AtomicU64 = AtomicU64::new(0);
static SHIFT: AtomicU32 = AtomicU32::new(0);
/// No line gets a time.
static PLAIN: AtomicBool = AtomicBool::new(false);
/// Where the early lines' times stand in the ring, and what they are in cycles.
static PLACES: [(AtomicU32, AtomicU64); EARLY] = [const { (AtomicU32::new(0), AtomicU64::new(0)) }; EARLY];
static EARLY_COUNT: AtomicU32 = AtomicU32::new(0);

/// Notes the time at which the kernel begins.
pub fn begin(now: Time) {
    BEGAN.store(now.0, Ordering::Relaxed);
}

/// Gives the time at which the kernel began.
pub fn began() -> Time {
    Time(BEGAN.load(Ordering::Relaxed))
}

/// Makes later lines get no time: for programs that read them, and for a crash record, whose lines are as wide as the
/// screen.
pub fn stop() {
    PLAIN.store(true, Ordering::Relaxed);
}

/// Gives the time for a line that begins at a position of the ring; nothing if lines get none.
pub fn of_line(position: u32) -> Option<Stamp> {
    if PLAIN.load(Ordering::Relaxed) {
        return None;
    }
    let cycles = crate::clock::time::now().0.wrapping_sub(BEGAN.load(Ordering::Relaxed));
    let scale = (SCALE.load(Ordering::Relaxed), SHIFT.load(Ordering::Relaxed));
    if scale.0 == 0 {
        let number = EARLY_COUNT.fetch_add(1, Ordering::Relaxed);
        if let Some((place, time)) = PLACES.get(number as usize) {
            place.store(position, Ordering::Relaxed);
            time.store(cycles, Ordering::Relaxed);
        }
    }
    Some(Stamp::new(cycles, scale))
}

/// Notes the measured frequency; `correct` writes each early line's time to its place.
pub fn set_frequency(hertz: u64, mut correct: impl FnMut(u32, &[u8])) {
    let scale = scale(hertz);
    SCALE.store(scale.0, Ordering::Relaxed);
    SHIFT.store(scale.1, Ordering::Relaxed);
    let count = EARLY_COUNT.load(Ordering::Relaxed) as usize;
    for (place, time) in PLACES.iter().take(count) {
        let stamp = Stamp::new(time.load(Ordering::Relaxed), scale);
        correct(place.load(Ordering::Relaxed), stamp.bytes());
    }
}

/// Gives the multiplier and the shift that make microseconds of cycles: a 64-bit division for each line would take i686
/// thousands of cycles. The multiplier has 30 bits at least, so that a time is right to a millionth of a permille.
const fn scale(hertz: u64) -> (u64, u32) {
    let mut shift = 0;
    // The next shift must fit, and its quotient 31 bits.
    while shift < 43 && (MICROSECONDS << shift) / 2 < hertz << 30 {
        shift += 1;
    }
    match (MICROSECONDS << shift).checked_div(hertz) {
        Some(scale) => (scale, shift),
        None => (0, 0),
    }
}

/// A time as text.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    bytes: [u8; LONGEST],
    /// The first byte of the text, which is written from its end on.
    first: usize,
}

impl Stamp {
    /// Makes the text of a time in cycles, by a clock's scale. Without a scale the time is 0.
    fn new(cycles: u64, (multiplier, shift): (u64, u32)) -> Self {
        let microseconds = ((u128::from(cycles) * u128::from(multiplier)) >> (shift & 63)) as u64;
        // Within the first hour a short division will do.
        let (seconds, mut fraction) = match u32::try_from(microseconds) {
            Ok(short) => (short / MICROSECONDS as u32, short % MICROSECONDS as u32),
            Err(_) => {
                let seconds = u32::try_from(microseconds / MICROSECONDS).unwrap_or(u32::MAX);
                (seconds, (microseconds % MICROSECONDS) as u32)
            }
        };
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
        String::from_utf8(Stamp::new(cycles, scale(hertz)).bytes().to_vec()).unwrap()
    }

    #[test]
    fn times_are_right_to_some_microseconds_after_an_hour() {
        for hertz in [1_000_000, 16_000_000, 62_500_000, 999_999_999, 2_599_123_456, 3_000_000_000, 6_200_000_000] {
            let text = text(hertz * 3_600 + hertz / 2, hertz);
            let seconds: f64 = text.trim_matches(['[', ']', ' ']).parse().unwrap();
            assert!((seconds - 3_600.5).abs() < 0.000_01, "{hertz}: {text}");
        }
    }

    #[test]
    fn times_are_seconds_with_six_digits() {
        assert_eq!(text(123_456, 1_000_000), "[    0.123456] ");
        assert_eq!(text(0, 3_000_000_000), "[    0.000000] ");
        assert_eq!(text(1_000_000 * 1_234_567, 1_000_000), "[1234567.000000] ");
        // Far beyond the time that anything runs.
        assert!(text(u64::MAX, 1_000_000).starts_with('['));
        assert_eq!(text(123_456, 0), "[    0.000000] ", "before the clock is known");
    }
}
