//! Output on its way to a driver that may be slow, dead or stuck.

use alloc::collections::VecDeque;
use bellwire::protocol::{CHUNK_BYTES, Chunk};

/// How many bytes wait for the driver. Then writers wait, too.
const ROOM: usize = 512;

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// The driver has taken this many of the bytes.
    Taken(usize),
    /// The driver has died over it. Its successor gets the bytes. Those that the driver had sent by then, before its
    /// answer, are sent twice: [`CHUNK_BYTES`] at most.
    DriverGone,
    /// There is no driver that takes bytes.
    Refused,
}

/// Bytes that are to be sent, in their order. As long as the driver takes some, none is lost, however slow the line is.
#[derive(Debug, Default)]
pub struct Outlet {
    bytes: VecDeque<u8>,
    /// How many of the bytes the driver was given, and hasn't taken yet.
    given: usize,
    driver: Driver,
    /// How many bytes got no room from a driver that is stuck, or were refused.
    lost: usize,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Driver {
    #[default]
    Answers,
    /// The driver answers nothing: nobody waits for it.
    Stuck,
}

impl Outlet {
    /// Returns whether bytes are taken. If not, their writer has to wait.
    pub fn has_room(&self) -> bool {
        self.driver == Driver::Stuck || self.bytes.len() < ROOM
    }

    /// Adds bytes. Those for which a driver that is stuck leaves no room are lost, and counted.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.driver == Driver::Stuck && self.bytes.len() >= ROOM {
            self.lost = self.lost.saturating_add(bytes.len());
        } else {
            self.bytes.extend(bytes);
        }
    }

    /// Returns the bytes to give to the driver now, if there are any and the driver has taken those from before.
    pub fn give(&mut self) -> Option<Chunk> {
        if self.given != 0 || self.bytes.is_empty() {
            return None;
        }
        let chunk: Chunk = self.bytes.iter().copied().take(CHUNK_BYTES).collect();
        self.given = chunk.bytes().len();
        Some(chunk)
    }

    /// Notes what became of the bytes that were given to the driver. A driver takes one at least. If it takes none, all
    /// bytes that wait are lost, and counted. Returns how many were lost so, once bytes are taken again.
    pub fn written(&mut self, outcome: Written) -> Option<usize> {
        let given = core::mem::take(&mut self.given);
        match outcome {
            Written::DriverGone => None,
            Written::Taken(count) if count != 0 => {
                self.bytes.drain(..count.min(given));
                // Of a driver that was given up, `driver_answers` says it.
                if self.driver == Driver::Stuck { None } else { self.take_lost() }
            }
            Written::Taken(_) | Written::Refused => {
                self.lost = self.lost.saturating_add(self.bytes.len());
                self.bytes.clear();
                None
            }
        }
    }

    fn take_lost(&mut self) -> Option<usize> {
        Some(core::mem::take(&mut self.lost)).filter(|lost| *lost != 0)
    }

    /// Has nobody wait for the driver any more. Call this when the driver has answered nothing for a long time.
    pub fn give_up(&mut self) {
        self.driver = Driver::Stuck;
    }

    /// Notes that a driver answers. If the outlet had given it up, or its predecessor, returns how many bytes were lost
    /// meanwhile.
    pub fn driver_answers(&mut self) -> Option<usize> {
        match core::mem::take(&mut self.driver) {
            Driver::Answers => None,
            Driver::Stuck => Some(core::mem::take(&mut self.lost)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn fill(outlet: &mut Outlet) -> usize {
        let mut count = 0;
        while outlet.has_room() {
            outlet.push(&[b'x'; CHUNK_BYTES]);
            count += CHUNK_BYTES;
        }
        count
    }

    #[test]
    fn bytes_keep_their_order_whatever_the_driver_takes_and_whenever_it_dies() {
        let text: Vec<u8> = (0..200).collect();
        let (mut outlet, mut arrived) = (Outlet::default(), Vec::new());
        outlet.push(&text);
        for step in 0.. {
            let Some(chunk) = outlet.give() else { break };
            assert_eq!(outlet.give(), None, "one at a time");
            let taken = (step % (CHUNK_BYTES + 1)).min(chunk.bytes().len());
            if taken == 0 {
                outlet.written(Written::DriverGone);
            } else {
                arrived.extend_from_slice(&chunk.bytes()[..taken]);
                outlet.written(Written::Taken(taken));
            }
        }
        assert_eq!(arrived, text);
    }

    #[test]
    fn a_writer_waits_for_a_slow_driver() {
        let mut outlet = Outlet::default();
        fill(&mut outlet);
        assert!(!outlet.has_room());
        let chunk = outlet.give().unwrap();
        assert!(!outlet.has_room(), "the driver hasn't taken them");
        outlet.written(Written::Taken(chunk.bytes().len()));
        assert!(outlet.has_room());
    }

    #[test]
    fn nobody_waits_for_a_stuck_driver_and_its_successor_gets_what_there_was_room_for() {
        let mut outlet = Outlet::default();
        let kept = fill(&mut outlet);
        outlet.give().unwrap();
        outlet.give_up();
        for _ in 0..1000 {
            assert!(outlet.has_room());
            outlet.push(b"lost");
        }
        outlet.written(Written::DriverGone);
        let mut arrived = 0;
        while let Some(chunk) = outlet.give() {
            assert!(chunk.bytes().iter().all(|byte| *byte == b'x'));
            arrived += chunk.bytes().len();
            outlet.written(Written::Taken(chunk.bytes().len()));
        }
        assert_eq!(arrived, kept);
        assert_eq!(outlet.driver_answers(), Some(4000));
        assert_eq!(outlet.driver_answers(), None, "said once");
    }

    #[test]
    fn what_a_stuck_driver_leaves_room_for_is_kept() {
        let mut outlet = Outlet::default();
        outlet.push(b"ab");
        outlet.give().unwrap();
        outlet.give_up();
        outlet.push(b"cd");
        outlet.written(Written::DriverGone);
        assert_eq!(outlet.give().unwrap().bytes(), b"abcd");
        assert_eq!(outlet.driver_answers(), Some(0));
    }

    #[test]
    fn what_a_driver_refuses_is_counted_and_said_once_bytes_are_taken() {
        let mut outlet = Outlet::default();
        let mut refused = 0;
        for outcome in [Written::Taken(0), Written::Refused] {
            refused += fill(&mut outlet);
            outlet.give().unwrap();
            assert_eq!((outlet.written(outcome), outlet.driver_answers()), (None, None), "it takes none so far");
        }
        outlet.push(b"ab");
        for lost in [Some(refused), None] {
            outlet.give().unwrap();
            assert_eq!(outlet.written(Written::Taken(1)), lost);
        }
    }

    #[test]
    fn what_a_stuck_driver_refuses_is_counted_with_what_had_no_room() {
        let mut outlet = Outlet::default();
        let kept = fill(&mut outlet);
        outlet.give().unwrap();
        outlet.give_up();
        outlet.push(b"lost");
        assert_eq!(outlet.written(Written::Refused), None);
        assert_eq!(outlet.driver_answers(), Some(kept + 4));
    }

    #[test]
    fn a_driver_that_takes_nothing_or_lies_harms_nobody() {
        for outcome in [Written::Taken(0), Written::Refused] {
            let mut outlet = Outlet::default();
            fill(&mut outlet);
            outlet.give().unwrap();
            outlet.written(outcome);
            assert_eq!((outlet.give(), outlet.has_room()), (None, true));
        }
        let mut outlet = Outlet::default();
        outlet.push(&[b'x'; CHUNK_BYTES + 1]);
        outlet.give().unwrap();
        outlet.written(Written::Taken(usize::MAX));
        assert_eq!(outlet.give().unwrap().bytes(), b"x");
    }
}
