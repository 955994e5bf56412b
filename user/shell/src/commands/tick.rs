//! `tick`: counts aloud.

use crate::{Command, Failure, Shell, ask};
use bellwire::protocol::TimerRequest;
use bellwire::{Endpoint, Instant, Rights, Server, time};
use core::fmt::Write;
use core::time::Duration;

/// How much later than due a notification may come before the timer service counts as gone.
const PATIENCE: Duration = Duration::from_secs(5);

/// How far to count, and how fast.
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

    /// By notifications to an endpoint of this command's own.
    fn run(self, shell: &mut Shell) -> Result<(), Failure> {
        let endpoint = Endpoint::new()?;
        let outcome = self.count_aloud(shell, &endpoint);
        endpoint.destroy()?;
        outcome
    }
}

impl Tick {
    fn count_aloud(&self, shell: &mut Shell, endpoint: &Endpoint) -> Result<(), Failure> {
        let mut server = Server::new(endpoint.copy(Rights::RECEIVE)?);
        let every = TimerRequest::Every { period: time::cycles(self.period), bit: 0 };
        let notifier = endpoint.copy(Rights::NOTIFY | Rights::COPY)?;
        let [number, ..] = shell.timer.ask_with_handle(every, &notifier)?;
        for tick in 1..=self.count {
            server.next_before(Instant::now() + self.period + PATIENCE)?;
            writeln!(shell, "{tick}")?;
        }
        ask(&shell.timer, TimerRequest::Stop(number as u32))?;
        Ok(())
    }
}
