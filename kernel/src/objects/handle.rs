//! Handles: which objects a process may name, and what it may do with them.
//!
//! All handles of all processes stand in one array; a process owns an aligned run of it whose length is a power of two.
//! A lookup compares the value (index and generation in one) and the rights (a bit stands for a type and a right). The
//! index needs no check of its own, since its 16 bits can't leave the array.

use crate::tables::sizes::HANDLES;
use crate::tables::{Link, Name};
use abi::{Error, NotifyMask, ObjectKind, Rights};

mod blocks;
#[cfg(test)]
mod checks;

pub use blocks::TableSize;

use blocks::Blocks;

/// An entry of the handle table.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Handle {
    /// Generation and index within the run. A free entry keeps its last value and allows nothing. Generations wrap from
    /// their maximum to 1: a stale value can only be presented by the process that held it, so that a mistake stays its
    /// own, while entries that wear out would end a process that runs for years.
    value: u32,
    /// What it allows; empty while free.
    can: u32,
    /// What it names; nothing while free.
    object: Name,
    /// The badge of messages sent through it; of a free entry, the next free one plus one.
    badge: u16,
    /// Of what kind it is; of a free entry, of none.
    kind: ObjectKind,
    /// The bits of an endpoint's notify word that it may set.
    mask: NotifyMask,
}

const _: () = assert!(size_of::<Handle>() == 16, "an entry's place is found by a shift");

/// Which entries are a process's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HandleRun {
    /// Its first entry.
    first: u16,
    /// Its length less one.
    mask: u16,
}

impl HandleRun {
    /// No process's.
    pub const NONE: Self = Self { first: 0, mask: 0 };

    /// The entry where a value's handle stands, if it is one.
    #[inline(always)]
    const fn place(self, value: u32) -> usize {
        (value as u16 & self.mask | self.first) as usize
    }
}

/// A process's part of the table, and which of its entries are free.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// The first entry.
    first: u32,
    /// The number of entries less one.
    mask: u32,
    /// The first free entry that was used before, plus one.
    free: u32,
    /// How many entries were ever used.
    fresh: u32,
}

impl Table {
    /// Of a process that has none yet.
    pub const NONE: Self = Self { first: 0, mask: 0, free: 0, fresh: 0 };

    /// Which entries these are.
    pub const fn handle_run(&self) -> HandleRun {
        HandleRun { first: self.first as u16, mask: self.mask as u16 }
    }

    /// How many entries these are.
    pub const fn entries(&self) -> usize {
        self.mask as usize + 1
    }

    /// Whether there is room for one more handle.
    pub const fn has_room(&self) -> bool {
        self.free != 0 || self.fresh <= self.mask
    }
}

/// What a handle says, apart from its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// What it names.
    pub object: Name,
    /// Of what kind that is.
    pub kind: ObjectKind,
    /// What it allows.
    pub rights: Rights,
    /// The badge of messages sent through it.
    pub badge: u16,
    /// The bits of an endpoint's notify word that it may set.
    pub mask: NotifyMask,
}

impl Grant {
    /// What the first handle to an object says, apart from its badge.
    pub const fn new(object: Name, kind: ObjectKind, rights: Rights) -> Self {
        Self { object, kind, rights, badge: 0, mask: NotifyMask::ALL }
    }

    /// The entry that it named when the handle was made; check it against the table that it is in.
    pub const fn link(&self) -> Link {
        self.object.link()
    }

    /// What a copy of the handle says: these rights at most, the badge if the handle has the right to choose one, and
    /// not these bits of the notify word.
    pub fn restricted(self, rights: Rights, badge: u16, without: u32) -> Self {
        let badge = if self.rights.contains(Rights::BIND) { badge } else { self.badge };
        let copy = self.passed_on();
        Self { rights: copy.rights & rights, badge, mask: self.mask.without(without), ..copy }
    }

    /// What a copy says that is as the handle is, as far as this may be passed on.
    pub fn passed_on(self) -> Self {
        let kept = if self.rights.contains(Rights::DESTROY) { Rights::empty() } else { Rights::OF_OWNER };
        Self { rights: self.rights - kept, ..self }
    }
}

const FREE: Handle =
    Handle { value: 0, can: 0, object: Name::NONE, badge: 0, kind: ObjectKind::None, mask: NotifyMask::NONE };

/// The handles of all processes.
pub struct Handles {
    entries: [Handle; HANDLES],
    blocks: Blocks,
    used: u32,
}

impl Handles {
    /// No process has any.
    pub const EMPTY: Self = Self { entries: [FREE; HANDLES], blocks: Blocks::EMPTY, used: 0 };

    /// How many are in use.
    pub const fn used(&self) -> usize {
        self.used as usize
    }

    /// Sets a table aside.
    pub fn take_table(&mut self, size: TableSize) -> Option<Table> {
        let run = self.blocks.take(size)?;
        Some(Table { first: run.start as u32, mask: run.len() as u32 - 1, ..Table::NONE })
    }

    /// Whether a table of the common size is free.
    pub fn has_table(&self) -> bool {
        self.blocks.has_one()
    }

    /// Gives a table back; its entries keep their generations, so that old values stay stale.
    pub fn give_back_table(&mut self, table: Table) {
        self.blocks.give_back(table.first as usize..table.first as usize + table.entries());
    }

    /// What a handle says that has the rights, of which there is at least one.
    #[inline(always)]
    pub fn look_up(&self, run: HandleRun, value: u32, needs: Rights) -> Option<Grant> {
        match self.entries.get(run.place(value)) {
            Some(entry) if entry.value == value && entry.can & needs.bits() == needs.bits() => Some(entry.grant()),
            _ => None,
        }
    }

    /// What a handle says, with the rights checked; `needs` may be empty.
    #[inline(always)]
    pub fn find(&self, run: HandleRun, value: u32, needs: Rights) -> Result<Grant, Error> {
        match self.look_up(run, value, needs) {
            Some(grant) if grant.kind != ObjectKind::None => Ok(grant),
            _ => Err(self.why_not(run, value, needs)),
        }
    }

    #[cold]
    fn why_not(&self, run: HandleRun, value: u32, needs: Rights) -> Error {
        match self.entries.get(run.place(value)) {
            Some(entry) if entry.value == value && entry.kind != ObjectKind::None => {
                if Rights::all_of(entry.kind).contains(needs) { Error::MissingRight } else { Error::WrongType }
            }
            _ => Error::BadHandle,
        }
    }

    /// Installs a handle and returns its value.
    pub fn install(&mut self, table: &mut Table, grant: Grant) -> Result<u32, Error> {
        let index = match table.free {
            0 if table.fresh > table.mask => return Err(Error::NoHandleSlot),
            0 => {
                table.fresh += 1;
                table.fresh - 1
            }
            link => {
                let next = self.entries.get((table.first + link - 1) as usize).map_or(0, |entry| entry.badge);
                table.free = next as u32;
                link - 1
            }
        };
        let Some(entry) = self.entries.get_mut((table.first + index) as usize) else {
            return Err(Error::NoHandleSlot);
        };
        let generation = ((entry.value >> 16) as u16).checked_add(1).unwrap_or(1);
        *entry = Handle {
            value: (generation as u32) << 16 | index,
            can: grant.rights.bits(),
            object: grant.object,
            badge: grant.badge,
            kind: grant.kind,
            mask: grant.mask,
        };
        self.used += 1;
        Ok(entry.value)
    }

    /// Forgets a handle.
    pub fn close(&mut self, table: &mut Table, value: u32) {
        let index = value & table.mask;
        let Some(entry) = self.entries.get_mut((index | table.first) as usize) else { return };
        if entry.value != value || entry.kind == ObjectKind::None {
            return;
        }
        self.used -= 1;
        *entry = Handle { value, badge: table.free as u16, ..FREE };
        table.free = index + 1;
    }

    /// What the handle in an entry of the whole array names; of no kind if there is none.
    pub fn object_at(&self, place: usize) -> (ObjectKind, Name) {
        self.entries.get(place).map_or((ObjectKind::None, Name::NONE), |entry| (entry.kind, entry.object))
    }

    /// Forgets what the handle in an entry of the whole array names, which has gone.
    pub fn forget_object(&mut self, place: usize) {
        if let Some(entry) = self.entries.get_mut(place) {
            entry.object = Name::GONE;
        }
    }

    /// Closes the handle at a position of a table that is to be given back, if there is one.
    pub fn clear(&mut self, table: &Table, position: usize) {
        let Some(entry) = self.entries.get_mut(table.first as usize + position) else { return };
        if entry.kind != ObjectKind::None {
            self.used -= 1;
        }
        *entry = Handle { value: entry.value, ..FREE };
    }
}

impl Handle {
    #[inline(always)]
    const fn grant(&self) -> Grant {
        let Self { object, kind, badge, mask, .. } = *self;
        Grant { object, kind, rights: Rights::from_bits_truncate(self.can), badge, mask }
    }
}
