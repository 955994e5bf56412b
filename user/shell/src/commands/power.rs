//! `reboot` and `shutdown`, by the means that PCs have had.

use crate::{Command, Failure, Shell, ask};
use bellwire::Instant;
use bellwire::protocol::{PowerRequest, TimerRequest};
use core::time::Duration;

/// The port of ACPI's PM1a control register, as QEMU's firmware places it. Real machines name the port in their FADT.
pub const PM1A_CONTROL: u16 = 0x604;
/// The same register's port in older versions of QEMU.
pub const OLD_PM1A_CONTROL: u16 = 0xB004;
/// SLP_EN, with sleep type 0, which turns QEMU off.
const SLEEP_ENABLE: u16 = 1 << 13;

/// The time in which the machine must have stopped.
const GRACE: Duration = Duration::from_secs(1);

/// `reboot`.
pub struct Reboot;

impl Command for Reboot {
    const NAME: &str = "reboot";
    const PURPOSE: &str = "start the machine again";
    const HELP: &str = "Resets the machine at once: by the chipset, or else by the keyboard controller.";

    fn parse(words: &[&str]) -> Option<Self> {
        words.is_empty().then_some(Self)
    }

    fn run(self, shell: &mut Shell) -> Result<(), Failure> {
        // The chipset's reset register lies among the ports of `pci`.
        ask(&shell.bus, PowerRequest::Reset).and(ask(&shell.keyboard, PowerRequest::Reset))?;
        Err(still_here(shell))
    }
}

/// `shutdown`.
pub struct Shutdown;

impl Command for Shutdown {
    const NAME: &str = "shutdown";
    const PURPOSE: &str = "turn the machine off";
    const HELP: &str = "Turns the machine off at once, where that works as it does in QEMU.";

    fn parse(words: &[&str]) -> Option<Self> {
        words.is_empty().then_some(Self)
    }

    fn run(self, shell: &mut Shell) -> Result<(), Failure> {
        for range in &shell.power {
            range.port::<u16>(0).write(SLEEP_ENABLE);
        }
        Err(still_here(shell))
    }
}

/// Waits for the machine to stop, and returns why it goes on.
fn still_here(shell: &Shell) -> Failure {
    let end = Instant::now() + GRACE;
    match ask(&shell.timer, TimerRequest::SleepUntil(end.cycles())) {
        Ok(_) => Failure::because("The machine is still running: it does this in a way that the shell doesn't know."),
        Err(failure) => failure,
    }
}
