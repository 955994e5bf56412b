//! The choice among several rates.

/// Rates agree if their bounds overlap, each widened by this part of it: quartzes differ by a tenth of that.
const TOLERANCE: u64 = 1000;
/// What a time stamp counter can run at: slow emulators are at the lower end.
const PLAUSIBLE: core::ops::RangeInclusive<u64> = 500_000..=100_000_000_000;

/// A rate between two bounds, in cycles a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// The lower bound in hertz.
    pub least: u64,
    /// The upper bound in hertz.
    pub most: u64,
}

/// A rate and its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamedRate {
    /// What the source is called in the log.
    pub by: &'static str,
    /// The rate.
    pub rate: Rate,
}

impl Rate {
    /// A rate that is known exactly.
    pub const fn exactly(hertz: u64) -> Self {
        Self { least: hertz, most: hertz }
    }

    /// The rate itself.
    pub const fn hertz(&self) -> u64 {
        u64::midpoint(self.least, self.most)
    }

    fn agrees(&self, other: &Self) -> bool {
        let widened =
            |rate: &Self| (rate.least - rate.least / TOLERANCE, rate.most.saturating_add(rate.most / TOLERANCE));
        let ((least, most), (other_least, other_most)) = (widened(self), widened(other));
        least <= other_most && other_least <= most
    }
}

impl NamedRate {
    /// Makes what a source measured.
    pub const fn measured(by: &'static str, rate: Rate) -> Self {
        Self { by, rate }
    }
}

/// Chooses among the rates of sources, the better ones first: the rate that most of them agree with, and of several
/// such the first. Logs a line for each source that disagrees.
pub fn choose(said: &[NamedRate]) -> Option<NamedRate> {
    let is_plausible = |one: &&NamedRate| PLAUSIBLE.contains(&one.rate.hertz());
    for one in said.iter().filter(|one| !is_plausible(one)) {
        log::warn!("clock: by {} the CPU would run at {} Hz, which no CPU does", one.by, one.rate.hertz());
    }
    let votes = |one: &NamedRate| said.iter().filter(|other| one.rate.agrees(&other.rate)).count();
    let plausible = || said.iter().filter(is_plausible);
    // The first of those with the most votes: `max_by_key` would give the last.
    let most = plausible().map(votes).max()?;
    let chosen = plausible().find(|one| votes(one) == most)?;
    for other in plausible().filter(|other| !chosen.rate.agrees(&other.rate)) {
        let [this, that] = [chosen, other].map(|one| one.rate.hertz() / 1_000_000);
        log::warn!("clock: {that} MHz by {}, but {this} MHz by {}, which counts", other.by, chosen.by);
    }
    Some(*chosen)
}
