//! `sleep`: waits.

use crate::{Command, Failure, Shell, ask};
use bellwire::Instant;
use bellwire::protocol::TimerRequest;
use core::time::Duration;

/// The longest wait of one call to the timer service. So a call that Ctrl-C gave up is over after that time.
const LONGEST: Duration = Duration::from_secs(1);

/// The command, with the time to wait.
pub struct Sleep {
    milliseconds: u32,
}

impl Command for Sleep {
    const NAME: &str = "sleep";
    const ARGUMENTS: &str = "MILLISECONDS";
    const PURPOSE: &str = "wait, by the timer service";
    const HELP: &str = "Waits for MILLISECONDS by asking the timer service to answer later. Ctrl-C ends the wait.";

    fn parse(words: &[&str]) -> Option<Self> {
        let [milliseconds] = words else { return None };
        Some(Self { milliseconds: milliseconds.parse().ok()? })
    }

    fn run(self, shell: &mut Shell) -> Result<(), Failure> {
        let end = Instant::now() + Duration::from_millis(self.milliseconds.into());
        loop {
            let now = Instant::now();
            if now >= end {
                return Ok(());
            }
            let next = end.min(now + LONGEST);
            ask(&shell.timer, TimerRequest::SleepUntil(next.cycles()))?;
        }
    }
}
