//! `mem`: the machine's memory, and what its holders have of it.

use crate::{Command, Failure, Shell};
use bellwire::MemoryUse;
use core::fmt::Write;

/// The command.
pub struct Memory;

impl Command for Memory {
    const NAME: &str = "mem";
    const PURPOSE: &str = "memory in use and free";
    const HELP: &str = "Says how much memory the machine has, how much is free, and how much programs hold.";

    fn parse(words: &[&str]) -> Option<Self> {
        words.is_empty().then_some(Self)
    }

    fn run(self, shell: &mut Shell) -> Result<(), Failure> {
        let MemoryUse { frames, free, held } = MemoryUse::of_machine()?;
        let kibibytes = |frames: u32| frames as usize * (bellwire::PAGE_BYTES / 1024);
        let (total, free, held) = (kibibytes(frames), kibibytes(free), kibibytes(held));
        Ok(writeln!(shell, "{total} KiB in all, {free} KiB free, {held} KiB held by programs")?)
    }
}
