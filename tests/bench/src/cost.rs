//! Measures a row: a fixed count of rounds, of which the cheapest and the middle one are reported. Bellwire's benches
//! and those of other kernels (`tests/linux`) share this file.

/// Rounds that are measured.
pub const ROUNDS: usize = 2000;
/// Rounds before them, so that tables are filled.
pub const WARM_UP: usize = 200;

/// The cost of many rounds of one operation, in cycles, which are instructions under `-icount shift=0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// The cheapest round.
    pub minimum: u32,
    /// The middle one.
    pub median: u32,
}

impl Cost {
    /// Judges samples, less what reading the clock twice costs; sorts them.
    pub fn of(samples: &mut [u32], overhead: u32) -> Self {
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
