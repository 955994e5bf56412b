//! Address spaces of processes.

use abi::Access;
use kernel::frames::Frame;
use kernel::machine::{MapError, Mapping, MemoryType, Page};
use x86::{controlregs, tlb};

use super::tables::DirectMap;
use super::walk::Place;
use super::{EntryRun, Flags, Geometry, Root, Width, encode, kernel_half, walk};
use crate::memory::{FRAME_BYTES, address_of};

/// The number of entries that one call of [`Space::release_tables`] looks at.
const ENTRIES_PER_RELEASE: usize = 32;

/// An address space, named by the frame of its root table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct Space(Frame);

impl Space {
    /// The space that has the kernel's half alone.
    pub const EMPTY: Self = Self(Frame(0));

    /// Makes a space with an empty user half.
    ///
    /// # Safety
    /// `root` is a zeroed frame of low memory that nothing else uses until [`Self::release_tables`] gave it back.
    pub unsafe fn create(root: Frame) -> Self {
        // SAFETY: the root is a table now, the kernel's root is one, and no other such value is in use.
        kernel_half::share(&mut unsafe { DirectMap::new() }, root);
        Self(root)
    }

    /// Makes this the space that the CPU uses.
    ///
    /// # Safety
    /// It wasn't released.
    unsafe fn activate(self) {
        // SAFETY: every space maps the kernel's half alike, so execution goes on.
        unsafe { controlregs::cr3_write(address_of(self.root())) };
    }

    /// Tells whether the CPU uses this space now.
    fn is_active(self) -> bool {
        // SAFETY: this is ring 0.
        unsafe { controlregs::cr3() == address_of(self.root()) }
    }

    /// Maps consecutive pages, at most `pages` and no more than one table holds. `new_table` gives zeroed frames of low
    /// memory for tables. Returns the number of pages mapped.
    ///
    /// # Safety
    /// The space wasn't released, user mode may have the frames, and the tables' frames belong to the space from now
    /// on.
    pub unsafe fn map(
        self,
        mapping: Mapping,
        pages: usize,
        new_table: &mut impl FnMut() -> Option<Frame>,
    ) -> Result<usize, MapError> {
        let first = encode(mapping.frame, flags_of(&mapping)).bits();
        let entries = EntryRun { next: first, step: FRAME_BYTES as u32, left: pages as u32 };
        // SAFETY: the space's tables are in low memory, and no other such value is in use.
        let mut tables = unsafe { DirectMap::new() };
        let mut root = Root::Same;
        let address = mapping.page.address();
        let result = walk::map_run::<Width>(
            &mut tables,
            Place { root: self.0, address, level: 1 },
            entries,
            new_table,
            &mut root,
        );
        // A failure may have changed the root before.
        if Width::ROOT_IS_CACHED && root == Root::Changed && self.is_active() {
            // SAFETY: the caller vouches that the space wasn't released.
            unsafe { self.activate() };
        }
        result
    }

    /// Unmaps consecutive pages, and flushes the CPU's cached translations of them. Pages that aren't mapped are passed
    /// over.
    ///
    /// # Safety
    /// The space wasn't released.
    pub unsafe fn unmap(self, first: Page, pages: usize) {
        // SAFETY: the space's tables are in low memory, and no other such value is in use.
        let mut tables = unsafe { DirectMap::new() };
        let is_active = self.is_active();
        let addresses = (0..pages).map_while(|number| first.offset(number)).map(Page::address);
        walk::unmap_run::<Width>(&mut tables, self.0, addresses, &mut |address| {
            if is_active {
                // SAFETY: this is ring 0.
                unsafe { tlb::flush(address) };
            }
        });
    }

    /// Gives page tables back, one a call at most; returns the address from which to go on, or nothing when all are
    /// given back, the root too.
    ///
    /// # Safety
    /// The CPU doesn't use the space: it caches upper tables too, whose frames get another use. The space wasn't
    /// released, nothing is mapped in it, and no thread of it runs again.
    pub unsafe fn release_tables(self, from: usize, give_back: &mut impl FnMut(Frame)) -> Option<usize> {
        // SAFETY: the space's tables are in low memory, and no other such value is in use.
        let mut tables = unsafe { DirectMap::new() };
        walk::release::<Width>(&mut tables, self.0, from, ENTRIES_PER_RELEASE, give_back)
    }

    /// Gives the physical address of the root table, which is the value of CR3.
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
