//! Tables of a fixed size whose entries never move.
//!
//! A lookup is a bounds check that never panics. Everything starts as zeros, so that megabytes of tables take no room
//! in the image and no time at boot.

#[cfg(test)]
mod checks;

use super::{Link, Name, sizes::GENERATIONS};

pub(super) struct Slot<T> {
    pub(super) value: T,
    /// The entry's present name; none while the slot is free.
    name: Name,
    /// The generation that the slot had last. It wraps from [`GENERATIONS`] to 1: see `sweep.rs`.
    generation: u16,
    next_free: u16,
}

/// What a table holds: something with an all-zero state for slots that aren't in use.
pub trait Entry: Sized {
    /// The state of a free slot.
    const EMPTY: Self;

    /// Makes the entry what a free slot holds. Fields that nothing reads in a free slot may keep their values, since a
    /// slot that is taken anew is written as a whole.
    fn clear(&mut self) {
        *self = Self::EMPTY;
    }
}

/// A table of at most `N` entries.
pub struct Arena<T, const N: usize> {
    slots: [Slot<T>; N],
    /// The first free slot that was used before, plus one.
    free: u16,
    /// How many slots were ever used.
    fresh: u16,
    used: u16,
}

impl<T: Entry, const N: usize> Arena<T, N> {
    /// An empty table.
    pub const EMPTY: Self = Self {
        slots: [const { Slot { value: T::EMPTY, name: Name::NONE, generation: 0, next_free: 0 } }; N],
        free: 0,
        fresh: 0,
        used: 0,
    };

    /// Takes a slot for `value`; nothing if the table is full. Inlined, so that the value is built in its slot.
    #[inline(always)]
    pub fn insert(&mut self, value: T) -> Option<Name> {
        let index = match self.free {
            0 => {
                let index = self.fresh as usize;
                if index >= N || index > u16::MAX as usize - 1 {
                    return None;
                }
                self.fresh += 1;
                index
            }
            link => {
                let index = link as usize - 1;
                self.free = self.slots.get(index)?.next_free;
                index
            }
        };
        let slot = self.slots.get_mut(index)?;
        slot.generation = if slot.generation < GENERATIONS { slot.generation + 1 } else { 1 };
        slot.name = Name::new(index, slot.generation);
        slot.value = value;
        self.used += 1;
        Some(slot.name)
    }

    /// Frees a slot whose name has no copy left. The next entry gets the same name, so that objects that come and go
    /// with every message use up no generations.
    pub fn recycle(&mut self, link: Link) {
        if let Some(slot) = self.slots.get_mut(link.index()).filter(|slot| slot.name != Name::NONE) {
            slot.generation -= 1;
            self.remove(link);
        }
    }

    /// Frees a slot; names of its entry are stale from now on.
    pub fn remove(&mut self, link: Link) {
        let Some(slot) = self.slots.get_mut(link.index()) else { return };
        if slot.name == Name::NONE {
            return;
        }
        slot.name = Name::NONE;
        slot.value.clear();
        self.used -= 1;
        slot.next_free = self.free;
        self.free = link.word() as u16;
    }
}

impl<T, const N: usize> Arena<T, N> {
    /// The entry of a link. (The slice's `get` isn't inlined where code is optimised for size.)
    #[inline(always)]
    pub fn at(&self, link: Link) -> Option<&T> {
        let index = link.index();
        if index < N { Some(&self.slots[index].value) } else { None }
    }

    /// The entry of a link, to change.
    #[inline(always)]
    pub fn at_mut(&mut self, link: Link) -> Option<&mut T> {
        self.slots.get_mut(link.index()).map(|slot| &mut slot.value)
    }

    /// The entry of a name that may be stale.
    #[inline(always)]
    pub fn get(&self, name: Name) -> Option<&T> {
        match self.slots.get(name.link().index()) {
            Some(slot) if slot.name == name => Some(&slot.value),
            _ => None,
        }
    }

    /// The entry of a name that may be stale, to change.
    #[inline(always)]
    pub fn get_mut(&mut self, name: Name) -> Option<&mut T> {
        match self.slots.get_mut(name.link().index()) {
            Some(slot) if slot.name == name => Some(&mut slot.value),
            _ => None,
        }
    }

    /// The present name of an entry.
    #[inline(always)]
    pub fn name(&self, link: Link) -> Name {
        self.slots.get(link.index()).map_or(Name::NONE, |slot| slot.name)
    }

    /// The link behind a name, if it isn't stale.
    pub fn resolve(&self, name: Name) -> Option<Link> {
        self.get(name).map(|_| name.link())
    }

    /// The entry of a link whose slot is in use.
    pub fn live(&self, link: Link) -> Option<&T> {
        self.get(self.name(link)).filter(|_| self.name(link) != Name::NONE)
    }

    /// How many slots are in use.
    pub fn used(&self) -> usize {
        self.used as usize
    }

    /// Whether there is no slot for a further entry.
    pub const fn is_full(&self) -> bool {
        self.free == 0 && (self.fresh as usize >= N || self.fresh == u16::MAX)
    }

    /// How many slots there are.
    pub const fn capacity(&self) -> usize {
        N
    }

    /// The number of slots that were ever in use: an upper bound for walks.
    pub fn extent(&self) -> usize {
        self.fresh as usize
    }
}
