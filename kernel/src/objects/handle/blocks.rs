//! Which parts of the handle table are taken: blocks of the size that a process commonly has.

use crate::tables::sizes::{HANDLES, LARGE_TABLE_HANDLES, TABLE_HANDLES};
use core::ops::Range;

/// How many handles a process may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableSize {
    /// What a driver needs.
    Common,
    /// What a supervisor of many needs.
    Large,
}

impl TableSize {
    const fn handles(self) -> usize {
        match self {
            Self::Common => TABLE_HANDLES,
            Self::Large if LARGE_TABLE_HANDLES <= HANDLES / 2 => LARGE_TABLE_HANDLES,
            Self::Large => TABLE_HANDLES * 2,
        }
    }
}

const BLOCKS_A_WORD: usize = u32::BITS as usize;

const WORDS: usize = HANDLES.div_ceil(TABLE_HANDLES * BLOCKS_A_WORD);

/// The bits of `blocks` consecutive blocks, which is less than a word has.
fn run_of(blocks: usize, shift: usize) -> u32 {
    const {
        assert!(
            LARGE_TABLE_HANDLES / TABLE_HANDLES < BLOCKS_A_WORD
                && BLOCKS_A_WORD.is_multiple_of(LARGE_TABLE_HANDLES / TABLE_HANDLES)
        )
    };
    ((1 << blocks) - 1) << shift
}

/// Which blocks are taken. `LENGTH` is how many words tell it of `ENTRIES` entries: parameters, so that a test has more
/// than one word, which host tests' tables don't fill.
pub(super) struct Blocks<const LENGTH: usize = WORDS, const ENTRIES: usize = HANDLES> {
    /// A bit a block.
    taken: [u32; LENGTH],
    /// A bit for each word of `taken` in which no block is free.
    full: u32,
}

impl<const LENGTH: usize, const ENTRIES: usize> Blocks<LENGTH, ENTRIES> {
    /// No block is taken.
    pub const EMPTY: Self = {
        assert!(LENGTH <= u32::BITS as usize, "one word tells which words are full");
        Self { taken: [0; LENGTH], full: 0 }
    };

    const BLOCKS: usize = ENTRIES / TABLE_HANDLES;

    /// Sets entries of the handle table aside for a process. A run of the common size is found by two looks, a large
    /// one by a search, which only booting needs.
    pub fn take(&mut self, size: TableSize) -> Option<Range<usize>> {
        let length = size.handles();
        let blocks = length / TABLE_HANDLES;
        let (number, shift) = if blocks == 1 {
            self.first_free()?
        } else {
            self.taken.iter().enumerate().find_map(|(number, word)| {
                let fits = |shift: &usize| word & run_of(blocks, *shift) == 0;
                let shift = (0..BLOCKS_A_WORD).step_by(blocks).find(fits)?;
                (number * BLOCKS_A_WORD + shift + blocks <= Self::BLOCKS).then_some((number, shift))
            })?
        };
        let first = number * BLOCKS_A_WORD + shift;
        let word = self.taken.get_mut(number)?;
        *word |= run_of(blocks, shift);
        if *word == u32::MAX {
            self.full |= 1 << number;
        }
        let first = first * TABLE_HANDLES;
        Some(first..first + length)
    }

    /// Whether a run of the common size is free.
    pub fn has_one(&self) -> bool {
        self.first_free().is_some()
    }

    /// The first free block, as a word and a bit.
    fn first_free(&self) -> Option<(usize, usize)> {
        let number = (!self.full).trailing_zeros() as usize;
        let shift = (!self.taken.get(number)?).trailing_zeros() as usize;
        (number * BLOCKS_A_WORD + shift < Self::BLOCKS).then_some((number, shift))
    }

    /// Gives a run back.
    pub fn give_back(&mut self, run: Range<usize>) {
        let first = run.start / TABLE_HANDLES;
        let blocks = run.len() / TABLE_HANDLES;
        let number = first / BLOCKS_A_WORD;
        if let Some(word) = self.taken.get_mut(number) {
            *word &= !run_of(blocks, first % BLOCKS_A_WORD);
            self.full &= !(1 << number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four words, of which the last has half of its blocks.
    const ENTRIES: usize = (3 * BLOCKS_A_WORD + BLOCKS_A_WORD / 2) * TABLE_HANDLES;

    #[test]
    fn what_is_given_back_is_taken_again() {
        let mut blocks = Blocks::<4, ENTRIES>::EMPTY;
        let large = blocks.take(TableSize::Large).unwrap();
        let mut taken = std::vec![large.clone()];
        taken.extend(std::iter::from_fn(|| blocks.take(TableSize::Common)));
        assert!(!blocks.has_one() && blocks.take(TableSize::Large).is_none());
        let mut runs_of = std::vec![0; ENTRIES];
        taken.iter().flat_map(Range::clone).for_each(|entry| runs_of[entry] += 1);
        assert!(runs_of.iter().all(|runs| *runs == 1), "each entry is in one run");
        for run in &taken {
            blocks.give_back(run.clone());
        }
        assert_eq!(blocks.take(TableSize::Large), Some(large));
        assert_eq!(std::iter::from_fn(|| blocks.take(TableSize::Common)).count(), taken.len() - 1);
    }
}
