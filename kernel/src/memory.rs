//! Frames of physical memory: who has them.
//!
//! A buddy allocator over one record a frame, in a region that `arch` sets aside at boot: runs of any length come
//! and go in a number of steps that depends on neither the machine's size nor its history. Two zones keep the frames
//! that the kernel itself can reach (page tables, register areas) apart from the rest on i686; on x86_64 all memory
//! is one zone.
//!
//! The records aren't cleared at boot, which would take time by the machine's size: sixteen are, when the first of them
//! is written, and a bit for each sixteen tells. Until then none of their frames begins a free block.

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

/// What the allocator keeps of a frame; all zeros for one that isn't the head of a free block.
///
/// It is plain numbers: whatever memory holds is a value.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct FrameRecord {
    next: u32,
    previous: u32,
    /// The order of the free block that begins here, plus one.
    order: u32,
}

/// How many records are cleared at a time: 192 bytes.
const GROUP: usize = 16;

/// How many groups a word of [`Records::cleared`] tells about.
const GROUPS_A_WORD: usize = u32::BITS as usize;

/// The records of all frames, and which of them mean something.
#[derive(Debug)]
pub struct Records {
    records: &'static mut [FrameRecord],
    cleared: &'static mut [u32],
}

impl Records {
    /// Records with any content, one a frame, and [`Records::words`] of zeros. Frames whose words are missing are left
    /// alone.
    pub fn new(records: &'static mut [FrameRecord], zeros: &'static mut [u32]) -> Self {
        let known = records.len().min(zeros.len() * GROUPS_A_WORD * GROUP);
        Self { records: records.get_mut(..known).unwrap_or(&mut []), cleared: zeros }
    }

    /// How many words of zeros so many records need.
    pub const fn words(records: usize) -> usize {
        records.div_ceil(GROUPS_A_WORD * GROUP)
    }

    fn len(&self) -> usize {
        self.records.len()
    }

    /// The order of the free block that begins at a frame, plus one; 0 if none does.
    fn order(&self, frame: u32) -> u32 {
        let (word, bit) = Self::place(frame);
        if self.cleared.get(word).is_none_or(|word| word & bit == 0) {
            return 0;
        }
        self.records.get(frame as usize).map_or(0, |record| record.order)
    }

    /// A frame's record, to be read or changed.
    fn at_mut(&mut self, frame: u32) -> Option<&mut FrameRecord> {
        let (word, bit) = Self::place(frame);
        let word = self.cleared.get_mut(word)?;
        if *word & bit == 0 {
            *word |= bit;
            let start = frame as usize / GROUP * GROUP;
            let end = self.records.len().min(start + GROUP);
            self.records.get_mut(start..end)?.fill(FrameRecord::default());
        }
        self.records.get_mut(frame as usize)
    }

    /// Where the bit of a frame's group stands.
    const fn place(frame: u32) -> (usize, u32) {
        let group = frame as usize / GROUP;
        (group / GROUPS_A_WORD, 1 << (group % GROUPS_A_WORD))
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
    low_end: u32,
    total: u32,
    free: u32,
}

impl Frames {
    /// No memory yet.
    pub const EMPTY: Self = Self { records: None, heads: [[0; ORDERS]; 2], low_end: 0, total: 0, free: 0 };

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
        let order = count.next_power_of_two().trailing_zeros() as usize;
        let first = match zone {
            Zone::Any => self.take_block(1, order).or_else(|| self.take_block(0, order)),
            Zone::Low => self.take_block(0, order),
        }?;
        let rest = (1 << order) - count;
        self.free -= 1 << order;
        self.give_back(FrameRun { first: Frame(first + count), count: rest });
        Some(Frame(first))
    }

    /// Takes a run back, in blocks that are as large as its alignment allows.
    pub fn give_back(&mut self, run: FrameRun) {
        let FrameRun { first: Frame(mut first), mut count } = run;
        while count > 0 {
            let by_alignment = first.trailing_zeros();
            let by_count = 31 - count.leading_zeros();
            let order = by_alignment.min(by_count).min(ORDERS as u32 - 1);
            self.free += 1 << order;
            self.give_back_block(first, order as usize);
            first += 1 << order;
            count -= 1 << order;
        }
    }

    /// Takes over a run that wasn't handed over at first. Frames beyond the records are left alone, as there.
    pub fn adopt(&mut self, run: FrameRun) -> u32 {
        let known = self.records.as_ref().map_or(0, Records::len) as u32;
        let count = run.count.min(known.saturating_sub(run.first.0));
        self.give_back(FrameRun { count, ..run });
        self.total += count;
        count
    }

    fn take_block(&mut self, zone: usize, order: usize) -> Option<u32> {
        let heads = self.heads.get(zone)?;
        let mut found = (order..ORDERS).find(|order| heads.get(*order).is_some_and(|head| *head != 0))?;
        let first = *heads.get(found)? - 1;
        self.unlink(first, zone, found);
        while found > order {
            found -= 1;
            self.link(first + (1 << found), zone, found);
        }
        Some(first)
    }

    fn give_back_block(&mut self, mut first: u32, mut order: usize) {
        let zone = self.zone(first);
        while order < ORDERS - 1 {
            let buddy = first ^ (1 << order);
            if self.zone(buddy) != zone
                || self.records.as_ref().map_or(0, |records| records.order(buddy)) != order as u32 + 1
            {
                break;
            }
            self.unlink(buddy, zone, order);
            first = first.min(buddy);
            order += 1;
        }
        self.link(first, zone, order);
    }

    fn zone(&self, frame: u32) -> usize {
        (frame >= self.low_end) as usize
    }

    fn link(&mut self, frame: u32, zone: usize, order: usize) {
        let Some(head) = self.heads.get_mut(zone).and_then(|heads| heads.get_mut(order)) else { return };
        let next = core::mem::replace(head, frame + 1);
        if let Some(record) = self.record(frame) {
            *record = FrameRecord { next, previous: 0, order: order as u32 + 1 };
        }
        if next != 0
            && let Some(after) = self.record(next - 1)
        {
            after.previous = frame + 1;
        }
    }

    fn unlink(&mut self, frame: u32, zone: usize, order: usize) {
        let Some(record) = self.record(frame) else { return };
        let FrameRecord { next, previous, .. } = core::mem::take(record);
        if next != 0
            && let Some(after) = self.record(next - 1)
        {
            after.previous = previous;
        }
        if previous != 0 {
            if let Some(before) = self.record(previous - 1) {
                before.next = next;
            }
        } else if let Some(head) = self.heads.get_mut(zone).and_then(|heads| heads.get_mut(order)) {
            *head = next;
        }
    }

    fn record(&mut self, frame: u32) -> Option<&mut FrameRecord> {
        self.records.as_mut()?.at_mut(frame)
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
        let garbage = FrameRecord { next: 2, previous: 4, order: 2 };
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
