//! The 8042's registers and its commands, with a bound on every wait.

use bellwire::Instant;
use bellwire::registers::Registers;
use bitflags::bitflags;
use core::time::Duration;

/// The first of the controller's ports.
pub const FIRST_PORT: u16 = 0x60;
/// The data port, counted from [`FIRST_PORT`].
pub const DATA: u16 = 0;
/// The status port when it is read and the command port when it is written, counted from [`FIRST_PORT`].
pub const COMMAND: u16 = 4;

/// How long the controller may take to accept a byte, or to answer a command of its own. Real controllers need less
/// than a millisecond. A controller that hasn't accepted a byte after this time never will.
const CONTROLLER_PATIENCE: Duration = Duration::from_millis(100);

/// The controller's two ports, and the passing of time.
pub trait Ports: Registers {
    /// Returns the present time.
    fn now(&self) -> Instant;

    /// Lets other programs run, for far less time than a device takes to answer.
    fn pause(&mut self);
}

bitflags! {
    /// The status port.
    #[derive(Clone, Copy)]
    pub struct Status: u8 {
        /// A byte can be read.
        const OUTPUT_FULL = 1 << 0;
        /// The controller hasn't taken the last byte that was written.
        const INPUT_FULL = 1 << 1;
        /// The byte that can be read is the mouse's.
        const FROM_MOUSE = 1 << 5;
        const _ = !0;
    }

    /// The configuration byte.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Configuration: u8 {
        const KEYBOARD_INTERRUPT = 1 << 0;
        const MOUSE_INTERRUPT = 1 << 1;
        const KEYBOARD_OFF = 1 << 4;
        /// Turns the mouse's port off. On a controller without that port the bit means something else, or nothing.
        const MOUSE_OFF = 1 << 5;
        /// Translates scan code set 2, which keyboards speak, to set 1.
        const TRANSLATE = 1 << 6;
        const _ = !0;
    }
}

/// A command to the controller itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Command {
    ReadConfiguration = 0x20,
    WriteConfiguration = 0x60,
    DisableMouse = 0xA7,
    EnableMouse = 0xA8,
    DisableKeyboard = 0xAD,
    EnableKeyboard = 0xAE,
    /// The next byte written to the data port goes to the mouse.
    ToMouse = 0xD4,
    /// Pulses the processor's reset line.
    PulseReset = 0xFE,
}

/// A device behind the controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    Keyboard,
    Mouse,
}

/// The controller accepts no more bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stuck;

/// The controller's registers.
pub struct Chip<P> {
    pub ports: P,
}

impl<P: Ports> Chip<P> {
    pub fn status(&mut self) -> Status {
        Status::from_bits_retain(self.ports.read(COMMAND))
    }

    /// Takes the next byte, if there is one, with the device that sent it.
    pub fn take(&mut self) -> Option<(Device, u8)> {
        let status = self.status();
        let device = if status.contains(Status::FROM_MOUSE) { Device::Mouse } else { Device::Keyboard };
        status.contains(Status::OUTPUT_FULL).then(|| (device, self.ports.read(DATA)))
    }

    /// Waits for the next byte, and takes it.
    pub fn wait_for_byte(&mut self, patience: Duration) -> Option<(Device, u8)> {
        self.wait(patience, Self::take)
    }

    /// Waits for the next byte, which may be the answer to a command, and takes it.
    pub fn wait_for_answer(&mut self) -> Option<(Device, u8)> {
        self.wait_for_byte(CONTROLLER_PATIENCE)
    }

    pub fn command(&mut self, command: Command) -> Result<(), Stuck> {
        self.wait_until_accepted()?;
        self.ports.write(COMMAND, command as u8);
        Ok(())
    }

    pub fn configure(&mut self, configuration: Configuration) -> Result<(), Stuck> {
        self.command(Command::WriteConfiguration)?;
        self.wait_until_accepted()?;
        self.ports.write(DATA, configuration.bits());
        Ok(())
    }

    /// Sends a byte to a device.
    pub fn send(&mut self, device: Device, byte: u8) -> Result<(), Stuck> {
        if device == Device::Mouse {
            self.command(Command::ToMouse)?;
        }
        self.wait_until_accepted()?;
        self.ports.write(DATA, byte);
        Ok(())
    }

    fn wait_until_accepted(&mut self) -> Result<(), Stuck> {
        let accepted = |chip: &mut Self| (!chip.status().contains(Status::INPUT_FULL)).then_some(());
        self.wait(CONTROLLER_PATIENCE, accepted).ok_or(Stuck)
    }

    /// Looks until something is found or `patience` is over. The last look comes after the deadline, so a machine that
    /// stood still meanwhile isn't mistaken for a silent device.
    fn wait<T>(&mut self, patience: Duration, mut look: impl FnMut(&mut Self) -> Option<T>) -> Option<T> {
        let deadline = self.ports.now() + patience;
        loop {
            let is_last = self.ports.now() >= deadline;
            if let Some(found) = look(self) {
                return Some(found);
            }
            if is_last {
                return None;
            }
            self.ports.pause();
        }
    }
}
