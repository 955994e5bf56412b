//! Mouse packets: three bytes, of which the first has bit 3 set, the buttons, and the signs of the two movements.

use crate::record::{Reader, Record};
use bellwire::protocol::{Buttons, MouseState};

const ALWAYS_SET: u8 = 1 << 3;
const X_NEGATIVE: u8 = 1 << 4;
const Y_NEGATIVE: u8 = 1 << 5;
const OVERFLOW: u8 = 0b1100_0000;

/// The bytes that a mouse sends when it is plugged in: its self-test has passed, and it is a mouse of the standard
/// kind. As the head of a packet the first byte would mean that a movement overflowed.
const PLUGGED: [u8; 2] = [0xAA, 0x00];

/// A PS/2 mouse in its standard mode.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mouse {
    packet: [u8; 3],
    filled: usize,
    state: MouseState,
    plugged: Plugged,
    pace: Pace,
}

/// Whether the bytes of the present packet follow each other at once.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Pace {
    #[default]
    Steady,
    /// The mouse rested within the bytes. Only those of a mouse that was plugged in may go on after a rest.
    Rested,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Plugged {
    #[default]
    Served,
    /// The mouse was plugged in, and wasn't told to report yet.
    Anew,
}

impl Mouse {
    /// Takes a byte from the mouse. A byte that can't begin a packet is skipped.
    pub fn feed(&mut self, byte: u8) {
        if self.pace == Pace::Rested {
            self.pace = Pace::Steady;
            if byte != PLUGGED[1] {
                self.forget();
            }
        }
        if self.filled == 0 && byte & ALWAYS_SET == 0 {
            self.forget();
            return;
        }
        self.packet[self.filled] = byte;
        self.filled += 1;
        if self.packet[..self.filled] == PLUGGED {
            self.filled = 0;
            self.state.buttons = Buttons::empty();
            self.plugged = Plugged::Anew;
        } else if self.filled == self.packet.len() {
            self.filled = 0;
            self.apply(self.packet);
        }
    }

    /// Notes that the mouse was silent for longer than within a packet, so that the next byte begins one.
    pub fn rest(&mut self) {
        // A mouse that was just plugged in may rest between its two bytes.
        if self.packet[..self.filled] == PLUGGED[..1] {
            self.pace = Pace::Rested;
        } else if self.filled != 0 {
            self.forget();
        }
    }

    /// Returns whether the next byte can be an answer: the mouse doesn't answer within a packet.
    pub fn is_between_packets(&self) -> bool {
        self.filled == 0 || self.pace == Pace::Rested
    }

    /// Returns whether the mouse was plugged in and must be told to report.
    pub fn is_plugged_anew(&self) -> bool {
        self.plugged == Plugged::Anew
    }

    /// Returns whether the mouse was plugged in since the last call of this, and must be told to report.
    pub fn take_plugged(&mut self) -> bool {
        core::mem::take(&mut self.plugged) == Plugged::Anew
    }

    /// Returns the sum of everything that the mouse has reported.
    pub fn state(&self) -> MouseState {
        self.state
    }

    /// Forgets a packet of which only a part came.
    fn forget(&mut self) {
        self.filled = 0;
        self.state.resyncs = self.state.resyncs.wrapping_add(1);
    }

    /// Adds a packet. A movement that overflowed its nine bits is left out, since its length isn't known.
    fn apply(&mut self, [head, x, y]: [u8; 3]) {
        self.state.packets = self.state.packets.wrapping_add(1);
        self.state.buttons = Buttons::from_bits_truncate(head);
        if head & OVERFLOW == 0 {
            self.state.x = self.state.x.wrapping_add(movement(x, head & X_NEGATIVE));
            self.state.y = self.state.y.wrapping_add(movement(y, head & Y_NEGATIVE));
        }
    }

    /// Writes everything that a successor must know to a record.
    pub fn save(&self, record: &mut Record) {
        let MouseState { packets, x, y, buttons, resyncs } = self.state;
        [packets, x as u32, y as u32, resyncs].into_iter().for_each(|number| record.number(number));
        record.byte(buttons.bits());
        record.byte(self.filled as u8);
        self.packet.into_iter().for_each(|byte| record.byte(byte));
    }

    /// Makes a mouse in the state that a predecessor has recorded.
    pub fn restore(reader: &mut Reader<'_>) -> Option<Self> {
        let [packets, x, y, resyncs] = [reader.number()?, reader.number()?, reader.number()?, reader.number()?];
        let buttons = Buttons::from_bits_truncate(reader.byte()?);
        let filled = usize::from(reader.byte()?);
        let packet = [reader.byte()?, reader.byte()?, reader.byte()?];
        let state = MouseState { packets, x: x as i32, y: y as i32, buttons, resyncs };
        (filled < packet.len()).then_some(Self { packet, filled, state, plugged: Plugged::Served, pace: Pace::Steady })
    }
}

/// Returns a movement: nine bits in two's complement, of which the sign came separately.
fn movement(low: u8, sign: u8) -> i32 {
    i32::from(low) - if sign != 0 { 256 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fed(bytes: &[u8]) -> Mouse {
        let mut mouse = Mouse::default();
        bytes.iter().for_each(|byte| mouse.feed(*byte));
        mouse
    }

    #[test]
    fn movements_add_up_with_their_signs() {
        let state = fed(&[0x08, 10, 20, 0x18, 0xFD, 1, 0x29, 0, 0xFF]).state();
        assert_eq!(state, MouseState { packets: 3, x: 7, y: 20, buttons: Buttons::LEFT, resyncs: 0 });
    }

    #[test]
    fn an_overflowed_movement_is_counted_but_not_added() {
        assert_eq!(fed(&[0x48, 10, 20]).state(), MouseState { packets: 1, ..Default::default() });
    }

    #[test]
    fn what_cannot_begin_a_packet_is_skipped_and_counted() {
        let state = fed(&[2, 20, 0x08, 1, 1]).state();
        assert_eq!(state, MouseState { packets: 1, x: 1, y: 1, resyncs: 2, ..Default::default() });
    }

    #[test]
    fn half_a_packet_is_forgotten_after_a_rest() {
        for half in [&[0x08][..], &[0x08, 9]] {
            let mut mouse = fed(half);
            mouse.rest();
            mouse.rest();
            [0x08, 1, 2, 0x08, 3, 4].into_iter().for_each(|byte| mouse.feed(byte));
            let expected = MouseState { packets: 2, x: 4, y: 6, resyncs: 1, ..Default::default() };
            assert_eq!(mouse.state(), expected);
        }
    }

    #[test]
    fn a_mouse_that_was_plugged_in_is_noticed_once() {
        let mut mouse = fed(&[0x09, 1, 1, 0xAA, 0x00]);
        assert!(mouse.is_plugged_anew());
        assert!(mouse.take_plugged());
        assert!(!mouse.take_plugged() && !mouse.is_plugged_anew());
        assert!(mouse.is_between_packets());
        assert_eq!(mouse.state().buttons, Buttons::empty(), "nobody holds a button of a new mouse");
    }

    #[test]
    fn a_mouse_that_was_plugged_in_may_take_its_time() {
        let mut mouse = fed(&[0xAA]);
        mouse.rest();
        mouse.feed(0x00);
        assert!(mouse.take_plugged());
        let mut mouse = fed(&[0xAA]);
        mouse.rest();
        [0x08, 1, 2].into_iter().for_each(|byte| mouse.feed(byte));
        assert!(!mouse.take_plugged());
        assert_eq!(mouse.state(), MouseState { packets: 1, x: 1, y: 2, resyncs: 1, ..Default::default() });
    }

    #[test]
    fn a_successor_goes_on_within_the_packet() {
        let mouse = fed(&[0x18, 0xFD, 1, 0x09, 5]);
        let mut record = Record::default();
        mouse.save(&mut record);
        let mut restored = Mouse::restore(&mut Reader::new(record.bytes())).unwrap();
        assert_eq!(restored, mouse);
        restored.feed(6);
        assert_eq!((restored.state().x, restored.state().y), (2, 7));
    }
}
