//! Address spaces of processes.

use abi::Access;
use kernel::machine::{MapError, Mapping, MemoryType, Page};
use kernel::memory::Frame;
use x86::{controlregs, tlb};

use super::tables::DirectMap;
use super::{Flags, Geometry, Root, Width, encode, kernel_half, walk};
use crate::memory::address_of;

/// How many entries one call of [`Space::release_tables`] looks at: some microseconds.
const ENTRIES_PER_RELEASE: usize = 32;

/// An address space, named by the frame of its root table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct Space(Frame);

impl Space {
    /// The kernel's half alone.
    pub const EMPTY: Self = Self(Frame(0));

    /// A space with an empty user half.
    ///
    /// # Safety
    /// `root` is a zeroed frame of low memory that nothing else uses until [`Self::release_tables`] gave it back.
    pub unsafe fn create(root: Frame) -> Self {
        // SAFETY: the root is a table now, the kernel's root is one, and no other such value is in use.
        kernel_half::share(&mut unsafe { DirectMap::new() }, root);
        Self(root)
    }

    /// Makes it the space that user addresses mean.
    ///
    /// # Safety
    /// It wasn't released.
    pub unsafe fn activate(self) {
        // SAFETY: every space maps the kernel's half alike, so execution goes on.
        unsafe { controlregs::cr3_write(address_of(self.root())) };
    }

    /// Whether it is the one that user addresses mean now.
    pub fn is_active(self) -> bool {
        // SAFETY: this is ring 0.
        unsafe { controlregs::cr3() == address_of(self.root()) }
    }

    /// Maps a page; `new_table` gives zeroed frames of low memory for tables.
    ///
    /// # Safety
    /// The space wasn't released, user mode may have the frame, and the tables' frames belong to the space from now on.
    pub unsafe fn map(self, mapping: Mapping, new_table: &mut impl FnMut() -> Option<Frame>) -> Result<(), MapError> {
        let entry = encode(mapping.frame, flags_of(&mapping));
        // SAFETY: the space's tables are in low memory, and no other such value is in use.
        let mut tables = unsafe { DirectMap::new() };
        let result = walk::map::<Width>(&mut tables, self.0, mapping.page.address(), 1, entry, new_table);
        // A failure may have changed the root before.
        if Width::ROOT_IS_CACHED && result != Ok(Root::Same) && self.is_active() {
            // SAFETY: the caller vouches that the space wasn't released.
            unsafe { self.activate() };
        }
        result.map(|_| ())
    }

    /// Unmaps a page, for the CPU's cached translations too; nothing happens if nothing is there.
    ///
    /// # Safety
    /// The space wasn't released.
    pub unsafe fn unmap(self, page: Page) {
        // SAFETY: the space's tables are in low memory, and no other such value is in use.
        let mut tables = unsafe { DirectMap::new() };
        if walk::unmap::<Width>(&mut tables, self.0, page.address()).is_some() && self.is_active() {
            // SAFETY: this is ring 0.
            unsafe { tlb::flush(page.address()) };
        }
    }

    /// What a page shows, and the bits that say how.
    ///
    /// # Safety
    /// The space wasn't released.
    pub unsafe fn translate(self, page: Page) -> Option<(Frame, Flags)> {
        // SAFETY: the space's tables are in low memory, and no other such value is in use.
        let tables = unsafe { DirectMap::new() };
        let (entry, ..) = walk::find::<Width>(&tables, self.0, page.address())?;
        Some((entry.frame()?, entry.flags()))
    }

    /// Gives page tables back, a bounded number a call; returns the address from which to go on, or nothing when all are
    /// given back, the root too.
    ///
    /// # Safety
    /// The space wasn't released, nothing is mapped in it, and no thread of it runs again.
    pub unsafe fn release_tables(self, from: usize, give_back: &mut impl FnMut(Frame)) -> Option<usize> {
        if self.is_active() {
            // The CPU caches upper tables too; leaving the space forgets them before their frames get another use.
            // SAFETY: the kernel's own space is never released.
            unsafe { Self::EMPTY.activate() };
        }
        // SAFETY: the space's tables are in low memory, and no other such value is in use.
        let mut tables = unsafe { DirectMap::new() };
        let mut budget = ENTRIES_PER_RELEASE;
        walk::release::<Width>(&mut tables, self.0, from, &mut budget, give_back)
    }

    /// The physical address of its root table: what CR3 holds.
    pub(crate) fn physical_root(self) -> u64 {
        address_of(self.root())
    }

    fn root(self) -> Frame {
        if self == Self::EMPTY { kernel_half::root() } else { self.0 }
    }
}

/// x86 knows no page without loads, and none that can be written and not read.
fn flags_of(mapping: &Mapping) -> Flags {
    let mut flags = Flags::USER;
    flags.set(Flags::WRITE, mapping.access.contains(Access::WRITE));
    flags.set(Flags::NO_EXECUTE, !mapping.access.contains(Access::EXECUTE));
    flags.set(Flags::UNCACHED, mapping.memory_type == MemoryType::Device);
    flags
}
