//! `log`: prints what the kernel still has of its log, and follows it.

use crate::{Command, Failure, Shell};
use bellwire::Instant;
use core::fmt::Write;
use core::time::Duration;

/// How often `log -f` looks whether the log has grown: the kernel notifies nobody.
const PERIOD: Duration = Duration::from_millis(200);

/// The command.
pub enum Log {
    /// Prints the log.
    All,
    /// Prints the log, then what comes.
    Follow,
}

impl Command for Log {
    const NAME: &str = "log";
    const ARGUMENTS: &str = "[-f]";
    const PURPOSE: &str = "the kernel's log; -f: and what comes";
    const HELP: &str = "\
Prints what is still there of the kernel's log: its own lines and those of the programs, each with the seconds since \
the kernel began. With -f it goes on with what comes, until Ctrl-C.";

    fn parse(words: &[&str]) -> Option<Self> {
        match words {
            [] => Some(Self::All),
            ["-f"] => Some(Self::Follow),
            _ => None,
        }
    }

    fn run(self, shell: &mut Shell) -> Result<(), Failure> {
        let mut position = 0;
        loop {
            position = print_from(shell, position)?;
            match self {
                Self::All => return Ok(()),
                Self::Follow => shell.wait_until(Instant::now() + PERIOD)?,
            }
        }
    }

    fn complete(_: &Shell, before: &[&str]) -> alloc::vec::Vec<alloc::string::String> {
        if before.is_empty() { alloc::vec!["-f".into()] } else { alloc::vec::Vec::new() }
    }
}

/// Prints the log from a position on, and returns the position of what comes next.
fn print_from(shell: &mut Shell, mut position: u32) -> Result<u32, Failure> {
    loop {
        let (next, count, bytes) = shell.log.log_read(position)?;
        if count == 0 {
            shell.terminal.flush()?;
            return Ok(position);
        }
        for byte in &bytes[..count] {
            match byte {
                b'\r' => {}
                byte => shell.terminal.write_char(char::from(*byte))?,
            }
        }
        position = next;
    }
}
