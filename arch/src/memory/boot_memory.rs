//! The free frames, and taking memory from them.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ops::Range;

use kernel::frames::{Frame, FrameRun};

use super::{FRAME_BYTES, MemoryMap, RunSet, address_of, clear, frames_touching};
use crate::layout;

/// Physical memory while booting.
///
/// Every frame in it belongs to this value alone. What is taken from it belongs to the caller.
#[derive(Debug)]
pub struct BootMemory {
    free: RunSet,
    all: RunSet,
    map: MemoryMap,
}

impl BootMemory {
    /// All RAM of the map but the ranges of addresses in `taken` (the image, modules, the first MiB).
    ///
    /// # Safety
    /// The map is true, and nothing outside `taken` is in use.
    pub unsafe fn new(map: MemoryMap, taken: &[Range<u64>]) -> Self {
        let mut free = map.available.clone();
        for range in taken {
            free.remove(frames_touching(range.clone()));
        }
        Self { free, all: map.available.clone(), map }
    }

    /// All RAM, used or not.
    pub fn ram(&self) -> &RunSet {
        &self.all
    }

    /// Gives the map that this value was made from.
    pub fn map(&self) -> &MemoryMap {
        &self.map
    }

    /// Gives the free frames.
    pub fn free(&self) -> &RunSet {
        &self.free
    }

    /// Gives the number of free frames.
    pub fn free_frames(&self) -> u64 {
        self.free.count()
    }

    /// Gives the number of free frames that the kernel itself can use, early and later.
    pub fn low_free_frames(&self) -> u64 {
        self.free.count_below(low_end())
    }

    /// The frame after the last one of RAM: how many entries a table indexed by frame needs.
    pub fn frame_limit(&self) -> u32 {
        self.all.end()
    }

    /// Takes zeroed consecutive frames for good, which the kernel sees now and later.
    pub fn take(&mut self, count: u32) -> Option<Frame> {
        let frame = self.take_uncleared(count, 1)?;
        let start = layout::direct(address_of(frame))?;
        // SAFETY: these frames are RAM that is mapped there, early and later, and belong to this call alone.
        unsafe { clear(start, count as usize * FRAME_BYTES as usize) };
        Some(frame)
    }

    /// Takes zeroed memory for a table that stays for good.
    ///
    /// # Safety
    /// A `T` of all zero bytes is valid.
    pub unsafe fn take_table<T>(&mut self, length: usize) -> Option<&'static mut [T]> {
        let Some(count) = frames_of::<T>(length)? else { return Some(&mut []) };
        let frame = self.take(count)?;
        let start = layout::direct(address_of(frame))?.cast::<T>();
        // SAFETY: the frames hold `length` zeroed values, are mapped for good, page-aligned, and belong to nobody else.
        Some(unsafe { core::slice::from_raw_parts_mut(start, length) })
    }

    /// Takes memory for a table that stays for good, with whatever it holds. For large tables: clearing takes time by
    /// their size, and so does looking at each page, so that only one in 64 (256 KiB) and the last are looked at.
    ///
    /// # Safety
    /// Any bytes are a valid `T`.
    pub unsafe fn take_uncleared_table<T>(&mut self, length: usize) -> Option<&'static mut [T]> {
        const LOOK_AT_ONE_IN: usize = 64;
        let Some(count) = frames_of::<T>(length)? else { return Some(&mut []) };
        let frame = self.take_uncleared(count, LOOK_AT_ONE_IN)?;
        let start = layout::direct(address_of(frame))?.cast::<T>();
        // SAFETY: the frames have room for `length` values, are mapped for good, page-aligned, and belong to nobody
        // else.
        Some(unsafe { core::slice::from_raw_parts_mut(start, length) })
    }

    /// Takes consecutive frames that hold what is written to them, which it checks for a sample of them. Frames that
    /// don't are passed over: a wrong map must not end in page tables that aren't there, and so in a reset.
    fn take_uncleared(&mut self, count: u32, look_at_one_in: usize) -> Option<Frame> {
        loop {
            let frame = Frame(self.free.carve(count, low_end())?);
            let start = layout::direct(address_of(frame))?;
            if Self::all_hold(start, count as usize, look_at_one_in) {
                return Some(frame);
            }
            self.all.remove(frame.0..frame.0 + count);
        }
    }

    /// Tells whether a sample of consecutive pages, and the last, hold what is written to them.
    #[optimize(speed)]
    fn all_hold(start: *mut u8, count: usize, look_at_one_in: usize) -> bool {
        let mut page = 0;
        while page + 1 < count {
            if !holds(start.wrapping_add(page * FRAME_BYTES as usize)) {
                return false;
            }
            page += look_at_one_in;
        }
        holds(start.wrapping_add((count - 1) * FRAME_BYTES as usize))
    }

    /// Gives a range back that `new` took, such as start code that won't run again.
    ///
    /// # Safety
    /// The frames are RAM that nothing uses any more.
    pub unsafe fn give(&mut self, frames: Range<u32>) {
        self.free.add(frames);
    }

    /// Gives the frames that are left to the core.
    pub fn into_runs(self) -> &'static [FrameRun] {
        let run = |run: &Range<u32>| FrameRun { first: Frame(run.start), count: run.end - run.start };
        Box::leak(self.free.runs().iter().map(run).collect::<Vec<_>>().into_boxed_slice())
    }
}

/// Gives the number of frames that a table needs: none if it is empty, and nothing if there can't be that many.
#[expect(clippy::option_option, reason = "an empty table isn't a failure")]
fn frames_of<T>(length: usize) -> Option<Option<u32>> {
    const { assert!(align_of::<T>() <= FRAME_BYTES as usize) };
    let bytes = (length as u64).checked_mul(size_of::<T>() as u64)?;
    let count = u32::try_from(bytes.div_ceil(FRAME_BYTES)).ok()?;
    Some((count > 0).then_some(count))
}

/// Gives the first frame that the kernel can't see while it boots.
pub const fn low_end() -> u32 {
    (layout::EARLY_MAP_END / FRAME_BYTES) as u32
}

/// Tells whether a page holds what is written to it.
#[inline(always)]
fn holds(page: *mut u8) -> bool {
    let word = page.cast::<usize>();
    [usize::MAX / 3, !(usize::MAX / 3)].into_iter().all(|pattern| {
        // SAFETY: the page belongs to the caller, who is about to overwrite it.
        unsafe { word.write_volatile(pattern) };
        // SAFETY: as above.
        unsafe { word.read_volatile() == pattern }
    })
}
