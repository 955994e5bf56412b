//! The end of a machine.

use std::process::ExitStatus;

/// The machine's end, as far as it can be seen from outside.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Exit {
    /// The guest wrote this value to the isa-debug-exit device.
    Debug(u8),
    /// The guest switched the machine off.
    PowerOff,
    /// The guest reset the machine, or a triple fault did.
    Reset,
    /// QEMU itself failed, or was told to end.
    Emulator(String),
}

impl Exit {
    /// Reads QEMU's status and the reason it gave. isa-debug-exit makes the status `value * 2 + 1`. A status of 1 may
    /// also be QEMU's own failure, so guests should write another value than 0.
    pub fn new(status: ExitStatus, shutdown: Option<&str>) -> Exit {
        match (status.code(), shutdown) {
            (Some(0), Some("guest-shutdown")) => Exit::PowerOff,
            (Some(0), Some("guest-reset")) => Exit::Reset,
            (Some(code @ 1..=255), _) if code % 2 == 1 => Exit::Debug((code / 2) as u8),
            (_, reason) => Exit::Emulator(format!("{status}, reason {}", reason.unwrap_or("unknown"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    fn status(code: i32) -> ExitStatus {
        ExitStatus::from_raw(code << 8)
    }

    #[test]
    fn the_debug_device_is_told_from_a_failure() {
        assert_eq!(Exit::new(status(33), None), Exit::Debug(0x10));
        assert!(matches!(Exit::new(status(2), None), Exit::Emulator(_)));
        assert!(matches!(Exit::new(ExitStatus::from_raw(6), None), Exit::Emulator(_)));
    }

    #[test]
    fn a_reset_is_no_power_off() {
        assert_eq!(Exit::new(status(0), Some("guest-reset")), Exit::Reset);
        assert_eq!(Exit::new(status(0), Some("guest-shutdown")), Exit::PowerOff);
    }
}
