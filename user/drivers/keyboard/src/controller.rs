//! The 8042: one controller with two devices behind it, whose bytes arrive at one port.
//!
//! Two lines interrupt (1 for the keyboard, 12 for the mouse), but the status register says whose byte is next, so
//! both are served alike: read until nothing is left.
//!
//! Nothing that a person typed is thrown away, at the start neither: whatever isn't the answer to an order goes to the
//! device's own decoder. Answers can be told from it because a device answers only between two codes or packets.

use crate::chip::{Chip, Command, Configuration, Device, Ports, Stuck};
use crate::{Keys, Mouse};
use bellwire::Instant;
use core::fmt;
use core::time::Duration;

/// How many bytes are taken at once at most. Both devices together keep less than a quarter of that, so a controller
/// that still has more is broken.
const MOST_BYTES: usize = 256;

/// How long a device may take to answer an order. The interface allows 25 milliseconds.
const DEVICE_PATIENCE: Duration = Duration::from_millis(50);

/// How often an order is sent to a device that doesn't answer, or wants to hear it again.
const TRIES: usize = 3;

/// After so long without a byte, a device whose clock runs has none to send: a byte takes it 1.1 milliseconds at the
/// slowest clock of 10 kHz.
const DEVICE_QUIET: Duration = Duration::from_millis(5);

/// The bytes of a packet follow each other in less time, and two packets of a mouse that rested don't.
const PACKET_GAP: Duration = Duration::from_millis(20);

const DEVICE_LEDS: u8 = 0xED;
const DEVICE_REPORT: u8 = 0xF4;
const DEVICE_DEFAULTS: u8 = 0xF6;
const DEVICE_ACKNOWLEDGES: u8 = 0xFA;
const DEVICE_WANTS_IT_AGAIN: u8 = 0xFE;

/// Why there is no controller to work with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Nobody decodes its ports.
    Ports,
    /// It accepts no commands.
    Input,
    /// It has more to say than its devices can have said.
    Output,
}

impl fmt::Display for Missing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Ports => "no PS/2 controller at ports 0x60 and 0x64",
            Self::Input => "the PS/2 controller accepts no commands",
            Self::Output => "the PS/2 controller's output never ends",
        })
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
    /// It did what it was told.
    Answers,
    /// It isn't there, or doesn't understand.
    Silent,
}

/// Whether the controller is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Everything was read.
    Drained,
    /// More than its devices can have sent was read, and there is still more.
    Floods,
}

/// The controller and its devices.
pub struct Controller<P> {
    chip: Chip<P>,
    /// What was typed.
    pub keys: Keys,
    /// Where the mouse went.
    pub mouse: Mouse,
    controller_presence: Presence,
    keyboard_presence: Presence,
    mouse_presence: Presence,
    /// When the controller was last seen without a byte.
    empty_since: Instant,
}

impl<P: Ports> Controller<P> {
    /// Brings the controller and both devices into a known state, whatever firmware or a predecessor was doing with
    /// them, and lets them interrupt. Keys and mouse go on from where they are. A device that doesn't answer stays
    /// silent.
    pub fn new(ports: P, keys: Keys, mouse: Mouse) -> Result<Self, Missing> {
        let empty_since = ports.now();
        let mut controller = Self {
            chip: Chip { ports },
            keys,
            mouse,
            controller_presence: Presence::Silent,
            keyboard_presence: Presence::Silent,
            mouse_presence: Presence::Silent,
            empty_since,
        };
        // Ports that nobody decodes read as ones.
        if controller.chip.status().is_all() {
            return Err(Missing::Ports);
        }
        controller.start()?;
        controller.empty_since = controller.chip.ports.now();
        Ok(controller)
    }

    fn start(&mut self) -> Result<(), Missing> {
        // With both devices held back, all that comes after what lies there is the controller's own.
        self.chip.command(Command::DisableKeyboard)?;
        self.chip.command(Command::DisableMouse)?;
        self.drain()?;
        let found = self.read_configuration()?;
        if found.is_none() && self.chip.status().is_empty() {
            // No controller that has come through its self-test says so.
            return Err(Missing::Ports);
        }
        // One with a port for a mouse says that it is off now. On others the bit means something else, and stays.
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
        // Telling a keyboard to report makes it forget what it hasn't sent, so that is fetched first.
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

    /// What is missing, in words for the log.
    pub fn missing(&self) -> impl Iterator<Item = &'static str> {
        let parts = [
            (self.controller_presence, "the PS/2 controller answers no commands: it is used as it was left"),
            (self.keyboard_presence, "no keyboard answers"),
            (self.mouse_presence, "no mouse answers"),
        ];
        parts.into_iter().filter(|(presence, _)| *presence == Presence::Silent).map(|(_, words)| words)
    }

    /// Serves an interrupt of either line. Arrival is when the device raised it.
    pub fn serve(&mut self, arrival: Instant) -> Flow {
        if arrival - self.empty_since > PACKET_GAP {
            self.mouse.rest();
        }
        for _ in 0..MOST_BYTES {
            let Some((device, byte)) = self.chip.take() else {
                self.react();
                self.empty_since = self.chip.ports.now();
                return Flow::Drained;
            };
            self.feed(device, byte);
        }
        Flow::Floods
    }

    /// Pulses the processor's reset line.
    pub fn reset_machine(&mut self) {
        // There is nobody to tell that it didn't work.
        let _ = self.chip.command(Command::PulseReset);
    }

    /// Keeps both devices from interrupting.
    pub fn silence(&mut self) {
        let _ = self.chip.command(Command::DisableKeyboard).and(self.chip.command(Command::DisableMouse));
        let _ = self.chip.configure(Configuration::KEYBOARD_OFF | Configuration::MOUSE_OFF);
    }

    /// Does what the bytes that were read ask for: a device that was plugged in knows nothing, and LEDs follow keys.
    fn react(&mut self) {
        if self.mouse.take_plugged() {
            self.start_mouse();
        }
        if self.keys.take_led_change() {
            if self.keyboard_presence == Presence::Silent {
                self.keyboard_presence = self.order(Device::Keyboard, &[DEVICE_REPORT]);
            }
            self.set_leds();
        }
    }

    fn start_mouse(&mut self) {
        self.mouse_presence = self.order(Device::Mouse, &[DEVICE_DEFAULTS]);
        if self.mouse_presence == Presence::Answers {
            // It reports nothing now. What still comes are answers to orders that others gave it before.
            for _ in 0..MOST_BYTES {
                match self.chip.wait_for_byte(DEVICE_QUIET) {
                    None => break,
                    Some((Device::Mouse, DEVICE_ACKNOWLEDGES)) if self.mouse.is_between_packets() => {}
                    Some((device, byte)) => self.feed(device, byte),
                }
            }
            self.mouse.rest();
            self.mouse_presence = self.order(Device::Mouse, &[DEVICE_REPORT]);
        }
    }

    /// Keyboards without LEDs refuse this, which is their business.
    fn set_leds(&mut self) {
        let leds = self.keys.leds();
        if self.keyboard_presence == Presence::Answers {
            self.order(Device::Keyboard, &[DEVICE_LEDS, leds]);
        }
    }

    /// Feeds all that is on the way to the decoders, until both devices are quiet.
    fn drain(&mut self) -> Result<(), Missing> {
        for _ in 0..MOST_BYTES {
            let Some((device, byte)) = self.chip.wait_for_byte(DEVICE_QUIET) else { return Ok(()) };
            self.feed(device, byte);
        }
        Err(Missing::Output)
    }

    /// Nothing if the controller doesn't answer, twice.
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
            // Half a packet from before has taken the answer for its rest.
            self.mouse.rest();
        }
        None
    }

    /// Whether the next byte of a device can be an answer: it doesn't interrupt its own codes and packets.
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
    }
}

/// What a device says to a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reply {
    Acknowledged,
    Again,
}

#[cfg(test)]
mod tests;
