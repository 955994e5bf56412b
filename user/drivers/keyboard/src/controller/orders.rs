//! Orders to the devices, and their answers.

use super::{Controller, DEVICE_QUIET, MOST_BYTES};
use crate::Successor;
use crate::chip::{Device, Ports};
use core::time::Duration;

/// How long a device may take to answer an order. The interface allows 25 milliseconds.
const DEVICE_PATIENCE: Duration = Duration::from_millis(50);

/// How often an order is sent to a device that doesn't answer, or that asks for it again.
pub const TRIES: usize = 3;

/// How long a mouse that was told to be quiet is waited for: the 16 bytes that it may have still to send take 18
/// milliseconds.
const MOUSE_PATIENCE: Duration = Duration::from_millis(50);

pub const DEVICE_LEDS: u8 = 0xED;
pub const DEVICE_REPORT: u8 = 0xF4;
pub const DEVICE_DEFAULTS: u8 = 0xF6;
pub const DEVICE_ACKNOWLEDGES: u8 = 0xFA;
pub const DEVICE_WANTS_IT_AGAIN: u8 = 0xFE;

/// Whether a device answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// The device acknowledges orders.
    Answers,
    /// The device isn't there, or doesn't understand.
    Silent,
}

impl<P: Ports, S: Successor> Controller<P, S> {
    /// Has the mouse report, whatever it was told before.
    pub(super) fn start_mouse(&mut self) {
        self.mouse_presence = self.order(Device::Mouse, &[DEVICE_DEFAULTS]);
        if self.mouse_presence == Presence::Answers {
            self.quiet_mouse();
            self.mouse_presence = self.order(Device::Mouse, &[DEVICE_REPORT]);
        }
    }

    /// Takes what a mouse still sends that was told to report nothing.
    fn quiet_mouse(&mut self) {
        let deadline = self.chip.ports.now() + MOUSE_PATIENCE;
        for _ in 0..MOST_BYTES {
            let left = deadline - self.chip.ports.now();
            match self.chip.wait_for_byte(DEVICE_QUIET.min(left)) {
                None => break,
                // Those are answers to earlier orders of others.
                Some((Device::Mouse, DEVICE_ACKNOWLEDGES)) if self.mouse.is_between_packets() => {}
                Some((device, byte)) => self.feed(device, byte),
            }
        }
        self.mouse.rest();
    }

    /// Sets the LEDs. A keyboard without LEDs refuses this, and that's no failure.
    pub(super) fn set_leds(&mut self) {
        let leds = self.keys.leds();
        if self.keyboard_presence == Presence::Answers {
            self.order(Device::Keyboard, &[DEVICE_LEDS, leds]);
        }
    }

    /// Sends an order to a device, byte by byte, and waits for each to be acknowledged.
    pub(super) fn order(&mut self, device: Device, order: &[u8]) -> Presence {
        let all = order.iter().all(|byte| (0..TRIES).any(|_| self.send(device, *byte) == Some(Reply::Acknowledged)));
        if all { Presence::Answers } else { Presence::Silent }
    }

    fn send(&mut self, device: Device, byte: u8) -> Option<Reply> {
        self.chip.send(device, byte).ok()?;
        let deadline = self.chip.ports.now() + DEVICE_PATIENCE;
        for _ in 0..MOST_BYTES {
            let left = deadline - self.chip.ports.now();
            let Some((from, byte)) = self.chip.wait_for_byte(left) else { break };
            match byte {
                DEVICE_ACKNOWLEDGES if from == device && self.is_between(device) => return Some(Reply::Acknowledged),
                DEVICE_WANTS_IT_AGAIN if from == device && self.is_between(device) => return Some(Reply::Again),
                _ => self.feed(from, byte),
            }
        }
        if device == Device::Mouse {
            // An earlier half of a packet has taken the answer for its rest.
            self.mouse.rest();
        }
        None
    }

    /// Returns whether the next byte of a device can be an answer: a device doesn't answer within a code or a packet.
    fn is_between(&self, device: Device) -> bool {
        match device {
            Device::Keyboard => self.keys.is_between_codes(),
            Device::Mouse => self.mouse.is_between_packets(),
        }
    }
}

/// A device's answer to a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reply {
    Acknowledged,
    Again,
}
