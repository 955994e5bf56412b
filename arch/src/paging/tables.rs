//! Page tables in RAM that the direct map shows.

use core::ops::Range;

use kernel::frames::Frame;

use super::{Entry, EntryRun, Tables};
use crate::layout;
use crate::memory::address_of;

/// The number of entries in a table's page.
const ENTRIES: usize = abi::PAGE_BYTES / size_of::<u64>();

/// The tables as they are, through the direct map.
#[derive(Debug)]
pub struct DirectMap(());

impl DirectMap {
    /// Access to every page table.
    ///
    /// # Safety
    /// Only frames that hold page tables, in low memory, are passed to it; and one such value is used at a time.
    pub const unsafe fn new() -> Self {
        Self(())
    }

    /// Copies entries from one table to the same places in another, which no CPU uses yet.
    pub(super) fn copy(&mut self, from: Frame, to: Frame, indices: Range<usize>) {
        let end = indices.end.min(ENTRIES);
        let (Some(from), Some(to)) = (Self::slot(from, indices.start), Self::slot(to, indices.start)) else { return };
        // SAFETY: both are page tables, which `new`'s caller vouches for, two different ones, and the entries lie
        // within.
        unsafe { to.copy_from_nonoverlapping(from, end.saturating_sub(indices.start)) };
    }

    fn slot(table: Frame, index: usize) -> Option<*mut u64> {
        let start = layout::direct(address_of(table))?.cast::<u64>();
        Some(start.wrapping_add(index % ENTRIES))
    }
}

impl Tables for DirectMap {
    fn read(&self, table: Frame, index: usize) -> Entry {
        // SAFETY: `new`'s caller vouches that a table is there; the index is within its page.
        Self::slot(table, index).map_or(Entry::EMPTY, |slot| Entry::from_bits(unsafe { slot.read_volatile() }))
    }

    fn write(&mut self, table: Frame, index: usize, entry: Entry) {
        if let Some(slot) = Self::slot(table, index) {
            write_entry(slot, entry);
        }
    }

    fn next_used(&self, table: Frame, indices: Range<usize>) -> Option<usize> {
        let first = Self::slot(table, 0)?;
        // SAFETY: as in `read`; the bound keeps it within the page.
        let is_used = |index: &usize| unsafe { first.wrapping_add(*index).read_volatile() } != 0;
        (indices.start..indices.end.min(ENTRIES)).find(is_used)
    }

    #[inline(never)]
    #[optimize(speed)]
    fn write_run(&mut self, table: Frame, index: usize, length: usize, entries: EntryRun) -> usize {
        let Some(first) = Self::slot(table, index) else { return 0 };
        let room = ENTRIES.min(length).saturating_sub(index).min(entries.left as usize);
        let mut next = entries.next;
        let mut slot = first;
        // SAFETY: as in `read`; the end is within the page.
        while slot != first.wrapping_add(room) && unsafe { slot.read_volatile() } == 0 {
            fill_entry(slot, Entry::from_bits(next));
            next += u64::from(entries.step);
            slot = slot.wrapping_add(1);
        }
        (slot.addr() - first.addr()) / size_of::<u64>()
    }
}

/// One store on x86_64.
#[inline(always)]
#[cfg(target_arch = "x86_64")]
fn write_entry(slot: *mut u64, entry: Entry) {
    // SAFETY: `slot` gives places in page tables alone, which `DirectMap::new`'s caller vouches for.
    unsafe { slot.write_volatile(entry.bits()) };
}

/// One store on x86_64.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn fill_entry(slot: *mut u64, entry: Entry) {
    write_entry(slot, entry);
}

/// What is empty on i686 takes two stores.
#[cfg(target_arch = "x86")]
#[inline(always)]
fn fill_entry(slot: *mut u64, entry: Entry) {
    let lower = slot.cast::<u32>();
    let upper = lower.wrapping_add(1);
    // SAFETY: as in `write_entry`.
    unsafe { upper.write_volatile((entry.bits() >> 32) as u32) };
    // SAFETY: as in `write_entry`.
    unsafe { lower.write_volatile(entry.bits() as u32) };
}

/// Two stores on i686, in an order in which the CPU, which reads tables at any time, never sees a present entry with
/// half an address: an entry goes away by its lower half first and comes by it last.
#[inline(always)]
#[cfg(target_arch = "x86")]
fn write_entry(slot: *mut u64, entry: Entry) {
    let lower = slot.cast::<u32>();
    let upper = lower.wrapping_add(1);
    // SAFETY: `slot` gives places in page tables alone, which `DirectMap::new`'s caller vouches for.
    unsafe { lower.write_volatile(0) };
    // SAFETY: as above.
    unsafe { upper.write_volatile((entry.bits() >> 32) as u32) };
    // SAFETY: as above.
    unsafe { lower.write_volatile(entry.bits() as u32) };
}
