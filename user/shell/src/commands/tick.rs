//! `tick`: prints numbers at intervals.

use crate::waiter::NOTICE;
use crate::{Command, Failure, Shell};
use bellwire::protocol::TimerRequest;
use bellwire::{Error, Instant, time};
use core::fmt::Write;
use core::time::Duration;

/// How late a notification may be before the timer service counts as gone.
const PATIENCE: Duration = Duration::from_secs(5);

/// The command, with the last number and the interval.
pub struct Tick {
    count: u32,
    period: Duration,
}

impl Command for Tick {
    const NAME: &str = "tick";
    const ARGUMENTS: &str = "COUNT MS";
    const PURPOSE: &str = "count to COUNT, one every MS milliseconds";
    const HELP: &str = "Counts to COUNT, a number every MS milliseconds, by the timer service's notifications.";

    fn parse(words: &[&str]) -> Option<Self> {
        let [count, milliseconds] = words else { return None };
        Some(Self { count: count.parse().ok()?, period: Duration::from_millis(milliseconds.parse().ok()?) })
    }

    fn run(self, shell: &mut Shell) -> Result<(), Failure> {
        let every = TimerRequest::Every { period: time::cycles(self.period), bit: NOTICE };
        let [number, ..] = shell.timer.ask_for_notices(every)?;
        let counted = self.count_aloud(shell);
        shell.timer.ask_briefly(TimerRequest::Stop(u32::try_from(number).map_err(|_| Error::BadArgument)?))?;
        counted
    }
}

impl Tick {
    fn count_aloud(&self, shell: &mut Shell) -> Result<(), Failure> {
        for tick in 1..=self.count {
            shell.waiter.wait_for_notice(Instant::now() + self.period + PATIENCE)?;
            writeln!(shell, "{tick}")?;
        }
        Ok(())
    }
}
