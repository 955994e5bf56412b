//! Counts what a bench's rounds do besides executing instructions, for each row.
//!
//! Instructions aren't cycles: a write to CR3 costs as much as a hundred of them. Between two marks of the bench
//! ([`Mark`]) the module counts the instructions that serialise or leave the CPU, and the memory that the kernel
//! touches. The cheapest round stands for its row, as in the bench's own count of instructions.
//!
//! The marks are the instructions by which the bench reads the clock, so a round has the same instructions here and
//! there.

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
const NAMES: [&str; 14] = [
    "kernel", "user", "cr3", "control", "msr", "port", "apic", "ioapic", "iret", "fast", "flush", "stack", "lines",
    "written",
];

/// A round's counts, in the order of [`NAMES`].
type Counts = [u64; NAMES.len()];

/// The counts of all rows.
#[derive(Debug)]
pub struct Rows {
    /// The cheapest round of each row.
    rows: Vec<Option<Counts>>,
    /// Whether rounds belong to the last of them.
    in_row: bool,
    round: Option<Round>,
}

#[derive(Debug)]
struct Round {
    way: Way,
    counts: Counts,
    lines: HashSet<u64>,
    written: HashSet<u64>,
}

/// Where a round goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Way {
    There,
    Back,
    ThereAndBack,
}

impl Rows {
    pub const fn new() -> Self {
        Self { rows: Vec::new(), in_row: false, round: None }
    }

    /// Whether a round is going on.
    pub fn is_open(&self) -> bool {
        self.round.is_some()
    }

    pub fn executed(&mut self, instruction: &Instruction) {
        match instruction.class {
            Class::Mark(mark) => self.marked(mark),
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
                    Kind::FastReturn => self.count("fast"),
                    Kind::Flush => self.count("flush"),
                    Kind::StackSwitch => self.count("stack"),
                }
            }
        }
    }

    fn marked(&mut self, mark: Mark) {
        let way = self.round.as_ref().map(|round| round.way);
        match mark {
            Mark::RowBegins => {
                self.rows.push(None);
                self.in_row = true;
            }
            Mark::RowEnds => {
                self.in_row = false;
                self.round = None;
            }
            Mark::There => self.begin(Way::There),
            Mark::ThereAndBack => self.begin(Way::ThereAndBack),
            Mark::OtherSide if way == Some(Way::ThereAndBack) => self.count("user"),
            Mark::OtherSide => {
                if way == Some(Way::There) {
                    self.end();
                }
                self.begin(Way::Back);
            }
            Mark::Back if way != Some(Way::There) => self.end(),
            Mark::Back => {}
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
                let line = address / LINE_BYTES;
                let is_new = round.lines.insert(line);
                let is_newly_written = matches!(touch, Touch::Write(_)) && round.written.insert(line);
                if is_new {
                    self.count("lines");
                }
                if is_newly_written {
                    self.count("written");
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

    fn begin(&mut self, way: Way) {
        let round = Round { way, counts: [0; NAMES.len()], lines: HashSet::new(), written: HashSet::new() };
        self.round = self.in_row.then_some(round);
    }

    fn end(&mut self) {
        let (Some(round), Some(row)) = (self.round.take(), self.rows.last_mut()) else { return };
        if row.is_none_or(|cheapest| round.counts < cheapest) {
            *row = Some(round.counts);
        }
    }

    pub fn report(&self, text: &mut String) -> fmt::Result {
        for (number, row) in self.rows.iter().enumerate() {
            let Some(row) = row else {
                writeln!(text, "row {number}")?;
                continue;
            };
            write!(text, "row {number}")?;
            for (name, count) in NAMES.iter().zip(row) {
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

    const KERNEL: Class = Class::Kernel(Kind::Plain);

    fn run(rows: &mut Rows, classes: &[Class]) {
        for &class in classes {
            rows.executed(&Instruction { address: 0, class });
        }
    }

    fn marks(rows: &mut Rows, marks: &[Mark]) {
        for &mark in marks {
            run(rows, &[Class::Mark(mark)]);
        }
    }

    fn report(rows: &Rows) -> String {
        let mut text = String::new();
        assert!(rows.report(&mut text).is_ok());
        text
    }

    #[test]
    fn the_cheapest_round_of_a_row_counts() {
        let mut rows = Rows::new();
        run(&mut rows, &[KERNEL]);
        marks(&mut rows, &[Mark::ThereAndBack, Mark::Back, Mark::RowBegins, Mark::ThereAndBack]);
        run(&mut rows, &[KERNEL, KERNEL, Class::Mark(Mark::Back), KERNEL, Class::Mark(Mark::ThereAndBack), KERNEL]);
        rows.touched(Touch::Read(0x40));
        rows.touched(Touch::Write(0x7F));
        rows.touched(Touch::Device(0xFEE0_00B0));
        run(&mut rows, &[Class::Kernel(Kind::AddressSpace)]);
        marks(&mut rows, &[Mark::Back, Mark::Back, Mark::ThereAndBack]);
        run(&mut rows, &[KERNEL, KERNEL, KERNEL, Class::Mark(Mark::Back)]);
        marks(&mut rows, &[Mark::RowEnds, Mark::ThereAndBack, Mark::Back]);
        let text = report(&rows);
        assert!(text.starts_with("row 0 kernel=2 user=0 cr3=0 "), "{text}");
        assert_eq!(text.lines().count(), 1);
    }

    #[test]
    fn the_other_side_ends_only_a_round_that_goes_there() {
        let mut rows = Rows::new();
        marks(&mut rows, &[Mark::RowBegins, Mark::There]);
        run(&mut rows, &[KERNEL, KERNEL, KERNEL, Class::Mark(Mark::OtherSide)]);
        run(&mut rows, &[KERNEL, Class::Mark(Mark::There), KERNEL, Class::Mark(Mark::Back), KERNEL]);
        marks(&mut rows, &[Mark::RowEnds, Mark::RowBegins]);
        run(&mut rows, &[KERNEL, KERNEL, Class::Mark(Mark::OtherSide), KERNEL, Class::Mark(Mark::Back)]);
        marks(&mut rows, &[Mark::RowEnds, Mark::RowBegins, Mark::ThereAndBack]);
        run(&mut rows, &[KERNEL, KERNEL, Class::Mark(Mark::OtherSide), KERNEL, KERNEL, Class::Mark(Mark::Back)]);
        let text = report(&rows);
        let kernel: Vec<_> = text.lines().map(|line| line.split(' ').nth(2)).collect();
        assert_eq!(kernel, [Some("kernel=3"), Some("kernel=1"), Some("kernel=4")]);
    }

    #[test]
    fn a_line_counts_once_a_round() {
        let mut rows = Rows::new();
        marks(&mut rows, &[Mark::RowBegins, Mark::ThereAndBack]);
        for touch in [Touch::Read(0x40), Touch::Write(0x48), Touch::Write(0x4C), Touch::Read(0x80)] {
            rows.touched(touch);
        }
        marks(&mut rows, &[Mark::Back]);
        assert!(report(&rows).contains(" lines=2 written=1"), "{}", report(&rows));
    }
}
