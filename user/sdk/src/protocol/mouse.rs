//! The mouse: where it moved since the system started, and what is pressed.

use super::Request;
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
}

impl MouseState {
    /// The state as four words.
    pub fn to_words(self) -> [usize; 4] {
        [self.packets as usize, self.x as u32 as usize, self.y as u32 as usize, self.buttons.bits() as usize]
    }

    /// The state that four words carry.
    pub fn from_words(words: [usize; 4]) -> Self {
        let [packets, x, y, buttons] = words.map(|word| word as u32);
        Self { packets, x: x as i32, y: y as i32, buttons: Buttons::from_bits_truncate(buttons as u8) }
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
        let state = MouseState { packets: 7, x: -3, y: i32::MIN, buttons: Buttons::LEFT | Buttons::MIDDLE };
        assert_eq!(MouseState::from_words(state.to_words()), state);
    }
}
