//! `paste`: reads bytes and writes them back unchanged.

use super::counted;
use crate::command::Typed;
use crate::{Command, Failure, Shell};
use core::fmt::Write;

/// The command, with the number of bytes.
pub struct Paste {
    bytes: u32,
}

impl Command for Paste {
    const NAME: &str = "paste";
    const ARGUMENTS: &str = "BYTES";
    const PURPOSE: &str = "read BYTES bytes and write them back unchanged";
    const HELP: &str = "\
Reads BYTES bytes, whatever they are, and writes them back: shows that none is lost. Only their number ends it; \
Ctrl-C is one of them.";
    const TYPED: Typed = Typed::ByTheCommand;

    fn parse(words: &[&str]) -> Option<Self> {
        let [bytes] = words else { return None };
        Some(Self { bytes: bytes.parse().ok()? })
    }

    fn run(self, shell: &mut Shell) -> Result<(), Failure> {
        let count = counted(self.bytes, "byte", "bytes");
        writeln!(shell, "send {count}")?;
        let mut left = self.bytes as usize;
        while left != 0 {
            let chunk = shell.terminal.read(left)?;
            shell.terminal.send(chunk.bytes())?;
            left -= chunk.bytes().len();
        }
        Ok(writeln!(shell, "\n{count} came and went")?)
    }
}
