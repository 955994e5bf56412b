//! Frames of physical memory: who has them.
//!
//! A buddy allocator over one record a frame, in a region that `arch` sets aside at boot: runs of any length come
//! and go in a number of steps that depends on neither the machine's size nor its history. Two zones keep the frames
//! that the kernel itself can reach (page tables, register areas) apart from the rest on i686; on x86_64 all memory
//! is one zone.
//!
//! The records aren't cleared at boot, which would take time by the machine's size. Sixteen of them share a mask that
//! tells which of their frames begin free blocks, and a bit for each mask tells whether it was ever written: until then
//! none does. So the first use of a record costs no more than any other.
//!
//! | operation | bound |
//! |---|---|
//! | [`Frames::take`] | one block leaves its list, and one joins a list for each order below it |
//! | [`Frames::give_back_block`] | one block leaves its list for each order above it, and one joins a list |
//! | [`Frames::give_back`] | as many of these as the run has blocks: at boot, and for single frames |

#[cfg(test)]
mod checks;

/// A frame of physical memory, by number: its address divided by the page size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Frame(pub u32);

/// A run of frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameRun {
    /// The first frame.
    pub first: Frame,
    /// How many.
    pub count: u32,
}

/// What the allocator keeps of a frame, if a free block begins there; `heads` is the exception.
///
/// It is plain numbers: whatever memory holds is a value.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct FrameRecord {
    next: u32,
    previous: u32,
    /// The order of the free block that begins here.
    order: u16,
    /// In the first record of a group: the frames of the group at which free blocks begin, one bit each.
    heads: u16,
}

/// How many records share a mask of heads.
const GROUP: usize = u16::BITS as usize;

/// How many groups a word of [`Records::written`] tells about.
const GROUPS_A_WORD: usize = u32::BITS as usize;

/// The records of all frames, and which of them mean something.
#[derive(Debug)]
pub struct Records {
    records: &'static mut [FrameRecord],
    /// A bit a group: whether its mask of heads was ever written.
    written: &'static mut [u32],
}

impl Records {
    /// Records with any content, one a frame, and [`Records::words`] of zeros. Frames whose words are missing are left
    /// alone.
    pub fn new(records: &'static mut [FrameRecord], zeros: &'static mut [u32]) -> Self {
        let known = records.len().min(zeros.len() * GROUPS_A_WORD * GROUP);
        Self { records: records.get_mut(..known).unwrap_or(&mut []), written: zeros }
    }

    /// How many words of zeros so many records need.
    pub const fn words(records: usize) -> usize {
        records.div_ceil(GROUPS_A_WORD * GROUP)
    }

    fn len(&self) -> usize {
        self.records.len()
    }

    /// If a free block of that order begins at a frame, it does no more. Returns its neighbours in the list, the next one
    /// first.
    fn clear(&mut self, frame: u32, order: usize) -> Option<(u32, u32)> {
        let (word, bit) = Self::place(frame);
        if self.written.get(word)? & bit == 0 {
            return None;
        }
        let record = self.records.get(frame as usize)?;
        let (next, previous, its) = (record.next, record.previous, record.order as usize);
        let first = self.records.get_mut(Self::group(frame))?;
        if first.heads & Self::head(frame) == 0 || its != order {
            return None;
        }
        first.heads &= !Self::head(frame);
        Some((next, previous))
    }

    /// A free block begins at a frame: the links of its list are those.
    fn set(&mut self, frame: u32, order: usize, next: u32) {
        let (word, bit) = Self::place(frame);
        let (Some(word), Some(first)) = (self.written.get_mut(word), self.records.get_mut(Self::group(frame))) else {
            return;
        };
        let heads = if *word & bit != 0 { first.heads } else { 0 };
        *word |= bit;
        first.heads = heads | Self::head(frame);
        if let Some(record) = self.records.get_mut(frame as usize) {
            (record.next, record.previous, record.order) = (next, 0, order as u16);
        }
    }

    /// The record of a frame at which a free block begins, to be changed.
    fn at_mut(&mut self, frame: u32) -> Option<&mut FrameRecord> {
        self.records.get_mut(frame as usize)
    }

    /// Where the bit of a frame's group stands.
    const fn place(frame: u32) -> (usize, u32) {
        let group = frame as usize / GROUP;
        (group / GROUPS_A_WORD, 1 << (group % GROUPS_A_WORD))
    }

    /// The record that has the mask of a frame's group.
    const fn group(frame: u32) -> usize {
        frame as usize / GROUP * GROUP
    }

    /// A frame's bit in that mask.
    const fn head(frame: u32) -> u16 {
        1 << (frame as usize % GROUP)
    }
}

/// The largest block is 2^16 frames, 256 MiB.
const ORDERS: usize = 17;

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
    /// Block heads by zone (low, high) and order, as frame number plus one.
    heads: [[u32; ORDERS]; 2],
    /// By zone, the orders of which there are blocks, one bit each.
    orders: [u32; 2],
    low_end: u32,
    total: u32,
    free: u32,
}

impl Frames {
    /// No memory yet.
    pub const EMPTY: Self =
        Self { records: None, heads: [[0; ORDERS]; 2], orders: [0; 2], low_end: 0, total: 0, free: 0 };

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
        if count == 0 || count > 1 << (ORDERS - 1) {
            return None;
        }
        let least = count.next_power_of_two().trailing_zeros();
        let found = |zone: usize| {
            let orders = self.orders.get(zone)? >> least;
            (orders != 0).then(|| (zone, (least + orders.trailing_zeros()) as usize))
        };
        let (zone, mut order) = match zone {
            Zone::Any => found(1).or_else(|| found(0)),
            Zone::Low => found(0),
        }?;
        let mut first = self.heads.get(zone)?.get(order)?.checked_sub(1)?;
        self.unlink(first, zone, order)?;
        self.free -= count;
        // Each round halves the block and keeps what the run needs of it: at most one half goes back, and none of these
        // has a free neighbour to merge with.
        let (block, mut rest) = (first, count);
        while rest != 1 << order {
            order -= 1;
            let half = 1 << order;
            if rest <= half {
                self.link(first + half, zone, order);
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

    /// Takes the first frames of a run back, as many as make a block; how many those are. None if there are none.
    pub fn give_back_block(&mut self, run: FrameRun) -> u32 {
        let FrameRun { first: Frame(first), count } = run;
        if count == 0 {
            return 0;
        }
        let order = first.trailing_zeros().min(count.ilog2()).min(ORDERS as u32 - 1);
        self.free += 1 << order;
        self.merge(first, order as usize);
        1 << order
    }

    /// Takes over the first frames of a run that wasn't handed over at first, as many as make a block; how many of them
    /// there are, and how many of these can be used: frames beyond the records are left alone, as there.
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

    /// Makes a block free, as one with its neighbours where these are free.
    fn merge(&mut self, mut first: u32, mut order: usize) {
        let zone = self.zone(first);
        while order < ORDERS - 1 {
            let buddy = first ^ (1 << order);
            if self.zone(buddy) != zone || self.unlink(buddy, zone, order).is_none() {
                break;
            }
            first = first.min(buddy);
            order += 1;
        }
        self.link(first, zone, order);
    }

    fn zone(&self, frame: u32) -> usize {
        (frame >= self.low_end) as usize
    }

    fn link(&mut self, frame: u32, zone: usize, order: usize) {
        let (Some(head), Some(orders)) =
            (self.heads.get_mut(zone).and_then(|heads| heads.get_mut(order)), self.orders.get_mut(zone))
        else {
            return;
        };
        let next = core::mem::replace(head, frame + 1);
        *orders |= 1 << order;
        let Some(records) = self.records.as_mut() else { return };
        records.set(frame, order, next);
        if next != 0
            && let Some(after) = records.at_mut(next - 1)
        {
            after.previous = frame + 1;
        }
    }

    /// Takes the free block of that order that begins at a frame out of its list, if there is one.
    #[inline(always)]
    fn unlink(&mut self, frame: u32, zone: usize, order: usize) -> Option<()> {
        let records = self.records.as_mut()?;
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
        *self.heads.get_mut(zone)?.get_mut(order)? = next;
        if next == 0 {
            *self.orders.get_mut(zone)? &= !(1 << order);
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
        fn runs_never_overlap_and_all_come_back(steps in proptest::collection::vec((any::<bool>(), 1u32..40, any::<prop::sample::Index>()), 1..200)) {
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
