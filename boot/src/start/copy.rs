//! Copying between any two places of physical memory while the start code's page tables are in use. Those tables show
//! only the first part of physical memory.

use core::arch::asm;

use super::width::{DIRECTORY_FLAGS, POINTER_SLOT, POINTERS, WINDOW};
use super::{ENTRIES, EarlyTable, LARGE_PAGE, LARGE_PAGE_BYTES, TO_PHYSICAL};

/// The directory of two large pages: the source and the target of a copy.
static DIRECTORY: EarlyTable<1> = EarlyTable::new();

/// Copies bytes, through one large page at a time. Returns `false` if the bytes aren't there afterwards.
///
/// # Safety
/// The start code's page tables are in use. Both ranges are RAM and don't overlap, and nothing uses the one that is
/// written.
pub unsafe fn copy(from: u64, to: u64, bytes: u64) -> bool {
    let directory = (DIRECTORY.0.get() as usize as u32).wrapping_add(TO_PHYSICAL);
    // SAFETY: nothing else uses the slot, and the caller vouches that these tables are in use.
    unsafe { set(POINTERS.0.get().cast(), POINTER_SLOT, u64::from(directory) | DIRECTORY_FLAGS) };
    let mut done = 0;
    let mut arrived = true;
    while done < bytes && arrived {
        let place = |address: u64| (address % LARGE_PAGE_BYTES as u64) as usize;
        let (source, target) = (from + done, to + done);
        let room = LARGE_PAGE_BYTES - place(source).max(place(target));
        let count = room.min(usize::try_from(bytes - done).unwrap_or(room));
        for (slot, address) in [source, target].into_iter().enumerate() {
            let page = address - address % LARGE_PAGE_BYTES as u64;
            // SAFETY: the directory is this function's own.
            unsafe { set(DIRECTORY.0.get().cast(), slot, page | u64::from(LARGE_PAGE)) };
        }
        flush();
        let source = (WINDOW + place(source)) as *const u8;
        let target = (WINDOW + LARGE_PAGE_BYTES + place(target)) as *mut u8;
        // SAFETY: the page is shown there, the range lies within it, and nothing writes it.
        let source = unsafe { core::slice::from_raw_parts(source, count) };
        // SAFETY: the page is shown there, the range lies within it, and nothing else uses the range that is written.
        let target = unsafe { core::slice::from_raw_parts_mut(target, count) };
        arch::memory::copy(source, target);
        arrived = arch::memory::equal(source, target);
        done += count as u64;
    }
    // SAFETY: nothing else uses the slot, and nothing refers to the memory that it showed.
    unsafe { set(POINTERS.0.get().cast(), POINTER_SLOT, 0) };
    flush();
    arrived
}

/// Writes an entry of a table.
///
/// # Safety
/// The table is one of the start code's, and nothing else depends on the entry.
unsafe fn set(table: *mut u64, index: usize, entry: u64) {
    let place = table.wrapping_add(index % ENTRIES);
    // SAFETY: the entry lies within the table's page, which is mapped writable.
    unsafe { place.write_volatile(entry) };
}

/// Makes the CPU read all entries anew, with PAE's directory pointers, which it loads with CR3 (SDM 3A 4.4.1).
fn flush() {
    // SAFETY: ring 0; the same tables stay in use.
    unsafe { asm!("mov {0}, cr3", "mov cr3, {0}", out(reg) _, options(nostack, preserves_flags)) };
}
