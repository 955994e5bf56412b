//! `rtc`: the periodic interrupt of the real-time clock.

use super::counted;
use crate::{Command, Failure, Shell, ask};
use bellwire::Error;
use bellwire::protocol::{ClockRequest, Ticks};
use core::fmt::Write;

/// The command, with the rate to set, if one was given.
pub struct Clock {
    rate: Option<u32>,
}

impl Command for Clock {
    const NAME: &str = "rtc";
    const ARGUMENTS: &str = "[RATE]";
    const PURPOSE: &str = "let the clock interrupt; count how often it did";
    const HELP: &str = "\
Lets the real-time clock interrupt RATE times a second: a power of two from 2 to 1024, or 0 to stop. Without RATE, \
the rate stays as it is. Either way it says how often the clock has interrupted.";

    fn parse(words: &[&str]) -> Option<Self> {
        match words {
            [] => Some(Self { rate: None }),
            [rate] => Some(Self { rate: Some(rate.parse().ok()?) }),
            _ => None,
        }
    }

    fn run(self, shell: &mut Shell) -> Result<(), Failure> {
        let request = self.rate.map_or(ClockRequest::Ticks, ClockRequest::Rate);
        let words = ask(&shell.clock, request).map_err(|failure| match failure {
            Failure::Refused(Error::BadArgument) => {
                Failure::because("The rate must be 0 or a power of two from 2 to 1024.")
            }
            other => other,
        })?;
        let Ticks { count, rate } = Ticks::from_words(words)?;
        Ok(writeln!(shell, "{}, {rate} a second from now on", counted(count, "tick", "ticks"))?)
    }
}
