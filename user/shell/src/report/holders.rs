//! How much memory each process holds.

use super::each;
use crate::{Failure, Shell};
use alloc::vec::Vec;
use bellwire::ProcessUse;

/// Returns all processes, with their slots.
pub fn processes(shell: &Shell) -> Result<Vec<(usize, ProcessUse)>, Failure> {
    Ok(each(|slot| Ok(shell.counters.process(slot)?.map(|process| (slot, process))))?)
}

/// Returns how many frames a process holds itself: the ones that it has used, less the quotas of its children.
pub fn held(slot: usize, process: &ProcessUse, all: &[(usize, ProcessUse)]) -> u32 {
    let children = all.iter().filter(|(_, other)| other.parent == Some(slot));
    let given: u32 = children.map(|(_, child)| child.frames.1).sum();
    process.frames.0.saturating_sub(given)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotas_are_counted_once() {
        let process = |used, quota, parent| ProcessUse { frames: (used, quota), parent, ..ProcessUse::default() };
        let all = [(1, process(100, 500, None)), (2, process(10, 30, Some(1))), (5, process(7, 40, Some(1)))];
        let held: Vec<_> = all.iter().map(|(slot, process)| held(*slot, process, &all)).collect();
        assert_eq!(held, [30, 10, 7]);
    }
}
