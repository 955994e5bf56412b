//! `time`: the date and time of day, and the time since the machine started.

use crate::{Command, Failure, Shell, ask};
use bellwire::protocol::{ClockRequest, DateTime};
use bellwire::time;
use core::fmt::Write;

/// The command.
pub struct Time;

impl Command for Time {
    const NAME: &str = "time";
    const PURPOSE: &str = "date, time of day and uptime";
    const HELP: &str = "Says the date and time of day, as the real-time clock has it, and how long the system has run \
                        since it was started.";

    fn parse(words: &[&str]) -> Option<Self> {
        words.is_empty().then_some(Self)
    }

    fn run(self, shell: &mut Shell) -> Result<(), Failure> {
        let date = DateTime::from_words(ask(&shell.clock, ClockRequest::Time)?)?;
        let up = time::uptime()?;
        let (minutes, seconds) = (up.as_secs() / 60, up.as_secs() % 60);
        let (hours, minutes) = (minutes / 60, minutes % 60);
        let millis = up.subsec_millis();
        Ok(writeln!(shell, "{date}, up {hours}:{minutes:02}:{seconds:02}.{millis:03}")?)
    }
}
