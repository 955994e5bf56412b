//! `clear`: empties the screen.

use crate::shell::CLEAR;
use crate::{Command, Failure, Shell};
use core::fmt::Write;

/// The command.
pub struct Clear;

impl Command for Clear {
    const NAME: &str = "clear";
    const PURPOSE: &str = "empty the screen, as Ctrl-L does";
    const HELP: &str = "Empties the screen. What has scrolled off it stays: Page Up shows it.";

    fn parse(words: &[&str]) -> Option<Self> {
        words.is_empty().then_some(Self)
    }

    fn run(self, shell: &mut Shell) -> Result<(), Failure> {
        Ok(shell.write_str(CLEAR)?)
    }
}
