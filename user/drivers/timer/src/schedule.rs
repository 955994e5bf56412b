//! Many deadlines on one timer, in order.

use alloc::collections::BTreeMap;
use bellwire::Delivery;

/// The most entries of all clients, so that the service's handle table suffices: each entry has a handle.
pub const LARGEST: usize = 52;

/// The schedule has [`LARGEST`] entries already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// Entries that are due at some time, the earliest first. Entries of one time are in the order in which they came.
#[derive(Debug)]
pub struct Schedule<T> {
    entries: BTreeMap<(u64, u32), T>,
    last_number: u32,
}

impl<T> Default for Schedule<T> {
    fn default() -> Self {
        Self { entries: BTreeMap::new(), last_number: 0 }
    }
}

impl<T> Schedule<T> {
    /// Adds an entry, which gets a number of its own, and returns that number.
    pub fn add(&mut self, due: u64, make: impl FnOnce(u32) -> T) -> Result<u32, Full> {
        if !self.has_room() {
            return Err(Full);
        }
        loop {
            self.last_number = self.last_number.wrapping_add(1);
            if self.entries.keys().all(|(_, number)| *number != self.last_number) {
                break;
            }
        }
        self.entries.insert((due, self.last_number), make(self.last_number));
        Ok(self.last_number)
    }

    /// Adds an entry as [`Schedule::add`] does, and has `tell` give its number to the client. An entry of which the
    /// client doesn't learn is taken out again: the notice of the client's end may be older than the entry.
    pub fn add_told(&mut self, due: u64, entry: T, tell: impl FnOnce(u32) -> Delivery) -> Result<(), Full> {
        let number = self.add(due, |_| entry)?;
        if tell(number) == Delivery::CallerGone {
            drop(self.take(number, |_| true));
        }
        Ok(())
    }

    /// Puts an entry back that was due, under its old number.
    pub fn put_back(&mut self, due: u64, number: u32, what: T) {
        self.entries.insert((due, number), what);
    }

    /// Takes the first entry that is due by `now`, with its deadline and number.
    pub fn take_due(&mut self, now: u64) -> Option<(u64, u32, T)> {
        let first = self.entries.first_entry()?;
        let (due, number) = *first.key();
        (due <= now).then(|| (due, number, first.remove()))
    }

    /// Takes the entry of a number out, if there is one and it passes the test.
    pub fn take(&mut self, number: u32, test: impl FnOnce(&T) -> bool) -> Option<T> {
        let (key, what) = self.entries.iter().find(|((_, other), _)| *other == number)?;
        let key = *key;
        if test(what) { self.entries.remove(&key) } else { None }
    }

    /// Takes out all entries that pass a test.
    pub fn remove(&mut self, test: impl Fn(&T) -> bool) {
        self.entries.retain(|_, what| !test(what));
    }

    /// Returns all entries, the one that is due first.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.entries.values()
    }

    /// Returns whether there is room for a further entry.
    pub fn has_room(&self) -> bool {
        self.entries.len() < LARGEST
    }

    /// Returns when the next entry is due.
    pub fn next_due(&self) -> Option<u64> {
        self.entries.keys().next().map(|(due, _)| *due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn due(schedule: &mut Schedule<char>, now: u64) -> Vec<char> {
        core::iter::from_fn(|| schedule.take_due(now)).map(|(_, _, what)| what).collect()
    }

    #[test]
    fn things_come_out_when_due_and_in_order() {
        let mut schedule = Schedule::default();
        for (time, what) in [(30, 'c'), (10, 'a'), (30, 'd'), (20, 'b'), (40, 'e')] {
            schedule.add(time, |_| what).unwrap();
        }
        assert_eq!(schedule.next_due(), Some(10));
        assert_eq!(due(&mut schedule, 9), []);
        assert_eq!(due(&mut schedule, 30), ['a', 'b', 'c', 'd']);
        assert_eq!(schedule.next_due(), Some(40));
    }

    #[test]
    fn what_is_put_back_keeps_its_number() {
        let mut schedule = Schedule::default();
        let number = schedule.add(1, |_| 'x').unwrap();
        let (due, same, what) = schedule.take_due(1).unwrap();
        schedule.put_back(due + 5, same, what);
        assert_eq!(schedule.take(number, |_| true), Some('x'));
        assert_eq!(schedule.next_due(), None);
    }

    #[test]
    fn what_is_not_mine_stays() {
        let mut schedule = Schedule::default();
        let number = schedule.add(1, |_| 'x').unwrap();
        assert_eq!(schedule.take(number, |what| *what == 'y'), None);
        assert_eq!(schedule.iter().count(), 1);
        schedule.remove(|what| *what == 'y');
        assert_eq!(schedule.iter().count(), 1);
        schedule.remove(|what| *what == 'x');
        assert_eq!(schedule.next_due(), None);
    }

    #[test]
    fn a_client_that_ends_before_it_is_told_leaves_nothing() {
        let mut schedule = Schedule::default();
        schedule.add_told(1, 'x', |_| Delivery::Delivered).unwrap();
        schedule.add_told(1, 'y', |_| Delivery::CallerGone).unwrap();
        assert_eq!(due(&mut schedule, 1), ['x']);
    }

    #[test]
    fn the_number_of_entries_is_bounded() {
        let mut schedule = Schedule::default();
        for time in 0..LARGEST as u64 {
            schedule.add(time, |_| ()).unwrap();
        }
        assert_eq!(schedule.add(0, |_| ()), Err(Full));
    }
}
