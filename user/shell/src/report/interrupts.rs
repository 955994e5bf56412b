//! `irq`: a row for each interrupt source, then what belongs to none.

use super::each;
use crate::{Cell, Column, Command, Failure, Latency, Shell, Table, ask};
use alloc::string::{String, ToString};
use bellwire::protocol::{ProgramStatus, ProgramsRequest};
use bellwire::{Source, time};
use core::fmt::Write;

/// The command.
pub struct Interrupts;

impl Command for Interrupts {
    const NAME: &str = "irq";
    const PURPOSE: &str = "interrupts: counts, and latency to the driver";
    const HELP: &str = "\
Lists the interrupt sources and what has become of their interrupts. P50, P99 and MAX are the time from the trap to the \
driver, of half of them, of 99 %, and of the slowest.";

    fn parse(words: &[&str]) -> Option<Self> {
        words.is_empty().then_some(Self)
    }

    fn run(self, shell: &mut Shell) -> Result<(), Failure> {
        let mut table = Table::new(&[
            Column::words("LINE", 0),
            Column::words("KIND", 3),
            Column::words("OWNER", 0),
            Column::numbers("COUNT", 0),
            Column::numbers("COALESCED", 2),
            Column::numbers("SPURIOUS", 2),
            Column::numbers("DROPPED", 1),
            Column::numbers("P50", 1),
            Column::numbers("P99", 2),
            Column::numbers("MAX", 2),
        ]);
        for source in each(|index| shell.counters.source(index))? {
            let Source { line, taken, coalesced, spurious, dropped, .. } = source;
            let line = if usize::from(line) == bellwire::LINE_NMI { "NMI".to_string() } else { line.to_string() };
            let kind = match source {
                Source { message: true, .. } => "msi",
                Source { level: true, .. } => "level",
                _ => "edge",
            };
            let owner = name_of(shell, source.owner);
            let [middle, high, longest] = [source.percentile(50), source.percentile(99), source.longest.into()]
                .map(|cycles| Cell::from(Latency(time::duration(cycles)).to_string()));
            let [taken, coalesced, spurious, dropped] =
                [taken, coalesced, spurious, dropped].map(|count| Cell::from(count.to_string()));
            table.row([
                line.into(),
                kind.into(),
                owner.into(),
                taken,
                coalesced,
                spurious,
                dropped,
                middle,
                high,
                longest,
            ]);
        }
        shell.show(&table)?;
        let kernel = shell.counters.kernel()?;
        let (pic, apic) = kernel.spurious;
        Ok(writeln!(
            shell,
            "spurious vectors: {pic} of the PIC, {apic} of the APIC; {} of lines without owner; {} NMIs",
            kernel.unowned, kernel.nmis
        )?)
    }
}

fn name_of(shell: &Shell, badge: u16) -> String {
    match ask(&shell.programs, ProgramsRequest::Find { badge }) {
        Ok(words) => ProgramStatus::from_words(words).name.to_string(),
        Err(_) => alloc::format!("#{badge}"),
    }
}
