//! Windows: device memory, and other memory that the direct map doesn't show, mapped for the kernel on request.
//!
//! Windows are made while booting and stay: the interrupt controllers' registers, the framebuffer, firmware tables
//! above i686's direct map. All spaces share the region's tables, so a new window appears in all of them at once.

use core::ptr::NonNull;

use kernel::frames::Frame;
use spin::Mutex;

use super::{Flags, KernelTables, LARGE_PAGE_BYTES};
use crate::layout;
use crate::memory::{BootMemory, FRAME_BYTES};

/// Tables of pages kept for windows, each good for 2 MiB; a large window needs two for its ends and one a GiB between.
const TABLES: usize = 24;

/// The caching of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caching {
    /// As RAM.
    WriteBack,
    /// Not at all: device registers.
    Uncached,
}

struct Windows {
    root: Frame,
    /// The next address that was never used.
    next: usize,
    spare: [Option<Frame>; TABLES],
}

static WINDOWS: Mutex<Windows> =
    Mutex::new(Windows { root: Frame(0), next: layout::WINDOWS.start, spare: [None; TABLES] });

/// Takes the tables that windows will need, in the kernel's half whose root is given.
pub(super) fn prepare(memory: &mut BootMemory, root: Frame) -> Option<()> {
    let mut windows = WINDOWS.lock();
    windows.root = root;
    for slot in &mut windows.spare {
        *slot = Some(memory.take(1)?);
    }
    // The region's upper table has to be in the root before any space copies the root.
    windows.map_one(Frame(0), Flags::empty(), Caching::Uncached)?;
    KernelTables::new(root).clear(windows.next);
    // That page's table keeps large pages out of its 2 MiB; the small windows that follow it share it.
    windows.next += abi::PAGE_BYTES;
    Some(())
}

/// Maps `bytes` bytes from a physical address on, each call at a new address.
///
/// # Safety
/// What is there may be mapped this way: registers uncached, RAM that the kernel doesn't hand out cached.
pub unsafe fn map(physical: u64, bytes: usize, caching: Caching) -> Option<NonNull<u8>> {
    let offset = (physical % FRAME_BYTES) as usize;
    let pages = u32::try_from(offset.checked_add(bytes)?.div_ceil(abi::PAGE_BYTES)).ok()?;
    let first = u32::try_from(physical / FRAME_BYTES).ok()?;
    first.checked_add(pages)?;
    let start = WINDOWS.lock().map(Frame(first), pages, caching)?;
    NonNull::new((start + offset) as *mut u8)
}

impl Windows {
    fn map(&mut self, first: Frame, pages: u32, caching: Caching) -> Option<usize> {
        const LARGE: u32 = (LARGE_PAGE_BYTES / abi::PAGE_BYTES) as u32;
        if pages >= LARGE {
            // The address gets the same place within a large page as the memory has, so that large pages fit.
            let place = (first.0 % LARGE) as usize * abi::PAGE_BYTES;
            self.next = self.next.next_multiple_of(LARGE_PAGE_BYTES) + place;
        }
        let bytes = (pages as usize).checked_mul(abi::PAGE_BYTES)?;
        if layout::WINDOWS.end.checked_sub(self.next)? < bytes {
            return None;
        }
        let start = self.next;
        let mut frame = first.0;
        let end = first.0 + pages;
        while frame < end {
            let large = frame.is_multiple_of(LARGE) && end - frame >= LARGE;
            let (size, count) = if large { (Flags::LARGE, LARGE) } else { (Flags::empty(), 1) };
            self.map_one(Frame(frame), size, caching)?;
            self.next += count as usize * abi::PAGE_BYTES;
            frame += count;
        }
        Some(start)
    }

    fn map_one(&mut self, frame: Frame, size: Flags, caching: Caching) -> Option<()> {
        let mut flags = size | Flags::WRITE | Flags::NO_EXECUTE | Flags::GLOBAL;
        flags.set(Flags::UNCACHED, caching == Caching::Uncached);
        let spare = &mut self.spare;
        let mut new_table = || spare.iter_mut().find_map(Option::take);
        KernelTables::new(self.root).map(self.next, frame, flags, &mut new_table)
    }
}
