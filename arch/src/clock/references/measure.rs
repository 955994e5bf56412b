//! Measuring the time stamp counter by several references at once.
//!
//! Each look at a reference stands between two reads of the time stamp counter, so a look that took long (the host ran
//! something else, firmware took the CPU) says so itself. A measurement has two halves, of at least 5 ms each. A half
//! ends once its bounds are narrow, and its rate must be the other's: a count that wrapped around unseen, or a counter
//! that isn't steady, shows there. A measurement that fails by chance is tried again.

use alloc::vec::Vec;
use core::fmt;

use super::{Rate, Reference};

/// A half takes at least this part of a second.
const HALVES_A_SECOND: u64 = 200;
/// The counts of a half if the rate isn't known. Narrow bounds take more anyway.
const LEAST_COUNTS: u64 = 4096;
/// Bounds are narrow if they differ by less than this part of them.
const NARROW: u128 = 1024;
/// Looks at a reference before a half begins, of which the quickest counts.
const FIRST_LOOKS: usize = 3;
/// Attempts at a measurement that fails by chance.
const ATTEMPTS: usize = 8;
/// Looks at all references before an attempt is given up: more than any machine needs for 100 ms.
const MOST_LOOKS: usize = 1 << 21;
/// Cycles for which a counter that runs can't show the same count: 20 ms on the quickest CPU.
const STANDSTILL: u64 = 1 << 27;

/// The reason why a reference gives no rate; its text continues "clock: the 8254 ".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MeasureError {
    /// The reference isn't there.
    Missing,
    /// The count doesn't change.
    StandsStill,
    /// The count goes back, or jumps.
    Jumps,
    /// The reference ran out before the measurement's end.
    RanOut,
    /// A measurement by the reference doesn't end.
    TooSlow,
    /// The reference's rate, or the time stamp counter's, isn't steady.
    Unsteady,
}

impl fmt::Display for MeasureError {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Self::Missing => "isn't there",
            Self::StandsStill => "stands still",
            Self::Jumps => "jumps",
            Self::RanOut => "runs out too early",
            Self::TooSlow => "takes too long",
            Self::Unsteady => "isn't steady",
        })
    }
}

/// A look at a reference: its count since the start, and the time stamp counter before and after.
#[derive(Clone, Copy, Debug)]
struct Look {
    before: u64,
    count: u64,
    after: u64,
}

/// How far the time stamp counter advanced, at least and at most, while a reference counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ratio {
    least: u64,
    most: u64,
    counts: u64,
}

impl Ratio {
    fn between(from: &Look, to: &Look) -> Self {
        Self {
            least: to.before.saturating_sub(from.after),
            most: to.after.saturating_sub(from.before),
            counts: to.count.saturating_sub(from.count),
        }
    }

    /// Gives the bounds of cycles for `counts` counts: each count that was read may be almost one count old.
    fn bounds(&self, counts: u64) -> (u128, u128) {
        let cycles = |cycles: u64, own: u64| u128::from(cycles) * u128::from(counts) / u128::from(own.max(1));
        (cycles(self.least, self.counts + 1), cycles(self.most, self.counts.saturating_sub(1)))
    }

    fn is_narrow(&self) -> bool {
        let (least, most) = self.bounds(self.counts);
        self.least > 0 && most.saturating_sub(least) <= most / NARROW
    }

    fn agrees(&self, other: &Self) -> bool {
        let counts = self.counts.max(other.counts);
        let ((least, most), (other_least, other_most)) = (self.bounds(counts), other.bounds(counts));
        least.max(other_least) <= most.min(other_most)
    }

    /// Gives the rate of the time stamp counter, if the reference's is this.
    pub fn rate(&self, reference_hertz: u64) -> Rate {
        let (least, most) = self.bounds(reference_hertz);
        let hertz = |cycles| u64::try_from(cycles).unwrap_or(u64::MAX);
        Rate { least: hertz(least), most: hertz(most) }
    }

    /// Gives the rate of the reference, if the time stamp counter's is this; 0 if it isn't known.
    pub fn reference_hertz(&self, cycle_hertz: u64) -> u64 {
        let cycles = u128::from(u64::midpoint(self.least, self.most)).max(1);
        u64::try_from(u128::from(cycle_hertz) * u128::from(self.counts) / cycles).unwrap_or(0)
    }
}

/// A reference in use, and the state of its measurement.
struct Track<'a, 'b> {
    reference: &'a mut &'b mut dyn Reference,
    last: u32,
    count: u64,
    /// The time stamp counter after the look that showed the last new count.
    changed: u64,
    first: Option<Look>,
    middle: Option<Look>,
    result: Option<Result<Ratio, MeasureError>>,
}

/// Measures by every reference. The results are in the order of the references.
pub fn measure(
    references: &mut [&mut dyn Reference],
    cycles: &mut impl FnMut() -> u64,
) -> Vec<Result<Ratio, MeasureError>> {
    let mut tracks: Vec<_> = references.iter_mut().map(Track::new).collect();
    for _ in 0..ATTEMPTS {
        let is_open = |track: &Track<'_, '_>| track.result.is_none();
        tracks.iter_mut().for_each(Track::reopen);
        if !tracks.iter().any(is_open) {
            break;
        }
        tracks.iter_mut().filter(|track| is_open(track)).for_each(|track| track.begin(cycles));
        for _ in 0..MOST_LOOKS {
            if !tracks.iter().any(is_open) {
                break;
            }
            tracks.iter_mut().filter(|track| is_open(track)).for_each(|track| track.go_on(cycles));
        }
        for track in &mut tracks {
            track.reference.stop();
            // A measurement that took all looks isn't tried again.
            track.result.get_or_insert(Err(MeasureError::TooSlow));
        }
    }
    tracks.into_iter().map(|track| track.result.unwrap_or(Err(MeasureError::TooSlow))).collect()
}

impl<'a, 'b> Track<'a, 'b> {
    fn new(reference: &'a mut &'b mut dyn Reference) -> Self {
        Self { reference, last: 0, count: 0, changed: 0, first: None, middle: None, result: None }
    }

    /// Starts the reference, and takes the look from which the measurement counts.
    fn begin(&mut self, cycles: &mut impl FnMut() -> u64) {
        (self.count, self.first, self.middle) = (0, None, None);
        let started = self.reference.start().ok_or(MeasureError::Missing);
        let count = match started.and_then(|()| self.reference.count().ok_or(MeasureError::RanOut)) {
            Ok(count) => count,
            Err(error) => {
                self.result = Some(Err(error));
                return;
            }
        };
        (self.last, self.changed) = (count & self.mask(), cycles());
        let mut looks = (0..FIRST_LOOKS).map(|_| self.look(cycles));
        let first = looks.try_fold(None, |best: Option<Look>, look| {
            let look = look?;
            Ok(Some(best.filter(|best| best.width() <= look.width()).unwrap_or(look)))
        });
        match first {
            Ok(first) => self.first = first,
            Err(error) => self.result = Some(Err(error)),
        }
    }

    /// Looks once more, which may complete a half or the measurement.
    fn go_on(&mut self, cycles: &mut impl FnMut() -> u64) {
        match self.look(cycles) {
            Ok(look) => self.take(&look),
            Err(error) => self.result = Some(Err(error)),
        }
    }

    fn take(&mut self, look: &Look) {
        let Some(first) = self.first else { return };
        let least = self.reference.hertz().map_or(LEAST_COUNTS, |hertz| hertz / HALVES_A_SECOND);
        let ratio = Ratio::between(self.middle.as_ref().unwrap_or(&first), look);
        if ratio.counts < least || !ratio.is_narrow() {
            return;
        }
        let Some(middle) = self.middle else {
            self.middle = Some(*look);
            return;
        };
        let is_steady = ratio.agrees(&Ratio::between(&first, &middle));
        self.result = Some(if is_steady { Ok(Ratio::between(&first, look)) } else { Err(MeasureError::Unsteady) });
    }

    /// Starts a measurement again that may have failed by chance.
    fn reopen(&mut self) {
        if matches!(self.result, Some(Err(MeasureError::Jumps | MeasureError::RanOut | MeasureError::Unsteady))) {
            self.result = None;
        }
    }

    fn look(&mut self, cycles: &mut impl FnMut() -> u64) -> Result<Look, MeasureError> {
        let before = cycles();
        let count = self.reference.count();
        let after = cycles();
        let count = count.ok_or(MeasureError::RanOut)? & self.mask();
        let advanced = count.wrapping_sub(self.last) & self.mask();
        if advanced > self.mask() / 2 {
            return Err(MeasureError::Jumps);
        }
        if advanced > 0 {
            self.changed = after;
        } else if before.wrapping_sub(self.changed) > STANDSTILL && before > self.changed {
            return Err(MeasureError::StandsStill);
        }
        self.last = count;
        self.count += u64::from(advanced);
        Ok(Look { before, count: self.count, after })
    }

    fn mask(&self) -> u32 {
        u32::MAX >> (32 - self.reference.bits().clamp(1, 32))
    }
}

impl Look {
    fn width(&self) -> u64 {
        self.after.saturating_sub(self.before)
    }
}
