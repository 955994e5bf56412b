//! The 8042: one controller with two devices behind it, whose bytes arrive at one port.
//!
//! Two lines interrupt (1 for the keyboard, 12 for the mouse). The status register says which device sent the next
//! byte, so both lines are served alike: read until nothing is left.
//!
//! Nothing that a person typed is thrown away, not even at the start: each byte that isn't the answer to an order goes
//! to its device's decoder. An answer is known by its place, since a device answers only between two codes or packets.
//! What a byte changed is kept for a successor before anything else is done: the orders that follow from it, to LEDs
//! for example, take time, in which the driver may be ended.

use crate::budget::Budget;
use crate::chip::{COMMAND, Chip, Command, Configuration, DATA, Device, FIRST_PORT, Ports, Stuck};
use crate::{Kept, Keys, Mouse, Record, Store};
use bellwire::Instant;
use core::fmt;
use core::time::Duration;

/// The most bytes that are taken at once. Both devices together hold less than a quarter of that, so a controller that
/// still has more is broken.
const MOST_BYTES: usize = 256;

/// How long a device may take to answer an order. The interface allows 25 milliseconds.
const DEVICE_PATIENCE: Duration = Duration::from_millis(50);

/// How often an order is sent to a device that doesn't answer, or that asks for it again.
const TRIES: usize = 3;

/// After this time without a byte, a device whose clock runs has none to send: a byte takes 1.1 milliseconds at the
/// slowest clock, 10 kHz.
const DEVICE_QUIET: Duration = Duration::from_millis(5);

/// How long a mouse that was told to be quiet is waited for: the 16 bytes that it may have still to send take 18
/// milliseconds.
const MOUSE_PATIENCE: Duration = Duration::from_millis(50);

/// The longest time between two bytes of a packet. A mouse that rested is silent for longer before its next packet.
const PACKET_GAP: Duration = Duration::from_millis(20);

const DEVICE_LEDS: u8 = 0xED;
const DEVICE_REPORT: u8 = 0xF4;
const DEVICE_DEFAULTS: u8 = 0xF6;
const DEVICE_ACKNOWLEDGES: u8 = 0xFA;
const DEVICE_WANTS_IT_AGAIN: u8 = 0xFE;

/// The reason why there is no usable controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Nothing answers at the controller's ports.
    Ports,
    /// The controller accepts no commands.
    Input,
    /// The controller has more bytes than its devices can have sent.
    Output,
}

impl fmt::Display for Missing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ports => {
                let [data, command] = [DATA, COMMAND].map(|register| FIRST_PORT + register);
                write!(formatter, "no PS/2 controller at ports {data:#x} and {command:#x}")
            }
            Self::Input => formatter.write_str("the PS/2 controller accepts no commands"),
            Self::Output => formatter.write_str("the PS/2 controller's output never ends"),
        }
    }
}

impl From<Stuck> for Missing {
    fn from(Stuck: Stuck) -> Self {
        Self::Input
    }
}

/// Whether a device answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// The device acknowledges orders.
    Answers,
    /// The device isn't there, or doesn't understand.
    Silent,
}

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

/// The driver's successor, which goes on where the driver ends.
pub trait Successor {
    /// Keeps the state of keys and mouse for the successor.
    fn keep(&mut self, keys: &Keys, mouse: &Mouse);

    /// Notes that the driver works with the state that it was given.
    fn settle(&mut self);
}

/// There is nowhere to keep anything.
impl Successor for () {
    fn keep(&mut self, _: &Keys, _: &Mouse) {}

    fn settle(&mut self) {}
}

impl<S: Successor> Successor for Option<S> {
    fn keep(&mut self, keys: &Keys, mouse: &Mouse) {
        self.iter_mut().for_each(|successor| successor.keep(keys, mouse));
    }

    fn settle(&mut self) {
        self.iter_mut().for_each(S::settle);
    }
}

impl<M: Kept> Successor for Store<M> {
    fn keep(&mut self, keys: &Keys, mouse: &Mouse) {
        let mut record = Record::default();
        keys.save(&mut record);
        mouse.save(&mut record);
        Store::keep(self, &record);
    }

    fn settle(&mut self) {
        Store::settle(self);
    }
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

    fn start_mouse(&mut self) {
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
    fn set_leds(&mut self) {
        let leds = self.keys.leds();
        if self.keyboard_presence == Presence::Answers {
            self.order(Device::Keyboard, &[DEVICE_LEDS, leds]);
        }
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

    /// Sends an order to a device, byte by byte, and waits for each to be acknowledged.
    fn order(&mut self, device: Device, order: &[u8]) -> Presence {
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

    fn feed(&mut self, device: Device, byte: u8) {
        match device {
            Device::Keyboard => self.keys.feed(byte),
            Device::Mouse => self.mouse.feed(byte),
        }
        self.keep();
    }
}

/// A device's answer to a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reply {
    Acknowledged,
    Again,
}

#[cfg(test)]
mod tests;
