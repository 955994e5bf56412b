//! Turning the machine off and on again, by the means that PCs have had.

use crate::Shell;
use crate::shell::Failure;
use crate::terminal::ask;
use alloc::string::ToString;
use bellwire::protocol::{PowerRequest, TimerRequest};
use bellwire::{Instant, Result};
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

/// Resets the machine: by the chipset, whose register lies among the PCI bus's, or else by the keyboard controller.
pub fn reboot(shell: &Shell) -> Failure {
    let asked = ask(&shell.bus, PowerRequest::Reset).and(ask(&shell.keyboard, PowerRequest::Reset));
    still_here(shell, asked)
}

/// Turns the machine off.
pub fn shut_down(shell: &Shell) -> Failure {
    for range in &shell.power {
        range.port::<u16>(0).write(SLEEP_ENABLE);
    }
    still_here(shell, Ok([0; 4]))
}

/// What there is to say if the machine goes on.
fn still_here(shell: &Shell, asked: Result<[usize; 4]>) -> Failure {
    let end = Instant::now() + GRACE;
    match asked.and_then(|_| ask(&shell.timer, TimerRequest::SleepUntil(end.cycles()))) {
        Ok(_) => Failure("this machine does it in a way that isn't known here".to_string()),
        Err(error) => error.into(),
    }
}
