//! `sleep`: waits.

use crate::{Command, Failure, Shell, ask};
use bellwire::Instant;
use bellwire::protocol::TimerRequest;
use core::time::Duration;

/// The longest that one call to the timer service waits. A call that Ctrl-C gave up is over by then.
const LONGEST: Duration = Duration::from_secs(1);

/// How long to wait.
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
