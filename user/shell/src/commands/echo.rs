//! `echo`: prints its arguments.

use crate::{Command, Failure, Shell};
use alloc::string::String;
use core::fmt::Write;

/// The command.
pub struct Echo {
    words: String,
}

impl Command for Echo {
    const NAME: &str = "echo";
    const ARGUMENTS: &str = "[WORDS]";
    const PURPOSE: &str = "say the words again";
    const HELP: &str = "\
Prints its arguments with one blank between two of them. Quotation marks keep blanks, as for all commands:

  echo 'two  blanks' \"it's\" a\\ b

Between '...' every character stands for itself. Between \"...\" a backslash takes the next \" or \\ as it is. \
Elsewhere a backslash takes any character as it is.";

    fn parse(words: &[&str]) -> Option<Self> {
        Some(Self { words: words.join(" ") })
    }

    fn run(self, shell: &mut Shell) -> Result<(), Failure> {
        Ok(writeln!(shell, "{}", self.words)?)
    }
}
