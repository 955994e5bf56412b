//! The fake's address spaces: a map from pages to what is mapped there, over page tables that cost frames.

use super::Fake;
use crate::frames::Frame;
use crate::machine::{MapError, Mapping, MemoryType, Page};
use abi::{Access, PAGE_BYTES};
use std::collections::BTreeMap;

/// An address space, by the frame of its root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Space(pub Frame);

/// How many pages one table holds: few, so that small tests need several.
pub const PAGES_PER_TABLE: usize = 8;
/// How many tables one call gives back.
pub const TABLES_PER_RELEASE: usize = 2;

/// What is in an address space.
#[derive(Clone, Debug, Default)]
pub struct AddressSpace {
    /// What is mapped, by page.
    pub pages: BTreeMap<Page, Mapping>,
    /// The tables, by page number divided by [`PAGES_PER_TABLE`].
    pub tables: BTreeMap<usize, Frame>,
    /// The address at which giving tables back has to go on. A call from elsewhere may never come to the end.
    pub release_from: usize,
}

const fn table_of(page: Page) -> usize {
    page.address() / (PAGES_PER_TABLE * PAGE_BYTES)
}

impl Fake {
    pub(super) fn map_pages(
        &mut self,
        space: Space,
        mapping: Mapping,
        pages: usize,
        tables: &mut impl FnMut() -> Option<Frame>,
    ) -> Result<usize, MapError> {
        self.map_page(space, mapping, tables)?;
        let further = (1..pages).map_while(|number| {
            let page = mapping.page.offset(number).filter(|page| table_of(*page) == table_of(mapping.page))?;
            Some(Mapping { page, frame: Frame(mapping.frame.0 + number as u32), ..mapping })
        });
        let mut mapped = 1;
        for mapping in further {
            match self.map_page(space, mapping, tables) {
                Ok(()) => mapped += 1,
                Err(_) => break,
            }
        }
        Ok(mapped)
    }

    fn map_page(
        &mut self,
        space: Space,
        mapping: Mapping,
        tables: &mut impl FnMut() -> Option<Frame>,
    ) -> Result<(), MapError> {
        let Some(entries) = self.spaces.get(&space) else {
            self.violation("a page is mapped in an address space that doesn't exist");
            return Err(MapError::NoFrame);
        };
        if entries.pages.contains_key(&mapping.page) {
            return Err(MapError::Occupied);
        }
        if !entries.tables.contains_key(&table_of(mapping.page)) {
            let table = tables().ok_or(MapError::NoFrame)?;
            self.expect_clean(table, "a page table");
            if let Some(entries) = self.spaces.get_mut(&space) {
                entries.tables.insert(table_of(mapping.page), table);
            }
        }
        if mapping.access.contains(Access::WRITE | Access::EXECUTE) {
            self.violation("a page is both writable and executable");
        }
        let zeroed = self.zeroed.contains_key(&mapping.frame);
        if mapping.memory_type == MemoryType::Ram && !zeroed {
            self.violation(std::format!("{:?} is mapped but was never zeroed", mapping.frame));
        }
        if mapping.access.contains(Access::WRITE) {
            self.clean.remove(&mapping.frame);
            self.partly.remove(&mapping.frame);
        }
        if let Some(entries) = self.spaces.get_mut(&space) {
            entries.pages.insert(mapping.page, mapping);
        }
        Ok(())
    }

    pub(super) fn unmap_page(&mut self, space: Space, page: Page) {
        match self.spaces.get_mut(&space) {
            Some(entries) => {
                entries.pages.remove(&page);
            }
            None => self.violation("a page is unmapped in an address space that doesn't exist"),
        }
    }

    pub(super) fn release_some_tables(
        &mut self,
        space: Space,
        from: usize,
        give_back: &mut impl FnMut(Frame),
    ) -> Option<usize> {
        if self.resumes.is_some_and(|(_, home)| home.space == space) {
            self.violation("the tables of the present address space are given back");
        }
        let Some(entries) = self.spaces.get_mut(&space) else {
            self.violation("tables of an address space that doesn't exist are given back");
            return None;
        };
        let mapped = !entries.pages.is_empty();
        let astray = entries.release_from != from;
        let first = from / (PAGES_PER_TABLE * PAGE_BYTES);
        for _ in 0..TABLES_PER_RELEASE {
            let Some(number) = entries.tables.range(first..).next().map(|(number, _)| *number) else { break };
            if let Some(frame) = entries.tables.remove(&number) {
                give_back(frame);
            }
        }
        let next = entries.tables.keys().next().copied();
        entries.release_from = next.map_or(0, |next| next * PAGES_PER_TABLE * PAGE_BYTES);
        if astray {
            self.violation(std::format!("tables are given back from {from:#x} on"));
        }
        if mapped {
            self.violation("tables are given back while pages are mapped");
        }
        if let Some(next) = next {
            return Some(next * PAGES_PER_TABLE * PAGE_BYTES);
        }
        self.spaces.remove(&space);
        give_back(space.0);
        None
    }

    /// What a program finds at an address, if it may do that there.
    pub fn translate(&self, space: Space, address: usize, access: Access) -> Option<Frame> {
        let page = Page::new(address / PAGE_BYTES * PAGE_BYTES)?;
        let mapping = self.spaces.get(&space)?.pages.get(&page)?;
        mapping.access.contains(access).then_some(mapping.frame)
    }
}
