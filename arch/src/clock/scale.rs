//! Turns cycles of the time stamp counter into counts of a slower timer, without a division.
//!
//! Every deadline goes through this, on i686 too, where a 64-bit division is a function of hundreds of cycles. The
//! price is that a count stands for at most 2^32 cycles; a deadline beyond that fires early and is set again.

/// A precomputed ratio of two frequencies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    multiplier: u32,
    shift: u32,
    /// The longest wait in cycles whose count still fits the timer.
    limit: u32,
}

impl Scale {
    /// The ratio of a timer's frequency to that of the cycles; `largest` is the largest count that the timer takes.
    /// Nothing if a frequency is 0 or the timer is so fast that a cycle is more than `largest` counts.
    pub fn new(timer_hertz: u64, cycle_hertz: u64, largest: u32) -> Option<Self> {
        if timer_hertz == 0 || cycle_hertz == 0 {
            return None;
        }
        // The largest shift whose multiplier still fits 32 bits keeps the most digits of the ratio. The search begins
        // at most two above the result, since each try is a division that takes thousands of instructions on i686: with
        // `highest` the multiplier is above 2^31.
        let multiplier = |shift: u32| (u128::from(timer_hertz) << shift).div_ceil(u128::from(cycle_hertz));
        let highest = (32 + cycle_hertz.ilog2()).saturating_sub(timer_hertz.ilog2()).min(63);
        let fitting = |shift| Some((shift, u32::try_from(multiplier(shift)).ok()?));
        let (shift, multiplier) = (0..=highest).rev().find_map(fitting)?;
        // One count is added to what the product gives, hence `largest` itself is not reached by it.
        let limit = (u128::from(largest) << shift) / u128::from(multiplier);
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        if limit == 0 { None } else { Some(Self { multiplier, shift, limit }) }
    }

    /// Gives the count for a wait of `cycles` cycles. The count is never too short, unless the wait is beyond the
    /// timer's reach, and never 0, which stops some timers.
    #[inline(always)]
    pub fn count(&self, cycles: u64) -> u32 {
        let cycles = if cycles > u64::from(self.limit) { self.limit } else { cycles as u32 };
        let count = (u64::from(cycles) * u64::from(self.multiplier)) >> self.shift;
        (count as u32).saturating_add(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_too_short_and_close() {
        for (timer, cycle, largest) in [
            (1_193_182, 3_000_000_000, 0xFFFF),
            (1_193_182, 1_000_000_000, 0xFFFF),
            (62_500_000, 2_400_000_000, u32::MAX),
            (1_000_000_000, 1_000_000_000, u32::MAX),
            (1_000_000_000, 200_000_000, u32::MAX),
        ] {
            let scale = Scale::new(timer, cycle, largest).expect("a sane ratio");
            for cycles in [0u64, 1, 2, 999, 10_000, 1_000_000, 12_345_678] {
                let exact = u128::from(cycles) * u128::from(timer);
                let count = u128::from(scale.count(cycles));
                if cycles <= u64::from(scale.limit) {
                    assert!(count * u128::from(cycle) >= exact, "{timer}/{cycle}: {cycles} gives {count}");
                    assert!(count <= exact / u128::from(cycle) + 2, "{timer}/{cycle}: {cycles} gives {count}");
                }
            }
        }
    }

    #[test]
    fn stays_within_the_timer() {
        let pit = Scale::new(1_193_182, 3_000_000_000, 0xFFFF).expect("a sane ratio");
        assert!(pit.count(u64::MAX) <= 0x1_0000);
        assert!(pit.count(u64::MAX) > 0xFF00);
        let apic = Scale::new(1_000_000_000, 200_000_000, u32::MAX).expect("a sane ratio");
        assert!(apic.count(u64::MAX) > 0xFFFF_FF00);
    }

    #[test]
    fn refuses_nonsense() {
        assert_eq!(Scale::new(0, 1, 1), None);
        assert_eq!(Scale::new(1, 0, 1), None);
        assert_eq!(Scale::new(1_000_000, 1, 1000), None);
    }
}
