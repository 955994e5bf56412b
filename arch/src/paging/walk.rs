//! Walking and changing page tables, of either width, wherever they are kept.
//!
//! Nothing here touches the CPU: translations that it may have cached are the caller's business.

use kernel::machine::MapError;
use kernel::memory::Frame;

use super::{Entry, Flags, Geometry};

/// How tables are read and written.
pub trait Tables {
    /// The entry at an index.
    fn read(&self, table: Frame, index: usize) -> Entry;
    /// Replaces it.
    fn write(&mut self, table: Frame, index: usize, entry: Entry);

    /// Writes entries in a row, from an index up to the table's end (`length`) or the first that is occupied; how many.
    fn write_run(
        &mut self,
        table: Frame,
        index: usize,
        length: usize,
        mut entries: impl Iterator<Item = Entry>,
    ) -> usize {
        let mut next = index;
        while next < length && self.read(table, next) == Entry::EMPTY {
            let Some(entry) = entries.next() else { break };
            self.write(table, next, entry);
            next += 1;
        }
        next - index
    }
}

/// Whether the root itself changed, which PAE caches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Root {
    /// It is as it was.
    Same,
    /// It has a new entry.
    Changed,
}

/// Puts `entry` in the table of `level` on the way to `address`; tables that are missing come from `new_table`, zeroed.
///
/// Tables that were added stay when it fails in the end: they belong to the space, and go with it.
pub fn map<G: Geometry>(
    tables: &mut impl Tables,
    root: Frame,
    address: usize,
    level: u32,
    entry: Entry,
    new_table: &mut impl FnMut() -> Option<Frame>,
) -> Result<Root, MapError> {
    let (table, change) = table_for::<G>(tables, root, address, level, new_table)?;
    let index = G::index(level, address);
    if tables.read(table, index) != Entry::EMPTY {
        return Err(MapError::Occupied);
    }
    tables.write(table, index, entry);
    Ok(change)
}

/// Puts entries in a row into the table of `level`, from that of `address` up to the table's end or an
/// occupied one at most; returns how many.
///
/// One walk serves them all: to map all of memory page by page with [`map`] would be most of what booting costs.
pub fn map_run<G: Geometry>(
    tables: &mut impl Tables,
    root: Frame,
    address: usize,
    level: u32,
    entries: impl Iterator<Item = Entry>,
    new_table: &mut impl FnMut() -> Option<Frame>,
) -> Result<usize, MapError> {
    let (table, _) = table_for::<G>(tables, root, address, level, new_table)?;
    match tables.write_run(table, G::index(level, address), G::entries(level), entries) {
        0 => Err(MapError::Occupied),
        count => Ok(count),
    }
}

/// The table of `level` on the way to `address`.
fn table_for<G: Geometry>(
    tables: &mut impl Tables,
    root: Frame,
    address: usize,
    level: u32,
    new_table: &mut impl FnMut() -> Option<Frame>,
) -> Result<(Frame, Root), MapError> {
    let mut table = root;
    let mut change = Root::Same;
    for above in (level + 1..=G::LEVELS).rev() {
        let index = G::index(above, address);
        let next = tables.read(table, index);
        if next.flags().contains(Flags::LARGE) {
            return Err(MapError::Occupied);
        }
        table = match next.frame() {
            Some(next) => next,
            None => {
                let new = new_table().ok_or(MapError::NoFrame)?;
                tables.write(table, index, G::table_entry(above, new));
                if above == G::LEVELS {
                    change = Root::Changed;
                }
                new
            }
        };
    }
    Ok((table, change))
}

/// The entry that maps a page, and the table and index where it stands.
pub fn find<G: Geometry>(tables: &impl Tables, root: Frame, address: usize) -> Option<(Entry, Frame, usize)> {
    let mut table = root;
    for level in (1..=G::LEVELS).rev() {
        let index = G::index(level, address);
        let entry = tables.read(table, index);
        let frame = entry.frame()?;
        if level == 1 || entry.flags().contains(Flags::LARGE) {
            return Some((entry, table, index));
        }
        table = frame;
    }
    None
}

/// Takes a small page out; returns whether there was one.
pub fn unmap<G: Geometry>(tables: &mut impl Tables, root: Frame, address: usize) -> Option<Entry> {
    let (entry, table, index) = find::<G>(tables, root, address)?;
    if entry.flags().contains(Flags::LARGE) {
        return None;
    }
    tables.write(table, index, Entry::EMPTY);
    Some(entry)
}

/// How many entries could be looked at instead of giving a frame back, about.
const ENTRIES_A_FRAME: usize = 7;

/// Gives the tables of a user half without mappings back, from an address on, until `budget` entries were looked at.
///
/// Returns the address to go on from; nothing when all is done and the root was given back as the last.
pub fn release<G: Geometry>(
    tables: &mut impl Tables,
    root: Frame,
    from: usize,
    budget: &mut usize,
    give_back: &mut impl FnMut(Frame),
) -> Option<usize> {
    let rest = release_level::<G>(tables, root, G::LEVELS, G::USER_ROOT_ENTRIES, from, budget, give_back);
    if rest.is_none() {
        give_back(root);
    }
    rest
}

fn release_level<G: Geometry>(
    tables: &mut impl Tables,
    table: Frame,
    level: u32,
    entries: usize,
    from: usize,
    budget: &mut usize,
    give_back: &mut impl FnMut(Frame),
) -> Option<usize> {
    let mut address = from;
    for index in G::index(level, from)..entries {
        if *budget == 0 {
            return Some(address);
        }
        let next = tables.read(table, index).frame();
        match next {
            // A table of pages has nothing below it to give back; descending is free, so that every call gets on.
            Some(next) if level > 2 => {
                let entries = G::entries(level - 1);
                let rest = release_level::<G>(tables, next, level - 1, entries, address, budget, give_back);
                if rest.is_some() {
                    return rest;
                }
            }
            _ => *budget -= 1,
        }
        if let Some(next) = next {
            tables.write(table, index, Entry::EMPTY);
            give_back(next);
            *budget = budget.saturating_sub(ENTRIES_A_FRAME);
        }
        address = (address & !((1 << G::shift(level)) - 1)).wrapping_add(1 << G::shift(level));
    }
    None
}

#[cfg(test)]
#[path = "walk_tests.rs"]
mod tests;
