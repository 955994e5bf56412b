//! The deadlines that are set, earliest first.
//!
//! A heap in a table of fixed size, with each owner's place in it. Setting, moving and clearing a deadline take at most
//! one step for each of its seven levels, since four items stand below each item. A timing wheel was rejected: its
//! cascades have a longer worst case, and the heap's order is exact.

use crate::machine::Time;
use crate::tables::Link;
use crate::tables::sizes::{INTERRUPTS, PROCESSES, THREADS, TIMERS};

#[cfg(test)]
mod checks;

const OWNERS: usize = THREADS + TIMERS + PROCESSES + INTERRUPTS;

/// How many items stand below each.
const BRANCHES: usize = 4;

const _: () = assert!(OWNERS <= (BRANCHES.pow(7) - 1) / (BRANCHES - 1), "the heap has more than seven levels");

/// Whose deadline it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeadlineOf {
    /// A thread's, in a receive or call.
    Thread(Link),
    /// A timer's.
    Timer(Link),
    /// A process's: its end goes on in slices, or its share of the CPU is used up and will be paid for.
    Process(Link),
    /// A source's, which is off until then.
    Source(Link),
}

impl DeadlineOf {
    const fn number(self) -> usize {
        match self {
            Self::Thread(link) => link.index(),
            Self::Timer(link) => THREADS.wrapping_add(link.index()),
            Self::Process(link) => (THREADS + TIMERS).wrapping_add(link.index()),
            Self::Source(link) => (THREADS + TIMERS + PROCESSES).wrapping_add(link.index()),
        }
    }

    const fn from_number(number: usize) -> Self {
        if number < THREADS {
            Self::Thread(Link::new(number))
        } else if number < THREADS + TIMERS {
            Self::Timer(Link::new(number - THREADS))
        } else if number < THREADS + TIMERS + PROCESSES {
            Self::Process(Link::new(number - THREADS - TIMERS))
        } else {
            Self::Source(Link::new(number - THREADS - TIMERS - PROCESSES))
        }
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
    pub fn first(&self) -> Option<(Time, DeadlineOf)> {
        if self.count == 0 {
            return None;
        }
        self.items.first().map(|item| (item.time, DeadlineOf::from_number(item.owner as usize)))
    }

    /// Whether this owner has one.
    pub fn is_set(&self, owner: DeadlineOf) -> bool {
        self.places.get(owner.number()).is_some_and(|place| *place != 0)
    }

    /// Sets an owner's deadline, in place of the one it had.
    pub fn set(&mut self, owner: DeadlineOf, time: Time) {
        let Some(place) = self.places.get(owner.number()).map(|place| *place as usize) else { return };
        let item = Item { time, owner: owner.number() as u32 };
        match place.checked_sub(1) {
            Some(hole) => self.fill(hole, item),
            // There are as many places as owners.
            None => {
                let hole = self.count as usize;
                self.count += 1;
                self.rise(hole, item);
            }
        }
    }

    /// Clears an owner's deadline, if it has one. Returns whether it had.
    #[inline(always)]
    pub fn clear(&mut self, owner: DeadlineOf) -> bool {
        match self.places.get_mut(owner.number()) {
            Some(place) if *place != 0 => {
                let hole = core::mem::replace(place, 0) as usize - 1;
                self.close(hole);
                true
            }
            _ => false,
        }
    }

    /// Fills the hole that a removed item left with the last item, and moves that to where it belongs.
    fn close(&mut self, hole: usize) {
        self.count = self.count.saturating_sub(1);
        let last = self.count as usize;
        if hole >= last {
            return;
        }
        let Some(item) = self.items.get(last).copied() else { return };
        self.fill(hole, item);
    }

    /// Puts an item into a hole, or to where it belongs above or below.
    fn fill(&mut self, hole: usize, item: Item) {
        let above = hole.checked_sub(1).and_then(|below| self.items.get(below / BRANCHES));
        if above.is_some_and(|above| item.time < above.time) { self.rise(hole, item) } else { self.sink(hole, item) }
    }

    /// Puts an item into a hole or above it, and moves later items down.
    fn rise(&mut self, mut hole: usize, item: Item) {
        while let Some(below) = hole.checked_sub(1) {
            let place = below / BRANCHES;
            match self.items.get(place) {
                Some(above) if above.time > item.time => self.put(hole, *above),
                _ => break,
            }
            hole = place;
        }
        self.put(hole, item);
    }

    /// Puts an item into a hole or below it, and moves earlier items up.
    fn sink(&mut self, mut hole: usize, item: Item) {
        loop {
            let first = BRANCHES * hole + 1;
            let end = (self.count as usize).min(first + BRANCHES);
            let Some(below) = self.items.get(first..end) else { break };
            let (mut place, mut earliest) = (0, item);
            for (branch, other) in below.iter().enumerate() {
                if other.time < earliest.time {
                    (place, earliest) = (first + branch, *other);
                }
            }
            if place == 0 {
                break;
            }
            self.put(hole, earliest);
            hole = place;
        }
        self.put(hole, item);
    }

    fn put(&mut self, place: usize, item: Item) {
        if let Some(slot) = self.items.get_mut(place) {
            *slot = item;
        }
        if let Some(noted) = self.places.get_mut(item.owner as usize) {
            *noted = place as u16 + 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::boxed::Box;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn the_earliest_is_first_however_deadlines_move(
            steps in prop::collection::vec((0..30usize, prop::option::weighted(0.8, 0u64..1_000)), 1..200),
        ) {
            let mut deadlines = Box::new(Deadlines::EMPTY);
            let mut expected = BTreeMap::new();
            for (number, time) in steps {
                let owner = DeadlineOf::from_number(number);
                match time {
                    Some(time) => {
                        deadlines.set(owner, Time(time));
                        expected.insert(number, time);
                    }
                    None => prop_assert_eq!(deadlines.clear(owner), expected.remove(&number).is_some()),
                }
                let first = deadlines.first().map(|(time, _)| time.0);
                prop_assert_eq!(first, expected.values().min().copied());
            }
        }
    }
}
