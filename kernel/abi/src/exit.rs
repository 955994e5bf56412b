//! How a process ends, and what the CPU's exceptions are called.

use core::fmt;

/// What ended a process: the label of a message of [`crate::Kind::Exit`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ExitKind {
    /// Its own call; word 0 is the exit code.
    #[default]
    Exited = 0,
    /// A call of a process that has the right to; word 0 is the reason that it gave.
    Killed = 1,
    /// An exception that nobody handled; words: vector, error code, address, instruction pointer.
    Faulted = 2,
}

impl ExitKind {
    /// The kind of a label; a label from a newer kernel reads as [`ExitKind::Faulted`].
    pub const fn from_label(label: u8) -> Self {
        match label {
            0 => Self::Exited,
            1 => Self::Killed,
            _ => Self::Faulted,
        }
    }
}

/// An exception by its vector, with the names of Intel's manual (SDM 3A, 6.15).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Exception(pub u8);

impl Exception {
    /// The page fault.
    pub const PAGE_FAULT: Self = Self(14);

    /// Its name; what a program can't raise has the number alone.
    pub const fn name(self) -> &'static str {
        match self.0 {
            0 => "divide error",
            1 => "debug exception",
            3 => "breakpoint",
            4 => "overflow",
            5 => "bound exceeded",
            6 => "invalid opcode",
            7 => "no floating point",
            10 => "invalid TSS",
            11 => "segment not present",
            12 => "stack fault",
            13 => "general protection",
            14 => "page fault",
            16 => "x87 error",
            17 => "alignment check",
            19 => "SIMD error",
            21 => "control protection",
            _ => "exception",
        }
    }

    /// What a program does to raise it, in a few words that follow its name.
    pub const fn meaning(self) -> &'static str {
        match self.0 {
            0 => "a division by zero, or a quotient too large",
            1 => "a step or a watched address",
            3 => "an int3 instruction",
            4 | 5 => "an index or a result out of bounds",
            6 => "an instruction that this CPU doesn't have",
            7 => "no memory is left for floating-point state",
            10 | 11 => "a segment that isn't there",
            12 => "a stack address that can't be",
            13 => "a privileged instruction, a port that isn't granted, or an address that can't be",
            14 => "memory that isn't mapped, or not so",
            16 | 19 => "a floating-point error that isn't masked",
            17 => "an address that isn't aligned",
            21 => "a return to elsewhere",
            _ => "of the CPU",
        }
    }
}

/// The name and the vector.
impl fmt::Display for Exception {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} (vector {})", self.name(), self.0)
    }
}

/// What a page fault's error code says that the program did (SDM 3A, 4.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PageFaultCode(pub usize);

impl PageFaultCode {
    /// What it tried, and why that failed.
    pub const fn words(self) -> (&'static str, &'static str) {
        const PRESENT: usize = 1 << 0;
        const WRITE: usize = 1 << 1;
        const FETCH: usize = 1 << 4;
        let tried = match self.0 {
            code if code & FETCH != 0 => "executed",
            code if code & WRITE != 0 => "wrote to",
            _ => "read",
        };
        (tried, if self.0 & PRESENT != 0 { "which it may not" } else { "where nothing is mapped" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    extern crate std;
    use std::format;

    #[test]
    fn exceptions_have_names() {
        assert_eq!(format!("{}", Exception(13)), "general protection (vector 13)");
        assert_eq!(format!("{}", Exception(31)), "exception (vector 31)");
    }

    #[test]
    fn page_faults_say_what_was_tried() {
        assert_eq!(PageFaultCode(4).words(), ("read", "where nothing is mapped"));
        assert_eq!(PageFaultCode(7).words(), ("wrote to", "which it may not"));
        assert_eq!(PageFaultCode(0x15).words(), ("executed", "which it may not"));
    }

    #[test]
    fn labels_name_how_a_process_ended() {
        for kind in [ExitKind::Exited, ExitKind::Killed, ExitKind::Faulted] {
            assert_eq!(ExitKind::from_label(kind as u8), kind);
        }
    }
}
