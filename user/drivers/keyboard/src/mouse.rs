//! Mouse packets: three bytes, of which the first has bit 3 set, the buttons, and the signs of the two movements.

use bellwire::protocol::{Buttons, MouseState};

const ALWAYS_SET: u8 = 1 << 3;
const X_NEGATIVE: u8 = 1 << 4;
const Y_NEGATIVE: u8 = 1 << 5;
const OVERFLOW: u8 = 0b1100_0000;

/// A PS/2 mouse in its standard mode.
#[derive(Default)]
pub struct Mouse {
    packet: [u8; 3],
    filled: usize,
    state: MouseState,
}

impl Mouse {
    /// A byte from the mouse. One that can't begin a packet is skipped, so that a lost byte spoils the next few packets and
    /// not all that follow.
    pub fn feed(&mut self, byte: u8) {
        if self.filled == 0 && byte & ALWAYS_SET == 0 {
            return;
        }
        self.packet[self.filled] = byte;
        self.filled += 1;
        if self.filled == self.packet.len() {
            self.filled = 0;
            self.apply(self.packet);
        }
    }

    /// Everything it has said so far, added up.
    pub fn state(&self) -> MouseState {
        self.state
    }

    /// A movement that overflowed its nine bits is left out: how far it went isn't known.
    fn apply(&mut self, [head, x, y]: [u8; 3]) {
        self.state.packets = self.state.packets.wrapping_add(1);
        self.state.buttons = Buttons::from_bits_truncate(head);
        if head & OVERFLOW == 0 {
            self.state.x = self.state.x.wrapping_add(movement(x, head & X_NEGATIVE));
            self.state.y = self.state.y.wrapping_add(movement(y, head & Y_NEGATIVE));
        }
    }
}

/// Nine bits in two's complement, of which the sign came separately.
fn movement(low: u8, sign: u8) -> i32 {
    i32::from(low) - if sign != 0 { 256 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(bytes: &[u8]) -> MouseState {
        let mut mouse = Mouse::default();
        bytes.iter().for_each(|byte| mouse.feed(*byte));
        mouse.state()
    }

    #[test]
    fn movements_add_up_with_their_signs() {
        let state = after(&[0x08, 10, 20, 0x18, 0xFD, 1, 0x29, 0, 0xFF]);
        assert_eq!(state, MouseState { packets: 3, x: 7, y: 20, buttons: Buttons::LEFT });
    }

    #[test]
    fn an_overflowed_movement_is_counted_but_not_added() {
        assert_eq!(after(&[0x48, 10, 20]), MouseState { packets: 1, ..Default::default() });
    }

    #[test]
    fn what_cannot_begin_a_packet_is_skipped() {
        let state = after(&[2, 20, 0x08, 1, 1]);
        assert_eq!(state, MouseState { packets: 1, x: 1, y: 1, buttons: Buttons::empty() });
    }
}
