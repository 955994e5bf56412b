//! `log`: all of the kernel's log that is still there.

use crate::{Command, Failure, Shell};
use core::fmt::Write;

/// The command.
pub struct Log;

impl Command for Log {
    const NAME: &str = "log";
    const PURPOSE: &str = "the kernel's log";
    const HELP: &str = "Prints what is still there of the kernel's log: its own lines and those of the programs.";

    fn parse(words: &[&str]) -> Option<Self> {
        words.is_empty().then_some(Self)
    }

    fn run(self, shell: &mut Shell) -> Result<(), Failure> {
        let mut position = 0;
        loop {
            let (next, count, bytes) = shell.log.log_read(position)?;
            if count == 0 {
                return shell.terminal.flush();
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
}
