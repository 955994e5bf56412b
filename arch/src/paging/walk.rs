//! Walking and changing page tables, of either width, wherever they are kept.
//!
//! Nothing here touches the CPU: the caller flushes translations that the CPU may have cached.

use core::ops::Range;

use kernel::frames::Frame;
use kernel::machine::MapError;

use super::{Entry, Flags, Geometry};

/// Access to page tables.
pub trait Tables {
    /// Reads the entry at an index.
    fn read(&self, table: Frame, index: usize) -> Entry;
    /// Replaces the entry at an index.
    fn write(&mut self, table: Frame, index: usize, entry: Entry);

    /// Gives the first of these entries that isn't empty.
    fn next_used(&self, table: Frame, mut indices: Range<usize>) -> Option<usize> {
        indices.find(|index| self.read(table, *index) != Entry::EMPTY)
    }

    /// Writes consecutive entries, from an index up to the table's end (`length`) or the first that is occupied.
    /// Returns the number of entries written.
    fn write_run(&mut self, table: Frame, index: usize, length: usize, entries: EntryRun) -> usize {
        let mut next = index;
        for entry in entries {
            if next >= length || self.read(table, next) != Entry::EMPTY {
                break;
            }
            self.write(table, next, entry);
            next += 1;
        }
        next - index
    }
}

/// The entries of consecutive pages. All have the same flags; only the address counts up.
#[derive(Clone, Copy, Debug)]
pub struct EntryRun {
    /// The bits of the next entry.
    pub next: u64,
    /// Bytes of a page.
    pub step: u32,
    /// The number of entries.
    pub left: u32,
}

impl EntryRun {
    /// Makes a run of a single entry.
    pub const fn one(entry: Entry) -> Self {
        Self { next: entry.bits(), step: 0, left: 1 }
    }

    /// Gives the run without its first `count` entries.
    pub fn behind(self, count: u32) -> Self {
        let next = self.next + u64::from(count) * u64::from(self.step);
        Self { next, left: self.left.saturating_sub(count), ..self }
    }
}

impl Iterator for EntryRun {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        let entry = (self.left > 0).then(|| Entry::from_bits(self.next))?;
        *self = self.behind(1);
        Some(entry)
    }
}

/// Whether the root table changed, which PAE caches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Root {
    /// The root is unchanged.
    Same,
    /// The root has a new entry.
    Changed,
}

/// A place in page tables: the entry for `address` in the table of `level` below `root`.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The frame of the root table.
    pub root: Frame,
    /// An address that the entry translates.
    pub address: usize,
    /// The level of the entry's table.
    pub level: u32,
}

/// Puts `entry` at a place in the tables. Tables that are missing come from `new_table`, zeroed.
///
/// Tables that were added stay if the call fails: they belong to the space, and go with it.
pub fn map<G: Geometry>(
    tables: &mut impl Tables,
    place: Place,
    entry: Entry,
    new_table: &mut impl FnMut() -> Option<Frame>,
) -> Result<(), MapError> {
    let entries = EntryRun::one(entry);
    map_run::<G>(tables, place, entries, new_table, &mut Root::Same).map(|_| ())
}

/// Puts consecutive entries into the table of a place, up to the table's end or an occupied entry. Returns the number
/// of entries put. Sets `change` if the root's entries changed, even if the call fails.
///
/// One walk serves all of the entries: a walk for each page would be most of the work.
pub fn map_run<G: Geometry>(
    tables: &mut impl Tables,
    place: Place,
    entries: EntryRun,
    new_table: &mut impl FnMut() -> Option<Frame>,
    change: &mut Root,
) -> Result<usize, MapError> {
    let table = table_for::<G>(tables, place, new_table, change)?;
    match tables.write_run(table, G::index(place.level, place.address), G::entries(place.level), entries) {
        0 => Err(MapError::Occupied),
        count => Ok(count),
    }
}

/// Gives the table of a place. Adds tables that are missing on the way.
fn table_for<G: Geometry>(
    tables: &mut impl Tables,
    Place { root, address, level }: Place,
    new_table: &mut impl FnMut() -> Option<Frame>,
    change: &mut Root,
) -> Result<Frame, MapError> {
    let mut table = root;
    // Half-open, here and in `find`: an inclusive range's iterator isn't inlined where code is to be small.
    for below in (level..G::LEVELS).rev() {
        let above = below + 1;
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
                    *change = Root::Changed;
                }
                new
            }
        };
    }
    Ok(table)
}

/// Finds the entry that maps a page, and the table and index where it stands.
pub fn find<G: Geometry>(tables: &impl Tables, root: Frame, address: usize) -> Option<(Entry, Frame, usize)> {
    let mut table = root;
    for below in (0..G::LEVELS).rev() {
        let level = below + 1;
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

/// Unmaps a small page; returns its entry, if there was one.
pub fn unmap<G: Geometry>(tables: &mut impl Tables, root: Frame, address: usize) -> Option<Entry> {
    let (entry, table, index) = find::<G>(tables, root, address)?;
    if entry.flags().contains(Flags::LARGE) {
        return None;
    }
    tables.write(table, index, Entry::EMPTY);
    Some(entry)
}

/// Unmaps small pages of consecutive addresses, and calls `each` for those that were mapped. Walks the tables for the
/// first page, and for the first one of each further table.
pub fn unmap_run<G: Geometry>(
    tables: &mut impl Tables,
    root: Frame,
    addresses: impl Iterator<Item = usize>,
    each: &mut impl FnMut(usize),
) {
    let mut known = None;
    for address in addresses {
        let index = G::index(1, address);
        let table = match known {
            Some(table) if index != 0 => table,
            _ => match find::<G>(tables, root, address) {
                Some((entry, table, _)) if !entry.flags().contains(Flags::LARGE) => table,
                _ => {
                    known = None;
                    continue;
                }
            },
        };
        known = Some(table);
        if tables.read(table, index) != Entry::EMPTY {
            tables.write(table, index, Entry::EMPTY);
            each(address);
        }
    }
}

/// Gives one table of a user half without mappings back, if it is the next; else looks for the next, at `looks` entries
/// at most.
///
/// Returns the address to go on from; nothing once all tables are given back, the root as the last.
pub fn release<G: Geometry>(
    tables: &mut impl Tables,
    root: Frame,
    from: usize,
    looks: usize,
    give_back: &mut impl FnMut(Frame),
) -> Option<usize> {
    let (mut table, mut level) = (root, G::LEVELS);
    // The entry that names the table, and where that entry is.
    let mut above = None;
    loop {
        let first = G::index(level, from);
        let end = if level == G::LEVELS { G::USER_ROOT_ENTRIES } else { G::entries(level) };
        let stop = end.min(first + looks.max(2));
        let Some(index) = tables.next_used(table, first..stop) else {
            if stop < end || stop > first + 1 {
                // This call has searched. At the table's end, the next call looks at the last entry alone, and gives
                // the table back.
                return Some(address_of_entry::<G>(level, from, stop.min(end - 1)));
            }
            let Some((parent, index)) = above else {
                give_back(root);
                return None;
            };
            // Nothing is below the table any more. The walk goes on at the table's own entry, empty now: the table
            // above may be next.
            tables.write(parent, index, Entry::EMPTY);
            give_back(table);
            return Some(address_of_entry::<G>(level + 1, from, index));
        };
        if index != first {
            return Some(address_of_entry::<G>(level, from, index));
        }
        let next = tables.read(table, index).frame()?;
        if level == 2 {
            // A table of pages has nothing below it.
            tables.write(table, index, Entry::EMPTY);
            give_back(next);
            return Some(from);
        }
        above = Some((table, index));
        (table, level) = (next, level - 1);
    }
}

/// Gives the first address of an entry in the table of `level` on the way to an address.
fn address_of_entry<G: Geometry>(level: u32, address: usize, index: usize) -> usize {
    let table = address >> G::shift(level) & !(G::entries(level) - 1);
    (table | index) << G::shift(level)
}

#[cfg(test)]
#[path = "walk_tests.rs"]
mod tests;
