//! The 8042: one controller with two devices behind it, whose bytes arrive at one port.
//!
//! Two lines interrupt (1 for the keyboard, 12 for the mouse), but the status register says whose byte is next, so
//! both are served alike: read until nothing is left.

use crate::{Keys, Mouse};
use bellwire::registers::Registers;
use bitflags::bitflags;

/// The data port, counted from the controller's first, 0x60.
pub const DATA: u16 = 0;
/// The status port for loads and the command port for stores.
pub const COMMAND: u16 = 4;

/// How often a status is read before a device counts as absent. A port of the ISA bus answers in about a
/// microsecond, a device in less than 20 milliseconds.
const PATIENCE: usize = 50_000;

const DISABLE_MOUSE: u8 = 0xA7;
const ENABLE_MOUSE: u8 = 0xA8;
const DISABLE_KEYBOARD: u8 = 0xAD;
const ENABLE_KEYBOARD: u8 = 0xAE;
const READ_CONFIGURATION: u8 = 0x20;
const WRITE_CONFIGURATION: u8 = 0x60;
const TO_MOUSE: u8 = 0xD4;
const PULSE_RESET: u8 = 0xFE;

const DEVICE_REPORT: u8 = 0xF4;
const DEVICE_DEFAULTS: u8 = 0xF6;
const DEVICE_ACKNOWLEDGES: u8 = 0xFA;

bitflags! {
    /// The status port.
    #[derive(Clone, Copy)]
    struct Status: u8 {
        const _ = !0;
        /// A byte can be read.
        const OUTPUT_FULL = 1 << 0;
        /// The last byte written wasn't taken yet.
        const INPUT_FULL = 1 << 1;
        /// The byte that can be read is the mouse's.
        const FROM_MOUSE = 1 << 5;
    }

    /// The configuration byte.
    #[derive(Clone, Copy)]
    struct Configuration: u8 {
        const KEYBOARD_INTERRUPT = 1 << 0;
        const MOUSE_INTERRUPT = 1 << 1;
        const KEYBOARD_OFF = 1 << 4;
        const MOUSE_OFF = 1 << 5;
        /// Scan code set 2, which keyboards speak, becomes set 1.
        const TRANSLATE = 1 << 6;
    }
}

/// The controller and its devices.
pub struct Controller<R> {
    registers: R,
    /// What was typed.
    pub keys: Keys,
    /// Where the mouse went.
    pub mouse: Mouse,
}

impl<R: Registers> Controller<R> {
    /// Brings the controller and both devices into a known state, whatever a predecessor was doing with them, and
    /// lets them interrupt. A device that doesn't answer stays silent. Nothing if there is no controller.
    pub fn new(registers: R) -> Option<Self> {
        let mut controller = Self { registers, keys: Keys::default(), mouse: Mouse::default() };
        // Ports that nobody decodes read as ones.
        if controller.status().is_all() {
            return None;
        }
        controller.command(DISABLE_KEYBOARD);
        controller.command(DISABLE_MOUSE);
        while controller.take().is_some() {}
        controller.command(READ_CONFIGURATION);
        let found = Configuration::from_bits_retain(controller.wait_for_byte().unwrap_or(0));
        let quiet = (found | Configuration::TRANSLATE)
            - (Configuration::KEYBOARD_INTERRUPT | Configuration::MOUSE_INTERRUPT)
            - (Configuration::KEYBOARD_OFF | Configuration::MOUSE_OFF);
        controller.configure(quiet);
        controller.command(ENABLE_MOUSE);
        for order in [DEVICE_DEFAULTS, DEVICE_REPORT] {
            controller.command(TO_MOUSE);
            controller.order(order);
        }
        controller.command(ENABLE_KEYBOARD);
        controller.order(DEVICE_REPORT);
        controller.configure(quiet | Configuration::KEYBOARD_INTERRUPT | Configuration::MOUSE_INTERRUPT);
        Some(controller)
    }

    /// Serves an interrupt of either line.
    pub fn serve(&mut self) {
        while let Some((status, byte)) = self.take() {
            if status.contains(Status::FROM_MOUSE) {
                self.mouse.feed(byte);
            } else {
                self.keys.feed(byte);
            }
        }
    }

    /// Pulses the processor's reset line.
    pub fn reset_machine(&mut self) {
        self.command(PULSE_RESET);
    }

    fn status(&mut self) -> Status {
        Status::from_bits_retain(self.registers.read(COMMAND))
    }

    fn take(&mut self) -> Option<(Status, u8)> {
        let status = self.status();
        status.contains(Status::OUTPUT_FULL).then(|| (status, self.registers.read(DATA)))
    }

    fn command(&mut self, command: u8) {
        self.wait_until_taken();
        self.registers.write(COMMAND, command);
    }

    fn configure(&mut self, configuration: Configuration) {
        self.command(WRITE_CONFIGURATION);
        self.wait_until_taken();
        self.registers.write(DATA, configuration.bits());
    }

    /// Sends an order to a device and waits for its acknowledgement; bytes that were under way before it are lost.
    fn order(&mut self, order: u8) {
        self.wait_until_taken();
        self.registers.write(DATA, order);
        while let Some(byte) = self.wait_for_byte()
            && byte != DEVICE_ACKNOWLEDGES
        {}
    }

    fn wait_until_taken(&mut self) {
        let _ = (0..PATIENCE).find(|_| !self.status().contains(Status::INPUT_FULL));
    }

    fn wait_for_byte(&mut self) -> Option<u8> {
        (0..PATIENCE).find_map(|_| self.take()).map(|(_, byte)| byte)
    }
}

#[cfg(test)]
mod tests;
