//! The machine's own memory, as far as the firmware's tables may lie in it.

use alloc::vec::Vec;
use core::cell::RefCell;
use core::ops::Range;
use core::ptr::NonNull;

use super::Physical;
use crate::layout;
use crate::memory::{FIRST_MIB_BYTES, FRAME_BYTES, MemoryMap, frames_touching};
use crate::paging::window::{self, Caching};

/// The windows that are made at most, and their pages: room for what devices need must be left.
const MOST_WINDOWS: usize = 64;
const MOST_PAGES: usize = 1024;

/// Shows physical memory in the address space in use.
///
/// # Safety
/// A returned address is that of all the memory asked for, which can be read there for good.
pub unsafe trait Show {
    /// Gives the address at which a part of the first MiB can be read.
    fn first_mib(&self, bytes: Range<u64>) -> Option<NonNull<u8>>;

    /// Maps whole frames for reading.
    ///
    /// # Safety
    /// The frames aren't handed out as RAM.
    unsafe fn map(&self, frames: Range<u32>) -> Option<NonNull<u8>>;
}

/// The kernel's own page tables: the direct map, and windows beyond it.
#[derive(Clone, Copy, Debug)]
pub struct KernelWindows(());

impl KernelWindows {
    /// Uses the kernel's page tables.
    ///
    /// # Safety
    /// The kernel's own page tables are in use, and nothing writes to memory of the firmware while this value lives.
    pub const unsafe fn new() -> Self {
        Self(())
    }
}

// SAFETY: the direct map shows the first MiB, and a window shows what it was made for; both stay.
unsafe impl Show for KernelWindows {
    fn first_mib(&self, bytes: Range<u64>) -> Option<NonNull<u8>> {
        NonNull::new(layout::direct(bytes.start)?)
    }

    unsafe fn map(&self, frames: Range<u32>) -> Option<NonNull<u8>> {
        let pages = (frames.end - frames.start) as usize;
        // SAFETY: the caller vouches for the frames, and firmware keeps its tables in cached memory.
        unsafe { window::map(u64::from(frames.start) * FRAME_BYTES, pages * abi::PAGE_BYTES, Caching::WriteBack) }
    }
}

/// The memory in which the memory map allows tables: see [`MemoryMap::may_hold_tables`].
#[derive(Debug)]
pub struct FirmwareMemory<'a, S> {
    map: &'a MemoryMap,
    show: S,
    windows: RefCell<Vec<Shown>>,
}

/// Frames, and the address at which a window shows them.
#[derive(Debug)]
struct Shown {
    frames: Range<u32>,
    at: NonNull<u8>,
}

impl<'a, S: Show> FirmwareMemory<'a, S> {
    /// Takes the memory of a machine with this map.
    pub const fn new(map: &'a MemoryMap, show: S) -> Self {
        Self { map, show, windows: RefCell::new(Vec::new()) }
    }

    fn locate(&self, bytes: Range<u64>) -> Option<NonNull<u8>> {
        if !self.map.may_hold_tables(bytes.clone()) {
            return None;
        }
        if bytes.end <= FIRST_MIB_BYTES {
            return self.show.first_mib(bytes);
        }
        let frames = frames_touching(bytes.clone());
        let mut windows = self.windows.borrow_mut();
        let shows = |shown: &&Shown| shown.frames.start <= frames.start && frames.end <= shown.frames.end;
        let at = match windows.iter().find(shows) {
            Some(shown) => shown.address_of(frames.start),
            None => {
                let pages = |frames: &Range<u32>| (frames.end - frames.start) as usize;
                let used: usize = windows.iter().map(|shown| pages(&shown.frames)).sum();
                if windows.len() >= MOST_WINDOWS || used + pages(&frames) > MOST_PAGES {
                    return None;
                }
                // SAFETY: where the map allows tables, it offers no RAM.
                let at = unsafe { self.show.map(frames.clone()) }?;
                windows.push(Shown { frames, at });
                at
            }
        };
        NonNull::new(at.as_ptr().wrapping_add((bytes.start % FRAME_BYTES) as usize))
    }
}

impl Shown {
    /// Gives the address of a frame that the window shows.
    fn address_of(&self, frame: u32) -> NonNull<u8> {
        let pages = frame.saturating_sub(self.frames.start) as usize;
        let at = self.at.as_ptr().wrapping_add(pages * abi::PAGE_BYTES);
        NonNull::new(at).unwrap_or(self.at)
    }
}

impl<S: Show> Physical for FirmwareMemory<'_, S> {
    fn bytes(&self, address: u64, count: usize) -> Option<&[u8]> {
        let start = self.locate(address..address.checked_add(count as u64)?)?;
        // SAFETY: `Show` vouches that all of the range can be read there for good, and that nothing writes there.
        Some(unsafe { core::slice::from_raw_parts(start.as_ptr(), count) })
    }
}
