//! What the frame allocator keeps of each frame: links of lists, and which frames begin free blocks.

/// What the allocator keeps of a frame at which a free block begins. `heads` is valid for other frames too.
///
/// All fields are plain numbers, so that any content of memory is a valid record.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct FrameRecord {
    pub(super) next: u32,
    pub(super) previous: u32,
    /// The order of the free block that begins here.
    pub(super) order: u16,
    /// In the first record of a group: the frames of the group at which free blocks begin, one bit each.
    pub(super) heads: u16,
}

/// How many records share a mask of heads.
const GROUP: usize = u16::BITS as usize;

/// How many groups a word of [`Records::written`] tells about.
const GROUPS_A_WORD: usize = u32::BITS as usize;

/// The records of all frames, and which of them mean something.
#[derive(Debug)]
pub struct Records {
    pub(super) records: &'static mut [FrameRecord],
    /// A bit a group: whether its mask of heads was ever written.
    pub(super) written: &'static mut [u32],
}

impl Records {
    /// Records with any content, one a frame, and [`Records::words`] of zeros. Frames whose words are missing are left
    /// alone.
    pub fn new(records: &'static mut [FrameRecord], zeros: &'static mut [u32]) -> Self {
        let known = records.len().min(zeros.len() * GROUPS_A_WORD * GROUP);
        Self { records: records.get_mut(..known).unwrap_or(&mut []), written: zeros }
    }

    /// The number of words of zeros that this number of records needs.
    pub const fn words(records: usize) -> usize {
        records.div_ceil(GROUPS_A_WORD * GROUP)
    }

    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    /// Forgets the free block of that order that begins at a frame, if there is one. Returns its neighbours in the
    /// list, the next one first.
    #[inline(always)]
    pub(super) fn clear(&mut self, frame: u32, order: u32) -> Option<(u32, u32)> {
        let (word, bit) = Self::place(frame);
        if self.written.get(word)? & bit == 0 {
            return None;
        }
        let record = self.records.get(frame as usize)?;
        let (next, previous, its) = (record.next, record.previous, record.order as u32);
        let first = self.records.get_mut(Self::group(frame))?;
        if first.heads & Self::head(frame) == 0 || its != order {
            return None;
        }
        first.heads &= !Self::head(frame);
        Some((next, previous))
    }

    /// Records that a free block of that order begins at a frame, in front of the block `next`.
    #[inline(always)]
    pub(super) fn set(&mut self, frame: u32, order: u32, next: u32) {
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
    pub(super) fn at_mut(&mut self, frame: u32) -> Option<&mut FrameRecord> {
        self.records.get_mut(frame as usize)
    }

    /// Where the bit of a frame's group stands.
    pub(super) const fn place(frame: u32) -> (usize, u32) {
        let group = frame as usize / GROUP;
        (group / GROUPS_A_WORD, 1 << (group % GROUPS_A_WORD))
    }

    /// The record that has the mask of a frame's group.
    pub(super) const fn group(frame: u32) -> usize {
        frame as usize / GROUP * GROUP
    }

    /// A frame's bit in that mask.
    pub(super) const fn head(frame: u32) -> u16 {
        1 << (frame as usize % GROUP)
    }
}
