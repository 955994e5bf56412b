//! The allocator of frames of physical memory.
//!
//! A buddy allocator over one record a frame, in a region that `arch` sets aside at boot. Taking and giving back a run
//! takes a number of steps that depends on neither the machine's size nor its history. Two zones keep the frames
//! that the kernel itself can reach (page tables, register areas) apart from the rest on i686; on x86_64 all memory
//! is one zone.
//!
//! The records aren't cleared at boot, since that would take time in proportion to the machine's memory. Sixteen
//! records share a mask of the frames at which free blocks begin. A bit for each mask says whether the mask was ever
//! written; a mask that wasn't counts as empty. So the first use of a record costs no more than any other.
//!
//! | operation | bound |
//! |---|---|
//! | [`Frames::take`] | one block leaves its list, and one joins a list for each order below it |
//! | [`Frames::give_back_block`] | one block leaves its list for each order above it, and one joins a list |
//! | [`Frames::give_back`] | as many of these as the run has blocks: at boot, and for single frames |

#[cfg(test)]
mod checks;
mod records;

pub use records::{FrameRecord, Records};

/// A frame of physical memory, by number: its address divided by the page size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Frame(pub u32);

/// A run of frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameRun {
    /// The first frame.
    pub first: Frame,
    /// The number of frames.
    pub count: u32,
}

/// The largest block is 2^16 frames, 256 MiB.
const ORDERS: usize = 17;
const LARGEST: u32 = ORDERS as u32 - 1;

/// Where a frame comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zone {
    /// Memory that the kernel can reach at all times.
    Low,
    /// Any memory, from beyond `Low` first.
    Any,
}

/// The free frames.
pub struct Frames {
    records: Option<Records>,
    /// The blocks of the low zone and of the high one.
    zones: [Blocks; 2],
    low_end: u32,
    total: u32,
    free: u32,
}

impl Frames {
    /// No memory yet.
    pub const EMPTY: Self = Self { records: None, zones: [const { Blocks::EMPTY }; 2], low_end: 0, total: 0, free: 0 };

    /// Takes over the machine's memory: records, one for each frame up to the last, the frame at which low
    /// memory ends (a multiple of 256 MiB) and the free runs. Frames beyond the records are left alone.
    pub fn initialise(&mut self, records: Records, low_end: Frame, runs: impl Iterator<Item = FrameRun>) {
        let known = records.len() as u32;
        self.records = Some(records);
        self.low_end = low_end.0;
        for run in runs {
            let end = run.first.0.saturating_add(run.count).min(known);
            let first = run.first.0.max(1);
            if first < end {
                self.give_back(FrameRun { first: Frame(first), count: end - first });
                self.total += end - first;
            }
        }
    }

    /// All frames that were ever handed over.
    pub const fn total(&self) -> usize {
        self.total as usize
    }

    /// The frames that are free.
    pub const fn free(&self) -> usize {
        self.free as usize
    }

    /// Takes a run of frames; nothing if no block is large enough.
    pub fn take(&mut self, count: u32, zone: Zone) -> Option<Frame> {
        if count == 0 || count > 1 << LARGEST {
            return None;
        }
        let least = count.next_power_of_two().trailing_zeros();
        let records = self.records.as_mut()?;
        let [low, high] = &mut self.zones;
        let has_enough = |blocks: &Blocks| blocks.orders >> least != 0;
        let blocks = match zone {
            Zone::Any if has_enough(high) => high,
            _ if has_enough(low) => low,
            _ => return None,
        };
        let mut order = least + (blocks.orders >> least).trailing_zeros();
        let block = blocks.heads.get(order as usize)?.checked_sub(1)?;
        blocks.unlink(records, block, order, 1 << order)?;
        self.free -= count;
        // Each round halves the block and keeps what the run needs of it: at most one half goes back, and none of these
        // has a free neighbour to merge with.
        let (mut first, mut rest) = (block, count);
        while rest != 1 << order {
            order -= 1;
            let half = 1 << order;
            if rest <= half {
                blocks.link(records, first + half, order);
            } else {
                first += half;
                rest -= half;
            }
        }
        Some(Frame(block))
    }

    /// Takes a run back, in blocks that are as large as its alignment allows.
    pub fn give_back(&mut self, mut run: FrameRun) {
        while run.count > 0 {
            let count = self.give_back_block(run);
            run = FrameRun { first: Frame(run.first.0 + count), count: run.count - count };
        }
    }

    /// Takes back the first frames of a run, as many as make one block. Returns their number, which is 0 for an empty
    /// run.
    pub fn give_back_block(&mut self, run: FrameRun) -> u32 {
        let FrameRun { first: Frame(first), count } = run;
        if count == 0 {
            return 0;
        }
        let order = first.trailing_zeros().min(count.ilog2()).min(LARGEST);
        self.free += 1 << order;
        self.merge(first, order);
        1 << order
    }

    /// Takes over the first frames of a run that wasn't handed over at boot, as many as make one block. Returns their
    /// number, and how many of them can be used: frames beyond the records are left alone.
    pub fn adopt_block(&mut self, run: FrameRun) -> (u32, u32) {
        let known = self.records.as_ref().map_or(0, Records::len) as u32;
        let usable = run.count.min(known.saturating_sub(run.first.0));
        if usable == 0 {
            return (run.count, 0);
        }
        let count = self.give_back_block(FrameRun { count: usable, ..run });
        self.total += count;
        (count, count)
    }

    /// Makes a block free, merged with its neighbours where these are free.
    fn merge(&mut self, mut first: u32, mut order: u32) {
        let Some(records) = self.records.as_mut() else { return };
        let [low, high] = &mut self.zones;
        let is_low = first < self.low_end;
        let blocks = if is_low { low } else { high };
        // Counted along: this loop is most of the longest stretches with interrupts off.
        let mut size = 1 << order;
        while order < LARGEST {
            let buddy = first ^ size;
            if (buddy < self.low_end) != is_low || blocks.unlink(records, buddy, order, size).is_none() {
                break;
            }
            first &= !size;
            order += 1;
            size <<= 1;
        }
        blocks.link(records, first, order);
    }
}

/// The free blocks of a zone.
struct Blocks {
    /// The first of each order, as frame number plus one.
    heads: [u32; ORDERS],
    /// The orders of which there are blocks, one bit each: the bit of an order is the size of its blocks in frames.
    orders: u32,
}

impl Blocks {
    const EMPTY: Self = Self { heads: [0; ORDERS], orders: 0 };

    #[inline(always)]
    fn link(&mut self, records: &mut Records, frame: u32, order: u32) {
        let Some(head) = self.heads.get_mut(order as usize) else { return };
        let next = core::mem::replace(head, frame + 1);
        self.orders |= 1 << order;
        records.set(frame, order, next);
        if next != 0
            && let Some(after) = records.at_mut(next - 1)
        {
            after.previous = frame + 1;
        }
    }

    /// Takes the free block of that order that begins at a frame out of its list, if there is one. `size` is the size
    /// of such blocks in frames.
    #[inline(always)]
    fn unlink(&mut self, records: &mut Records, frame: u32, order: u32, size: u32) -> Option<()> {
        let (next, previous) = records.clear(frame, order)?;
        if next != 0
            && let Some(after) = records.at_mut(next - 1)
        {
            after.previous = previous;
        }
        if previous != 0 {
            records.at_mut(previous - 1)?.next = next;
            return Some(());
        }
        *self.heads.get_mut(order as usize)? = next;
        if next == 0 {
            self.orders &= !size;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::boxed::Box;
    use std::vec;
    use std::vec::Vec;

    fn frames(count: usize, low_end: u32) -> Frames {
        let mut frames = Frames::EMPTY;
        // What memory may hold: records that would link to each other if they were believed.
        let garbage = FrameRecord { next: 2, previous: 4, order: 1, heads: u16::MAX };
        let records = Box::leak(vec![garbage; count].into_boxed_slice());
        let zeros = Box::leak(vec![0; Records::words(count)].into_boxed_slice());
        frames.initialise(
            Records::new(records, zeros),
            Frame(low_end),
            [FrameRun { first: Frame(3), count: count as u32 - 3 }].into_iter(),
        );
        frames
    }

    #[test]
    fn any_prefers_high_frames_and_low_never_takes_them() {
        let mut frames = frames(256, 128);
        assert!(frames.take(4, Zone::Any).unwrap().0 >= 128);
        while let Some(frame) = frames.take(1, Zone::Low) {
            assert!(frame.0 < 128);
        }
        assert!(frames.take(1, Zone::Any).is_some());
    }

    proptest! {
        #[test]
        fn runs_never_overlap_and_all_come_back(
            steps in proptest::collection::vec((any::<bool>(), 1u32..40, any::<prop::sample::Index>()), 1..200)
        ) {
            let mut frames = frames(512, 256);
            let total = frames.free();
            let mut held: Vec<FrameRun> = Vec::new();
            for (give_back, count, which) in steps {
                if give_back && !held.is_empty() {
                    let run = held.swap_remove(which.index(held.len()));
                    frames.give_back(run);
                } else if let Some(first) = frames.take(count, if count % 2 == 0 { Zone::Any } else { Zone::Low }) {
                    for run in &held {
                        prop_assert!(first.0 + count <= run.first.0 || run.first.0 + run.count <= first.0);
                    }
                    prop_assert!(first.0 >= 3 && first.0 + count <= 512);
                    held.push(FrameRun { first, count });
                }
                let out: usize = held.iter().map(|run| run.count as usize).sum();
                prop_assert_eq!(frames.free() + out, total);
            }
            for run in held.drain(..) {
                frames.give_back(run);
            }
            prop_assert_eq!(frames.take(256, Zone::Any).map(|frame| frame.0), Some(256));
        }
    }
}
