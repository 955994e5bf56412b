//! The 8042: one controller with two devices behind it, whose bytes arrive at one port.
//!
//! Two lines interrupt (1 for the keyboard, 12 for the mouse). The status register says which device sent the next
//! byte, so both lines are served alike: read until nothing is left.
//!
//! Nothing that a person typed is thrown away, not even at the start: each byte that isn't the answer to an order goes
//! to its device's decoder. An answer is known by its place, since a device answers only between two codes or packets.
//! What a byte changed is kept for a successor before anything else is done: the orders that follow from it, to LEDs
//! for example, take time, in which the driver may be ended.

mod orders;

use crate::budget::Budget;
use crate::chip::{Chip, Command, Configuration, Device, Ports};
use crate::{Keys, Missing, Mouse, Successor};
use bellwire::Instant;
use core::time::Duration;
use orders::{DEVICE_REPORT, Presence};

/// The most bytes that are taken at once. Both devices together hold less than a quarter of that, so a controller that
/// still has more is broken.
const MOST_BYTES: usize = 256;

/// After this time without a byte, a device whose clock runs has none to send: a byte takes 1.1 milliseconds at the
/// slowest clock, 10 kHz.
const DEVICE_QUIET: Duration = Duration::from_millis(5);

/// The longest time between two bytes of a packet. A mouse that rested is silent for longer before its next packet.
const PACKET_GAP: Duration = Duration::from_millis(20);

/// Whether the controller is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Everything was read, and every order that follows from it was sent.
    Drained,
    /// Everything was read. An order that follows from it is put off until this time: serve the controller then.
    Owes(Instant),
    /// More bytes were read than the devices can have sent, and there are still more.
    Floods,
}

/// The controller and its devices.
pub struct Controller<P, S> {
    chip: Chip<P>,
    successor: S,
    /// The keys that were typed.
    pub keys: Keys,
    /// The state of the mouse.
    pub mouse: Mouse,
    controller_presence: Presence,
    keyboard_presence: Presence,
    mouse_presence: Presence,
    keyboard_budget: Budget,
    mouse_budget: Budget,
    /// The last time at which the controller had no byte.
    empty_since: Instant,
}

impl<P: Ports, S: Successor> Controller<P, S> {
    /// Brings the controller and both devices into a known state, whatever firmware or a predecessor was doing with
    /// them, and lets them interrupt. `keys` and `mouse` go on from their states, and `successor` from theirs. A device
    /// that doesn't answer isn't an error: see [`Controller::missing`].
    pub fn new(ports: P, keys: Keys, mouse: Mouse, successor: S) -> Result<Self, Missing> {
        let empty_since = ports.now();
        let mut controller = Self {
            chip: Chip { ports },
            successor,
            keys,
            mouse,
            controller_presence: Presence::Silent,
            keyboard_presence: Presence::Silent,
            mouse_presence: Presence::Silent,
            keyboard_budget: Budget::default(),
            mouse_budget: Budget::default(),
            empty_since,
        };
        // Ports without a device read as ones.
        if controller.chip.status().is_all() {
            return Err(Missing::Ports);
        }
        controller.start()?;
        controller.empty_since = controller.chip.ports.now();
        controller.successor.settle();
        controller.keep();
        Ok(controller)
    }

    fn start(&mut self) -> Result<(), Missing> {
        // With both devices held back, every byte after those that lie there is the controller's own.
        self.chip.command(Command::DisableKeyboard)?;
        self.chip.command(Command::DisableMouse)?;
        self.drain()?;
        let found = self.read_configuration()?;
        if found.is_none() && self.chip.status().is_empty() {
            // A controller that has passed its self-test never says so.
            return Err(Missing::Ports);
        }
        // A controller with a port for a mouse says that it is off now. On others the bit means something else, and
        // stays.
        let has_mouse_port = found.is_some_and(|found| found.contains(Configuration::MOUSE_OFF));
        let mut configuration = found.unwrap_or(Configuration::empty()) | Configuration::TRANSLATE;
        configuration -= Configuration::KEYBOARD_INTERRUPT | Configuration::MOUSE_INTERRUPT;
        configuration -= Configuration::KEYBOARD_OFF;
        // Where firmware only imitates a controller, it may have no configuration, but keys all the same.
        if found.is_some() {
            self.controller_presence = Presence::Answers;
            self.chip.configure(configuration)?;
        }
        self.chip.command(Command::EnableKeyboard)?;
        // A keyboard that is told to report forgets what it hasn't sent, so those bytes are fetched first.
        self.drain()?;
        self.keyboard_presence = self.order(Device::Keyboard, &[DEVICE_REPORT]);
        self.set_leds();
        configuration |= Configuration::KEYBOARD_INTERRUPT;
        if has_mouse_port {
            self.chip.command(Command::EnableMouse)?;
            self.start_mouse();
            configuration |= Configuration::MOUSE_INTERRUPT;
            configuration -= Configuration::MOUSE_OFF;
        }
        if found.is_some() {
            self.chip.configure(configuration)?;
        }
        Ok(())
    }

    /// Returns a line for the log about each thing that is missing.
    pub fn missing(&self) -> impl Iterator<Item = &'static str> {
        let parts = [
            (self.controller_presence, "the PS/2 controller answers no commands: it is used as it was left"),
            (self.keyboard_presence, "no keyboard answers"),
            (self.mouse_presence, "no mouse answers"),
        ];
        parts.into_iter().filter(|(presence, _)| *presence == Presence::Silent).map(|(_, words)| words)
    }

    /// Keeps the state of keys and mouse for the driver's successor. Call this when something else than the devices has
    /// changed the state.
    pub fn keep(&mut self) {
        self.successor.keep(&self.keys, &self.mouse);
    }

    /// Serves an interrupt of either line, or looks without one. `arrival` is the time at which the device raised it,
    /// or the present.
    pub fn serve(&mut self, arrival: Instant) -> Flow {
        if arrival - self.empty_since > PACKET_GAP {
            self.mouse.rest();
        }
        for _ in 0..MOST_BYTES {
            let Some((device, byte)) = self.chip.take() else {
                let flow = self.react();
                self.empty_since = self.chip.ports.now();
                return flow;
            };
            self.feed(device, byte);
        }
        Flow::Floods
    }

    /// Pulses the processor's reset line.
    pub fn reset_machine(&mut self) {
        // If this fails, there is no caller that could do more.
        let _ = self.chip.command(Command::PulseReset);
    }

    /// Keeps both devices from interrupting.
    pub fn silence(&mut self) {
        let _ = self.chip.command(Command::DisableKeyboard).and(self.chip.command(Command::DisableMouse));
        let _ = self.chip.configure(Configuration::KEYBOARD_OFF | Configuration::MOUSE_OFF);
    }

    /// Sends the orders that the bytes read ask for: to a device that was plugged in, and to LEDs that follow keys.
    /// Puts off those of a device whose last ones took long.
    fn react(&mut self) -> Flow {
        let start = self.chip.ports.now();
        if self.mouse_budget.is_free(start) && self.mouse.take_plugged() {
            self.start_mouse();
            let now = self.chip.ports.now();
            self.mouse_budget.spend(now - start, now);
        }
        let start = self.chip.ports.now();
        if self.keyboard_budget.is_free(start) && self.keys.take_led_change() {
            if self.keyboard_presence == Presence::Silent {
                self.keyboard_presence = self.order(Device::Keyboard, &[DEVICE_REPORT]);
            }
            self.set_leds();
            let now = self.chip.ports.now();
            self.keyboard_budget.spend(now - start, now);
        }
        let mouse = self.mouse.is_plugged_anew().then(|| self.mouse_budget.free_at());
        let keyboard = self.keys.leds_have_changed().then(|| self.keyboard_budget.free_at());
        mouse.into_iter().chain(keyboard).min().map_or(Flow::Drained, Flow::Owes)
    }

    /// Feeds all bytes that are on the way to the decoders, until both devices are quiet.
    fn drain(&mut self) -> Result<(), Missing> {
        for _ in 0..MOST_BYTES {
            let Some((device, byte)) = self.chip.wait_for_byte(DEVICE_QUIET) else { return Ok(()) };
            self.feed(device, byte);
        }
        Err(Missing::Output)
    }

    /// Reads the configuration byte. Returns `None` if the controller doesn't answer, twice.
    fn read_configuration(&mut self) -> Result<Option<Configuration>, Missing> {
        for _ in 0..2 {
            self.chip.command(Command::ReadConfiguration)?;
            for _ in 0..MOST_BYTES {
                match self.chip.wait_for_answer() {
                    Some((Device::Keyboard, byte)) => return Ok(Some(Configuration::from_bits_retain(byte))),
                    Some((device, byte)) => self.feed(device, byte),
                    None => break,
                }
            }
        }
        Ok(None)
    }

    fn feed(&mut self, device: Device, byte: u8) {
        match device {
            Device::Keyboard => self.keys.feed(byte),
            Device::Mouse => self.mouse.feed(byte),
        }
        self.keep();
    }
}

#[cfg(test)]
mod tests;
