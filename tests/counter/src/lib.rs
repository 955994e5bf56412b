//! A plugin for QEMU that counts from outside: what the emulated CPU executes, without the kernel knowing.
//!
//! | file | what it counts |
//! |---|---|
//! | [`stretch`] | the longest stretches of kernel instructions between two of user mode: how long interrupts were off |
//! | [`row`] | the expensive things (CR3 writes, MSR accesses, cache lines, ...) between two marks of a bench |
//! | [`profile`] | how often each instruction of the kernel ran |
//!
//! QEMU loads it by `-plugin libcounter.so,out=FILE[,profile=on]` and it writes FILE when the machine ends; the runner
//! reads that (`runner::counter`). It needs no header and no library: `qemu` declares the few functions it takes from
//! the program that loads it. One CPU is assumed.

mod instruction;
// The functions that these modules import exist only inside QEMU, so test programs couldn't be linked with them.
#[cfg(not(test))]
mod plugin;
mod profile;
#[cfg(not(test))]
mod qemu;
mod row;
mod stretch;

use std::fmt::Write;

use instruction::{Class, Instruction};
use profile::Profile;
use row::{Rows, Touch};
use stretch::Stretches;

/// Everything that is counted.
struct Counter {
    instructions: Vec<Instruction>,
    stretches: Stretches,
    rows: Rows,
    profile: Option<Profile>,
    width: Width,
}

/// Where the kernel lies.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Width {
    I686,
    X86_64,
}

impl Width {
    /// Whether an address is one of the kernel's image, which begins at the linker scripts' `KERNEL_BASE`. The
    /// firmware's code lies above it on i686, and so does the page of call sequences, which is user code.
    pub(crate) fn is_kernel(self, address: u64) -> bool {
        const MOST_BYTES: u64 = 64 << 20;
        let base = match self {
            Self::I686 => 0xC000_0000,
            Self::X86_64 => 0xFFFF_FFFF_8000_0000,
        };
        address.checked_sub(base).is_some_and(|offset| offset < MOST_BYTES)
    }
}

impl Counter {
    const fn new() -> Self {
        Self {
            instructions: Vec::new(),
            stretches: Stretches::new(),
            rows: Rows::new(),
            profile: None,
            width: Width::X86_64,
        }
    }

    /// Notes an instruction of a block that is being translated; gives the number that its executions are told by.
    fn translated(&mut self, address: u64, bytes: &[u8]) -> usize {
        self.instructions.push(Instruction::decode(self.width, address, bytes));
        self.instructions.len() - 1
    }

    fn executed(&mut self, number: usize) {
        let Some(&instruction) = self.instructions.get(number) else { return };
        self.stretches.executed(&instruction);
        self.rows.executed(&instruction);
        if let (Some(profile), Class::Kernel(_)) = (&mut self.profile, instruction.class) {
            profile.executed(instruction.address);
        }
    }

    /// The kernel accesses memory.
    fn touched(&mut self, touch: Touch) {
        self.rows.touched(touch);
    }

    /// Whether an access of this instruction is to be told.
    fn wants_access(&self, number: usize) -> bool {
        self.rows.is_open() && self.instructions.get(number).is_some_and(|it| matches!(it.class, Class::Kernel(_)))
    }

    fn report(&self) -> String {
        let mut text = String::new();
        let written = self.stretches.report(&mut text).and(self.rows.report(&mut text));
        let written = written.and(self.profile.as_ref().map_or(Ok(()), |profile| profile.report(&mut text)));
        written.and(writeln!(text, "end")).map(|()| text).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KERNEL: u64 = 0xFFFF_FFFF_8000_0000;

    #[test]
    fn everything_counted_is_reported() {
        let mut counter = Counter::new();
        counter.profile = Some(Profile::default());
        let mark = counter.translated(0x1000, &[0x0F, 0x1F, 0x80, 0x00, 0x4C, 0x45, 0x42]);
        let begin = counter.translated(0x1000, &[0x36, 0x0F, 0x31]);
        let kernel = counter.translated(KERNEL, &[0x90]);
        let user = counter.translated(0x1000, &[0x90]);
        let end = counter.translated(0x1000, &[0x3E, 0x0F, 0x31]);
        for number in [kernel, user, mark, begin, kernel] {
            counter.executed(number);
        }
        assert!(counter.wants_access(kernel) && !counter.wants_access(user));
        counter.touched(Touch::Write(KERNEL));
        counter.executed(end);
        assert!(!counter.wants_access(kernel));
        let report = counter.report();
        for line in
            ["stretch 1 0xffffffff80000000", "row 0 kernel=1 ", " lines=1 written=1", "ran 0xffffffff80000000 2", "end"]
        {
            assert!(report.contains(line), "{line} isn't in {report}");
        }
    }
}
