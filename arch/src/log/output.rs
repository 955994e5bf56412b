//! The log's way from its ring to the serial line.
//!
//! The ring has every byte, and the output knows the first one that the chip hasn't got. While the kernel boots, and
//! when it has crashed, it waits for the chip, since nobody else can run. While programs run, it never waits: a look
//! gives the chip what that takes at once. The kernel looks at each write to the log, and at the alarm that
//! [`Output::next_send`] asks for.

use crate::log::mark::Mark;
use crate::log::ring::Ring;
use crate::log::serial::{Chip, SerialPort};

/// The time in which a chip at 115200 baud sends a full buffer: 16 bytes of ten bits take 1,389 microseconds.
const BUFFER_MICROSECONDS: u32 = 1_500;
/// The most doublings of the wait for a chip that takes nothing: 1.5 ms become 192 ms.
const MOST_DOUBLINGS: u8 = 7;
/// The bytes that one look gives the chip at most, however many it takes: interrupts are off meanwhile.
const MOST_AT_ONCE: u32 = 12;

/// Whether the kernel may wait for the chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// It waits, for a bounded time.
    Waits,
    /// It gives the chip what that takes at once.
    AtOnce,
}

/// The way to one chip.
#[derive(Debug)]
pub struct Output<C> {
    port: SerialPort<C>,
    pace: Pace,
    /// The position of the first byte that the chip hasn't got.
    next: u32,
    /// Whether the chip has the carriage return that goes before a line feed at `next`.
    returned: bool,
    /// The latest consecutive looks at which the chip took nothing.
    vain_sends: u8,
    /// What the chip gets before the bytes at `next`.
    mark: Mark,
}

impl<C: Chip> Output<C> {
    /// Makes an output that begins at a position of the ring, and waits.
    pub const fn new(port: SerialPort<C>, next: u32) -> Self {
        Self { port, pace: Pace::Waits, next, returned: false, vain_sends: 0, mark: Mark::NONE }
    }

    /// Gives the output another port: for a crash record, behind which the bytes that still wait are sent too.
    pub fn with_port(self, port: SerialPort<C>) -> Self {
        Self { port, pace: Pace::Waits, ..self }
    }

    /// Sets whether later looks wait.
    pub const fn set_pace(&mut self, pace: Pace) {
        self.pace = pace;
    }

    /// Gives the chip what the ring has, as the pace allows. A byte that was waited for in vain is given up. Where the
    /// ring has overwritten bytes before the chip got them, the line gets a mark.
    #[optimize(speed)]
    pub fn send<const BYTES: usize>(&mut self, ring: &Ring<BYTES>) {
        let mut given = 0;
        let most = match self.pace {
            Pace::Waits => u32::MAX,
            Pace::AtOnce => MOST_AT_ONCE,
        };
        'send: loop {
            if !self.give_mark(&mut given) {
                break;
            }
            let mut bytes = [0; 16];
            let (end, count) = ring.read(self.next, &mut bytes);
            let lost = end.wrapping_sub(count as u32).wrapping_sub(self.next);
            if lost != 0 {
                self.next = self.next.wrapping_add(lost);
                self.returned = false;
                self.mark = Mark::new(lost);
                continue;
            }
            let Some(bytes) = bytes.get(..count).filter(|bytes| !bytes.is_empty()) else { break };
            let mut position = end.wrapping_sub(count as u32);
            for &byte in bytes {
                // Most bytes need no look at the chip.
                if byte != b'\n' && given < most && self.port.known_room() != 0 {
                    given += 1;
                    self.port.send(byte);
                } else if !self.give(byte, &mut given) {
                    break 'send;
                }
                position = position.wrapping_add(1);
                self.next = position;
            }
            if given >= most {
                break;
            }
        }
        self.vain_sends = match given {
            0 if self.waiting(ring) != 0 => self.vain_sends.saturating_add(1),
            _ => 0,
        };
    }

    /// Gives the number of bytes that the chip hasn't got.
    pub fn waiting<const BYTES: usize>(&self, ring: &Ring<BYTES>) -> usize {
        (ring.position().wrapping_sub(self.next) as usize).min(BYTES) + self.mark.left()
    }

    /// Gives the microseconds until another look is worth it, if bytes wait.
    pub fn next_send<const BYTES: usize>(&self, ring: &Ring<BYTES>) -> Option<u32> {
        (self.waiting(ring) != 0).then(|| BUFFER_MICROSECONDS << self.vain_sends.min(MOST_DOUBLINGS))
    }

    /// Waits until the chip has sent what it has.
    pub fn finish(&mut self) {
        self.port.finish();
    }

    /// Gives the chip the mark, if there is one. Tells whether it has all of it.
    fn give_mark(&mut self, given: &mut u32) -> bool {
        while let Some(byte) = self.mark.first() {
            if !self.give(byte, given) {
                return false;
            }
            self.mark.advance();
        }
        true
    }

    /// Gives the chip a byte of the log; a line feed also returns the carriage, as terminals want it. Tells whether the
    /// output goes on to the next byte.
    #[inline(never)]
    fn give(&mut self, byte: u8, given: &mut u32) -> bool {
        if byte == b'\n' && !self.returned {
            self.returned = self.give_raw(b'\r', given);
            if !self.returned {
                return false;
            }
        }
        let goes_on = self.give_raw(byte, given);
        if goes_on {
            self.returned = false;
        }
        goes_on
    }

    fn give_raw(&mut self, byte: u8, given: &mut u32) -> bool {
        let has_room = match self.pace {
            Pace::Waits => self.port.wait_for_room(),
            Pace::AtOnce => *given < MOST_AT_ONCE && self.port.has_room(),
        };
        if has_room {
            *given += 1;
            self.port.send(byte);
        }
        has_room || self.pace == Pace::Waits
    }
}

#[cfg(test)]
mod tests;
