//! The machine's own memory, as far as the firmware's tables may lie in it.

use alloc::vec::Vec;
use core::cell::RefCell;
use core::ops::Range;
use core::ptr::NonNull;

use super::Physical;
use crate::cpu::features::features;
use crate::layout;
use crate::memory::{FRAME_BYTES, MemoryMap, frames_touching};
use crate::paging::window::{self, Caching};

/// The end of the memory that is the firmware's and the loader's, and that the direct map always shows.
const FIRST_MIB: u64 = 0x10_0000;
/// The windows that are made at most, and their pages: room for what devices need must be left.
const MOST_WINDOWS: usize = 64;
const MOST_PAGES: usize = 1024;

/// Memory that isn't handed out as RAM: of the first MiB, and elsewhere what the loader's map doesn't offer.
#[derive(Debug)]
pub struct FirmwareMemory<'a> {
    map: &'a MemoryMap,
    windows: RefCell<Vec<Shown>>,
}

/// Frames, and where a window shows them.
#[derive(Debug)]
struct Shown {
    frames: Range<u32>,
    at: NonNull<u8>,
}

impl<'a> FirmwareMemory<'a> {
    /// Takes the memory of a machine with this map.
    ///
    /// # Safety
    /// The kernel's own page tables are in use, and nothing writes to what the map doesn't offer while this value
    /// lives.
    pub const unsafe fn new(map: &'a MemoryMap) -> Self {
        Self { map, windows: RefCell::new(Vec::new()) }
    }

    fn locate(&self, address: u64, end: u64) -> Option<NonNull<u8>> {
        if end <= FIRST_MIB {
            return NonNull::new(layout::direct(address)?);
        }
        let frames = frames_touching(address..end);
        let limit = 1 << features().physical_bits.min(layout::PHYSICAL_BITS);
        if address < FIRST_MIB || end > limit || self.map.available.intersects(frames.clone()) {
            return None;
        }
        let mut windows = self.windows.borrow_mut();
        let shows = |shown: &&Shown| shown.frames.start <= frames.start && frames.end <= shown.frames.end;
        let at = match windows.iter().find(shows) {
            Some(shown) => shown.offset(frames.start),
            None => {
                let pages = |frames: &Range<u32>| (frames.end - frames.start) as usize;
                let used: usize = windows.iter().map(|shown| pages(&shown.frames)).sum();
                if windows.len() >= MOST_WINDOWS || used + pages(&frames) > MOST_PAGES {
                    return None;
                }
                let first = u64::from(frames.start) * FRAME_BYTES;
                // SAFETY: it isn't handed out as RAM, and firmware keeps its tables in cached memory.
                let at = unsafe { window::map(first, pages(&frames) * abi::PAGE_BYTES, Caching::WriteBack) }?;
                windows.push(Shown { frames, at });
                at
            }
        };
        NonNull::new(at.as_ptr().wrapping_add((address % FRAME_BYTES) as usize))
    }
}

impl Shown {
    /// Gives the address of a frame, if a window shows it.
    fn offset(&self, frame: u32) -> NonNull<u8> {
        let pages = frame.saturating_sub(self.frames.start) as usize;
        let at = self.at.as_ptr().wrapping_add(pages * abi::PAGE_BYTES);
        NonNull::new(at).unwrap_or(self.at)
    }
}

impl Physical for FirmwareMemory<'_> {
    fn bytes(&self, address: u64, count: usize) -> Option<&[u8]> {
        let end = address.checked_add(count as u64)?;
        let start = self.locate(address, end)?;
        // SAFETY: the direct map or a window shows all of the range for good, and `new`'s caller vouches that nothing
        // writes there.
        Some(unsafe { core::slice::from_raw_parts(start.as_ptr(), count) })
    }
}
