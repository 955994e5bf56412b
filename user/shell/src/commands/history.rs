//! `history`: lists the lines that were typed before.

use crate::{Command, Failure, Shell};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;

/// The command.
pub struct History;

impl Command for History {
    const NAME: &str = "history";
    const PURPOSE: &str = "the lines typed before; Ctrl-R searches them";
    const HELP: &str = "\
Prints the last 100 lines that were typed, the oldest first. Up and Down bring them back one by one. Ctrl-R searches \
them for what you type next: Ctrl-R again goes to an older one, Return carries it out, Ctrl-G leaves it, and any \
other key edits it.";

    fn parse(words: &[&str]) -> Option<Self> {
        words.is_empty().then_some(Self)
    }

    fn run(self, shell: &mut Shell) -> Result<(), Failure> {
        let lines: Vec<String> = shell.editor.history().collect();
        for (number, line) in (1..).zip(&lines) {
            writeln!(shell, "{number:>4}  {line}")?;
        }
        Ok(())
    }
}
