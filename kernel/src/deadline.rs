//! The deadlines that are set, earliest first.
//!
//! A binary heap in a table of fixed size, with each owner's place in it, so that setting, moving and clearing a
//! deadline take a dozen steps at the most. Not a timing wheel: a wheel needs cascades or rounds, whose worst case
//! is longer, and the heap's order is exact.

use crate::arena::Link;
use crate::machine::Time;
use crate::sizes::{THREADS, TIMERS};

#[cfg(test)]
mod checks;

const OWNERS: usize = THREADS + TIMERS;

/// Whose deadline it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A thread's, in a receive or call.
    Thread(Link),
    /// A timer's.
    Timer(Link),
}

impl Owner {
    const fn number(self) -> usize {
        match self {
            Self::Thread(link) => link.index(),
            Self::Timer(link) => THREADS.wrapping_add(link.index()),
        }
    }

    const fn from_number(number: usize) -> Self {
        if number < THREADS { Self::Thread(Link::new(number)) } else { Self::Timer(Link::new(number - THREADS)) }
    }
}

#[derive(Clone, Copy)]
struct Item {
    time: Time,
    owner: u32,
}

/// The set of deadlines, at most one an owner.
pub struct Deadlines {
    items: [Item; OWNERS],
    count: u32,
    /// Each owner's place plus one; 0 while it has no deadline.
    places: [u16; OWNERS],
}

impl Deadlines {
    /// None is set.
    pub const EMPTY: Self = Self { items: [Item { time: Time(0), owner: 0 }; OWNERS], count: 0, places: [0; OWNERS] };

    /// The earliest deadline.
    #[inline(always)]
    pub fn first(&self) -> Option<(Time, Owner)> {
        if self.count == 0 {
            return None;
        }
        self.items.first().map(|item| (item.time, Owner::from_number(item.owner as usize)))
    }

    /// How many are set.
    pub const fn count(&self) -> usize {
        self.count as usize
    }

    /// Whether this owner has one.
    pub fn is_set(&self, owner: Owner) -> bool {
        self.places.get(owner.number()).is_some_and(|place| *place != 0)
    }

    /// Sets an owner's deadline, in place of the one it had.
    pub fn set(&mut self, owner: Owner, time: Time) {
        self.clear(owner);
        let place = self.count as usize;
        let Some(item) = self.items.get_mut(place) else { return };
        *item = Item { time, owner: owner.number() as u32 };
        self.count += 1;
        self.note(place);
        self.rise(place);
    }

    /// Clears an owner's deadline, if it has one. Returns whether it had.
    pub fn clear(&mut self, owner: Owner) -> bool {
        let Some(place) = self.places.get_mut(owner.number()) else { return false };
        if *place == 0 {
            return false;
        }
        let hole = *place as usize - 1;
        *place = 0;
        self.count -= 1;
        let last = self.count as usize;
        if hole != last {
            self.items.copy_within(last..last + 1, hole);
            self.note(hole);
            self.rise(hole);
            self.sink(hole);
        }
        true
    }

    fn rise(&mut self, mut place: usize) {
        while place > 0 {
            let parent = (place - 1) / 2;
            if !self.is_earlier(place, parent) {
                return;
            }
            self.swap(place, parent);
            place = parent;
        }
    }

    fn sink(&mut self, mut place: usize) {
        loop {
            let mut earliest = place;
            for child in [2 * place + 1, 2 * place + 2] {
                if child < self.count as usize && self.is_earlier(child, earliest) {
                    earliest = child;
                }
            }
            if earliest == place {
                return;
            }
            self.swap(place, earliest);
            place = earliest;
        }
    }

    fn is_earlier(&self, one: usize, other: usize) -> bool {
        match (self.items.get(one), self.items.get(other)) {
            (Some(one), Some(other)) => one.time < other.time,
            _ => false,
        }
    }

    fn swap(&mut self, one: usize, other: usize) {
        if one < OWNERS && other < OWNERS {
            self.items.swap(one, other);
        }
        self.note(one);
        self.note(other);
    }

    fn note(&mut self, place: usize) {
        let Some(item) = self.items.get(place) else { return };
        if let Some(noted) = self.places.get_mut(item.owner as usize) {
            *noted = place as u16 + 1;
        }
    }
}
