//! `mem`: the machine's memory, and how much each process holds.

use super::holders::{held, processes};
use crate::{Command, Failure, Shell};
use bellwire::{MemoryUse, PAGE_BYTES, ProcessUse};
use core::fmt::Write;

/// The command.
pub struct Memory;

impl Command for Memory {
    const NAME: &str = "mem";
    const PURPOSE: &str = "memory in use and free";
    const HELP: &str = "\
Says how much memory the kernel hands out, how much of it is free, and who holds the rest: init and the programs, \
their page tables included, as ps lists them one by one, and the kernel itself. The kernel's image, the modules that \
the boot loader brought and what firmware keeps aren't part of it.";

    fn parse(words: &[&str]) -> Option<Self> {
        words.is_empty().then_some(Self)
    }

    fn run(self, shell: &mut Shell) -> Result<(), Failure> {
        let slots = processes(shell)?;
        let MemoryUse { frames, free, .. } = MemoryUse::of_machine()?;
        let [mut programs, mut kernel] = [0; 2];
        for (slot, process) in &slots {
            let holder = if process.badge == ProcessUse::KERNEL { &mut kernel } else { &mut programs };
            *holder += held(*slot, process, &slots);
        }
        let kibibytes = |frames: u32| frames as usize * (PAGE_BYTES / 1024);
        writeln!(shell, "{} KiB in all, {} KiB free", kibibytes(frames), kibibytes(free))?;
        Ok(writeln!(
            shell,
            "{} KiB held by init and the programs, {} KiB by the kernel",
            kibibytes(programs),
            kibibytes(kernel)
        )?)
    }
}
