//! Turning the machine off and on again, by the means that PCs have had.

use crate::{Command, Failure, Shell, ask};
use bellwire::Instant;
use bellwire::protocol::{PowerRequest, TimerRequest};
use core::time::Duration;

/// ACPI's PM1a control register where QEMU's firmware puts it, and where older versions did. Real machines say in
/// their FADT where it is.
pub const PM1A_CONTROL: u16 = 0x604;
/// See [`PM1A_CONTROL`].
pub const OLD_PM1A_CONTROL: u16 = 0xB004;
/// SLP_EN, with the sleep type that QEMU calls off.
const SLEEP_ENABLE: u16 = 1 << 13;

/// How long the machine gets to do it.
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
        // The chipset's register lies among the PCI bus's.
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

/// What there is to say if the machine goes on.
fn still_here(shell: &Shell) -> Failure {
    let end = Instant::now() + GRACE;
    match ask(&shell.timer, TimerRequest::SleepUntil(end.cycles())) {
        Ok(_) => Failure::because("This machine does it in a way that isn't known here."),
        Err(failure) => failure,
    }
}
