//! The mouse: where it moved since the system started, and what is pressed.

use super::{Request, narrow};
use crate::{Error, Result};
use bitflags::bitflags;

bitflags! {
    /// The buttons of a mouse.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Buttons: u8 {
        /// The left one.
        const LEFT = 1 << 0;
        /// The right one.
        const RIGHT = 1 << 1;
        /// The middle one, often the wheel.
        const MIDDLE = 1 << 2;
    }
}

/// Everything the mouse has said so far, added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MouseState {
    /// How many packets it sent.
    pub packets: u32,
    /// Steps to the right.
    pub x: i32,
    /// Steps away from the person.
    pub y: i32,
    /// What is pressed now.
    pub buttons: Buttons,
    /// How often its packets had lost their bounds and found them again; counted in 24 bits.
    pub resyncs: u32,
}

impl MouseState {
    /// The state as four words.
    pub fn to_words(self) -> [usize; 4] {
        let rest = u32::from(self.buttons.bits()) | self.resyncs << 8;
        [self.packets as usize, self.x as u32 as usize, self.y as u32 as usize, rest as usize]
    }

    /// The state that four words carry.
    pub fn from_words(words: [usize; 4]) -> Result<Self> {
        let [packets, x, y, rest] = words;
        let (x, y, rest): (u32, u32, u32) = (narrow(x)?, narrow(y)?, narrow(rest)?);
        let [buttons, ..] = rest.to_le_bytes();
        let buttons = Buttons::from_bits(buttons).ok_or(Error::BadArgument)?;
        Ok(Self { packets: narrow(packets)?, x: x.cast_signed(), y: y.cast_signed(), buttons, resyncs: rest >> 8 })
    }
}

/// What a client asks of a mouse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MouseRequest {
    /// The present [`MouseState`].
    State,
}

impl Request for MouseRequest {
    fn encode(self) -> (u8, [usize; 4]) {
        (16, [0; 4])
    }

    fn decode(label: u8, _: [usize; 4]) -> Option<Self> {
        (label == 16).then_some(Self::State)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_survives_the_words() {
        let state =
            MouseState { packets: 7, x: -3, y: i32::MIN, buttons: Buttons::LEFT | Buttons::MIDDLE, resyncs: 0xAB_CDEF };
        assert_eq!(MouseState::from_words(state.to_words()), Ok(state));
        assert_eq!(MouseState::from_words([0, 0, 0, 1 << 3]), Err(Error::BadArgument), "a button that is none");
    }
}
