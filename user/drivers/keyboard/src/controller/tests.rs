use super::orders::DEVICE_LEDS;
use super::*;
use crate::{Kept, Store};
use alloc::collections::VecDeque;
use alloc::rc::Rc;
use alloc::vec::Vec;
use bellwire::protocol::MouseState;
use bellwire::stream::Source;
use core::cell::RefCell;
use fake::{Behind, Chip, Commands, Deaths, KeptBytes};

mod bytes;
mod fake;
mod orders;
mod start;
mod succession;

/// What a mouse sends that was plugged in.
const PLUGGED: [u8; 2] = [0xAA, 0x00];
const KEY_A: u8 = 0x1E;
const KEY_B: u8 = 0x30;

fn start(chip: &mut Chip) -> Result<Controller<&mut Chip, ()>, Missing> {
    Controller::new(chip, Keys::default(), Mouse::default(), ())
}

/// Starts the driver, which must succeed, and returns how long that took.
fn time_to_start(chip: &mut Chip) -> Duration {
    let before = chip.now;
    start(chip).map(drop).unwrap();
    chip.now - before
}

fn typed<S>(controller: &mut Controller<&mut Chip, S>) -> Vec<u8> {
    controller.keys.peek().bytes().to_vec()
}

impl<S: Successor> Controller<&mut Chip, S> {
    fn rest(&mut self, time: Duration) {
        self.chip.ports.now = self.chip.ports.now + time;
    }

    /// The mouse sends bytes and interrupts.
    fn mouse_sends(&mut self, bytes: &[u8]) {
        self.chip.ports.mouse.sends.extend(bytes);
        assert_ne!(self.serve(self.chip.ports.now), Flow::Floods);
    }

    /// The keyboard sends bytes and interrupts.
    fn keyboard_sends(&mut self, bytes: &[u8]) -> Flow {
        self.chip.ports.keyboard.sends.extend(bytes);
        self.serve(self.chip.ports.now)
    }
}
