//! What a bench's rounds do besides executing instructions, row by row.
//!
//! Instructions aren't cycles: a write to CR3 costs as much as a hundred of them. Between two marks of the bench
//! ([`Mark`]) everything that serialises or leaves the CPU is counted, and what of memory the kernel touches. The
//! cheapest round of a row stands for it, as with the instructions that the bench counts itself.

use std::collections::HashSet;
use std::fmt::{self, Write};

use crate::instruction::{Class, Instruction, Kind, Mark};

/// Memory, as the kernel accesses it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Touch {
    Read(u64),
    Write(u64),
    /// A device at a physical address.
    Device(u64),
}

/// Bytes of a cache line, on every CPU since the Pentium 4.
const LINE_BYTES: u64 = 64;

/// The names of the counts, in the order in which they are reported.
const NAMES: [&str; 13] = [
    "kernel",
    "user",
    "cr3",
    "control",
    "msr",
    "port",
    "apic",
    "ioapic",
    "iret",
    "fast_return",
    "flush",
    "stack",
    "lines",
];

/// A round's counts, in the order of [`NAMES`].
type Counts = [u64; NAMES.len()];

/// The counts of all rows.
#[derive(Debug)]
pub struct Rows {
    /// The cheapest round of each row.
    rows: Vec<Option<Counts>>,
    round: Option<Round>,
}

#[derive(Debug, Default)]
struct Round {
    counts: Counts,
    lines: HashSet<u64>,
}

impl Rows {
    pub const fn new() -> Self {
        Self { rows: Vec::new(), round: None }
    }

    /// Whether a round is going on.
    pub fn is_open(&self) -> bool {
        self.round.is_some()
    }

    pub fn executed(&mut self, instruction: &Instruction) {
        match instruction.class {
            Class::Mark(Mark::Row) => self.rows.push(None),
            Class::Mark(Mark::Begin) => self.round = Some(Round::default()),
            Class::Mark(Mark::End) => self.end(),
            Class::User => self.count("user"),
            Class::Kernel(kind) => {
                self.count("kernel");
                match kind {
                    Kind::Plain | Kind::Halt => {}
                    Kind::AddressSpace => self.count("cr3"),
                    Kind::Control => self.count("control"),
                    Kind::ModelSpecific => self.count("msr"),
                    Kind::Port => self.count("port"),
                    Kind::InterruptReturn => self.count("iret"),
                    Kind::FastReturn => self.count("fast_return"),
                    Kind::Flush => self.count("flush"),
                    Kind::StackSwitch => self.count("stack"),
                }
            }
        }
    }

    pub fn touched(&mut self, touch: Touch) {
        const LOCAL_APIC: u64 = 0xFEE0_0000;
        const IO_APIC: u64 = 0xFEC0_0000;
        match touch {
            Touch::Device(physical) if physical & !0xFFF == LOCAL_APIC => self.count("apic"),
            Touch::Device(physical) if physical & !0xFFF == IO_APIC => self.count("ioapic"),
            Touch::Device(_) => {}
            Touch::Read(address) | Touch::Write(address) => {
                let Some(round) = &mut self.round else { return };
                if round.lines.insert(address / LINE_BYTES) {
                    self.count("lines");
                }
            }
        }
    }

    fn count(&mut self, name: &str) {
        let Some(round) = &mut self.round else { return };
        if let Some(index) = NAMES.iter().position(|known| *known == name) {
            round.counts[index] += 1;
        }
    }

    fn end(&mut self) {
        let (Some(round), Some(row)) = (self.round.take(), self.rows.last_mut()) else { return };
        if row.is_none_or(|cheapest| round.counts < cheapest) {
            *row = Some(round.counts);
        }
    }

    pub fn report(&self, text: &mut String) -> fmt::Result {
        for (number, row) in self.rows.iter().enumerate() {
            write!(text, "row {number}")?;
            for (name, count) in NAMES.iter().zip(row.unwrap_or_default()) {
                write!(text, " {name}={count}")?;
            }
            writeln!(text)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(rows: &mut Rows, classes: &[Class]) {
        for &class in classes {
            rows.executed(&Instruction { address: 0, class });
        }
    }

    #[test]
    fn the_cheapest_round_of_a_row_counts() {
        let mut rows = Rows::new();
        let kernel = Class::Kernel(Kind::Plain);
        run(&mut rows, &[kernel, Class::Mark(Mark::Row), Class::Mark(Mark::Begin), kernel, kernel]);
        run(&mut rows, &[Class::Mark(Mark::End), kernel, Class::Mark(Mark::Begin), kernel]);
        rows.touched(Touch::Read(0x40));
        rows.touched(Touch::Write(0x7F));
        rows.touched(Touch::Device(0xFEE0_00B0));
        run(&mut rows, &[Class::Kernel(Kind::AddressSpace), Class::Mark(Mark::End), Class::Mark(Mark::End)]);
        run(&mut rows, &[Class::Mark(Mark::Begin), kernel, kernel, kernel, Class::Mark(Mark::End)]);
        let mut text = String::new();
        assert!(rows.report(&mut text).is_ok());
        assert!(text.starts_with("row 0 kernel=2 user=0 cr3=0 "), "{text}");
        assert_eq!(text.lines().count(), 1);
    }

    #[test]
    fn a_line_counts_once_a_round() {
        let mut rows = Rows::new();
        run(&mut rows, &[Class::Mark(Mark::Row), Class::Mark(Mark::Begin)]);
        for address in [0x40, 0x48, 0x80] {
            rows.touched(Touch::Read(address));
        }
        run(&mut rows, &[Class::Mark(Mark::End)]);
        let mut text = String::new();
        assert!(rows.report(&mut text).is_ok());
        assert!(text.contains(" lines=2"), "{text}");
    }
}
