//! Makes room in low memory: the memory that the direct map always shows, and the only memory that the kernel itself
//! uses.
//!
//! A boot loader puts modules behind the kernel's image, into that memory. Large modules can fill it, even if there is
//! much more further up. Then the largest modules are moved there, before the kernel takes memory.

use alloc::vec::Vec;
use core::cmp::Reverse;
use core::ops::Range;

use arch::memory::RunSet;

/// A module to be moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// The module's number.
    pub module: usize,
    /// The frame to which its first byte goes.
    pub to: u32,
}

/// Chooses the modules (by their frames) to move, so that `need` of the free frames are below `low_end`: as few modules
/// as possible. If `need` can't be reached, chooses those that free the most.
pub fn moves(free: &RunSet, modules: &[Range<u32>], low_end: u32, need: u64) -> Vec<Move> {
    let mut free = free.clone();
    let low = |frames: &Range<u32>| frames.end.min(low_end).saturating_sub(frames.start);
    let mut order: Vec<_> = modules.iter().enumerate().filter(|(_, frames)| low(frames) > 0).collect();
    order.sort_by_key(|(_, frames)| Reverse(low(frames)));
    let mut moves = Vec::new();
    for (module, frames) in order {
        if free.count_below(low_end) >= need {
            break;
        }
        let mut left = free.clone();
        // The module takes the highest place: if that isn't above `low_end`, no place is.
        if let Some(to) = left.carve(frames.end - frames.start, u32::MAX).filter(|&to| to >= low_end) {
            left.add(frames.clone());
            free = left;
            moves.push(Move { module, to });
        }
    }
    moves
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The frames of runs that are given by their ends.
    fn set(runs: &[(u32, u32)]) -> RunSet {
        let mut set = RunSet::new();
        runs.iter().for_each(|&(start, end)| set.add(start..end));
        set
    }

    fn moves_of(free: &[(u32, u32)], modules: &[(u32, u32)], low_end: u32, need: u64) -> Vec<Move> {
        let modules: Vec<_> = modules.iter().map(|&(start, end)| start..end).collect();
        moves(&set(free), &modules, low_end, need)
    }

    #[test]
    fn nothing_moves_where_there_is_room_or_nowhere_to_go() {
        assert_eq!(moves_of(&[(40, 60)], &[(10, 40)], 50, 10), []);
        assert_eq!(moves_of(&[(40, 60)], &[(10, 40)], 50, 11), []);
        assert_eq!(moves_of(&[], &[(10, 40)], 50, 11), []);
    }

    #[test]
    fn the_largest_moves_first() {
        let free = [(60, 64), (100, 140)];
        let modules = [(10, 12), (12, 40), (40, 60)];
        assert_eq!(moves_of(&free, &modules, 64, 5), [Move { module: 1, to: 112 }]);
        assert_eq!(moves_of(&free, &modules, 64, 40), [Move { module: 1, to: 112 }, Move { module: 0, to: 110 }]);
    }

    proptest! {
        /// Modules move to free memory above `low_end`, no two to the same place, and only while too little is free
        /// below.
        #[test]
        fn modules_move_to_free_memory(
            ends in proptest::collection::vec(1..20u32, 1..6),
            low_end in 10..80u32,
            top in 80..160u32,
            need in 0..90u64,
        ) {
            let mut next = 2;
            let modules: Vec<_> = ends.iter().map(|count| { next += count; next - count..next }).collect();
            let free = set(&[(next, top.max(next))]);
            let mut left = free.clone();
            for Move { module, to } in moves(&free, &modules, low_end, need) {
                prop_assert!(left.count_below(low_end) < need);
                let from = modules[module].clone();
                let run = to..to + (from.end - from.start);
                prop_assert!(to >= low_end && from.start < low_end && left.contains(run.clone()));
                left.remove(run);
                left.add(from);
            }
        }
    }
}
