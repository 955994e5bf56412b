//! A set of frames as sorted runs that neither touch nor overlap: small, since memory comes in few pieces.

use alloc::vec::Vec;
use core::ops::Range;

/// A set of frame numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunSet {
    runs: Vec<Range<u32>>,
}

impl RunSet {
    /// The empty set.
    pub const fn new() -> Self {
        Self { runs: Vec::new() }
    }

    /// The runs, in ascending order, with at least one frame that isn't in the set between any two.
    pub fn runs(&self) -> &[Range<u32>] {
        &self.runs
    }

    /// Gives the number of frames in the set.
    pub fn count(&self) -> u64 {
        self.runs.iter().map(|run| u64::from(run.end - run.start)).sum()
    }

    /// The frame after the last one.
    pub fn end(&self) -> u32 {
        self.runs.last().map_or(0, |run| run.end)
    }

    /// Whether every frame of `run` is in the set.
    pub fn contains(&self, run: Range<u32>) -> bool {
        run.is_empty() || self.runs.iter().any(|own| own.start <= run.start && run.end <= own.end)
    }

    /// Whether any frame of `run` is in the set.
    pub fn intersects(&self, run: Range<u32>) -> bool {
        self.runs.iter().any(|own| own.start < run.end && run.start < own.end)
    }

    /// How many frames of the set are below `limit`.
    pub fn count_below(&self, limit: u32) -> u64 {
        self.runs.iter().map(|run| u64::from(run.end.min(limit).saturating_sub(run.start))).sum()
    }

    /// Adds frames; what is in the set already stays.
    pub fn add(&mut self, run: Range<u32>) {
        if run.is_empty() {
            return;
        }
        // The runs that touch the new one are in one piece of the list; they and it become one run.
        let from = self.runs.partition_point(|own| own.end < run.start);
        let to = self.runs.partition_point(|own| own.start <= run.end);
        let start = self.runs[from..to].first().map_or(run.start, |own| own.start.min(run.start));
        let end = self.runs[from..to].last().map_or(run.end, |own| own.end.max(run.end));
        self.runs.splice(from..to, core::iter::once(start..end));
    }

    /// Takes frames out; what isn't in the set stays out.
    pub fn remove(&mut self, run: Range<u32>) {
        if run.is_empty() {
            return;
        }
        let from = self.runs.partition_point(|own| own.end <= run.start);
        let to = self.runs.partition_point(|own| own.start < run.end);
        if from >= to {
            return;
        }
        let below = self.runs[from].start..run.start;
        let above = run.end..self.runs[to - 1].end;
        self.runs.splice(from..to, [below, above].into_iter().filter(|rest| !rest.is_empty()));
    }

    /// Takes `count` consecutive frames out, all below `limit`: the highest that there are, since some devices need low
    /// memory. Returns the first of them.
    pub fn carve(&mut self, count: u32, limit: u32) -> Option<u32> {
        let first = self.runs.iter().rev().find_map(|run| {
            let first = run.end.min(limit).checked_sub(count)?;
            (first >= run.start).then_some(first)
        })?;
        self.remove(first..first + count);
        Some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    const FRAMES: u32 = 64;

    #[derive(Clone, Debug)]
    enum Step {
        Add(Range<u32>),
        Remove(Range<u32>),
        Carve(u32, u32),
    }

    fn step() -> impl Strategy<Value = Step> {
        let run = || (0..FRAMES, 0..12u32).prop_map(|(start, count)| start..(start + count).min(FRAMES));
        prop_oneof![
            run().prop_map(Step::Add),
            run().prop_map(Step::Remove),
            (1..12u32, 0..=FRAMES).prop_map(|(count, limit)| Step::Carve(count, limit)),
        ]
    }

    proptest! {
        /// The runs always are what a plain set of numbers says, in their one normal form.
        #[test]
        fn behaves_as_a_set(steps in proptest::collection::vec(step(), 0..40)) {
            let mut set = RunSet::new();
            let mut model = BTreeSet::new();
            for step in steps {
                match step {
                    Step::Add(run) => {
                        set.add(run.clone());
                        model.extend(run);
                    }
                    Step::Remove(run) => {
                        set.remove(run.clone());
                        model.retain(|frame| !run.contains(frame));
                    }
                    Step::Carve(count, limit) => {
                        let usable = |frame: u32| frame < limit && model.contains(&frame);
                        let fits = |first: &u32| (*first..first + count).all(usable);
                        let expected = (0..FRAMES).rev().find(fits);
                        let carved = set.carve(count, limit);
                        prop_assert_eq!(carved, expected);
                        if let Some(first) = carved {
                            model.retain(|frame| !(first..first + count).contains(frame));
                        }
                    }
                }
                let frames: BTreeSet<u32> = set.runs().iter().cloned().flatten().collect();
                prop_assert_eq!(&frames, &model);
                prop_assert_eq!(set.count(), model.len() as u64);
                prop_assert_eq!(set.count_below(20), model.range(..20).count() as u64);
                prop_assert!(set.runs().iter().all(|run| !run.is_empty()));
                prop_assert!(set.runs().windows(2).all(|pair| pair[0].end < pair[1].start));
            }
        }
    }
}
