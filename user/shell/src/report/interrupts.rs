//! `irq`: a row for each interrupt source, then the counts that belong to no source; with `-w` the busiest sources,
//! drawn again and again; with a line, why its interrupts don't come.

use super::{each, line, watch};
use crate::commands::counted;
use crate::{Cell, Column, Command, Failure, Latency, Shell, Style, Table};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use bellwire::protocol::ProgramStatus;
use bellwire::{Instant, LINE_NMI, Source, time};
use core::fmt::Write;
use core::num::NonZeroU32;
use core::time::Duration;

/// The command.
pub enum Interrupts {
    /// The table.
    Table,
    /// The table of what happens now, refreshed in place.
    Watch,
    /// The report on a line.
    Line(u8),
}

impl Command for Interrupts {
    const NAME: &str = "irq";
    const ARGUMENTS: &str = "[-w | LINE]";
    const PURPOSE: &str = "interrupts: counts, rates, why one doesn't come";
    const HELP: &str = "\
Lists the interrupt sources and what has become of their interrupts. COALESCED ones were counted in a message that \
nobody had read yet, SPURIOUS ones were none after all, and of DROPPED ones nobody could be told. P50, P99 and MAX \
are the time from the trap to the driver: of half of them, of 99 %, and of the slowest. A source that interrupts too \
often is off for a while, which a ! behind its kind shows.

  irq        the table
  irq -w     what comes now, the most frequent first, until Ctrl-C
  irq LINE   where LINE's interrupts are stuck, and why (LINE: a number, or nmi)";

    fn parse(words: &[&str]) -> Option<Self> {
        match words {
            [] => Some(Self::Table),
            ["-w"] => Some(Self::Watch),
            [line] if line.eq_ignore_ascii_case("nmi") => Some(Self::Line(LINE_NMI as u8)),
            [line] => Some(Self::Line(line.parse().ok()?)),
            _ => None,
        }
    }

    fn run(self, shell: &mut Shell) -> Result<(), Failure> {
        match self {
            Self::Table => table(shell),
            Self::Watch => watch::watch(shell),
            Self::Line(number) => line::explain(shell, number),
        }
    }

    fn complete(shell: &Shell, before: &[&str]) -> Vec<String> {
        if !before.is_empty() {
            return Vec::new();
        }
        let sources = each(|index| shell.counters.source(index)).unwrap_or_default();
        sources.iter().map(number).chain(["-w".to_string()]).collect()
    }
}

/// `irqtop`: another name for `irq -w`.
pub struct InterruptsTop;

impl Command for InterruptsTop {
    const NAME: &str = "irqtop";
    const PURPOSE: &str = "the same as irq -w";
    const HELP: &str = "Shows which interrupts come now, the most frequent first, until Ctrl-C.";

    fn parse(words: &[&str]) -> Option<Self> {
        words.is_empty().then_some(Self)
    }

    fn run(self, shell: &mut Shell) -> Result<(), Failure> {
        watch::watch(shell)
    }
}

fn table(shell: &mut Shell) -> Result<(), Failure> {
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
    let programs = shell.programs()?;
    let sources = each(|index| shell.counters.source(index))?;
    let now = Instant::now();
    let storms: Vec<String> = sources.iter().filter_map(|source| storms(source, now)).collect();
    for source in sources {
        let Source { taken, coalesced, spurious, dropped, .. } = source;
        let [middle, high, longest] = [source.percentile(50), source.percentile(99), source.longest.into()]
            .map(|cycles| Cell::from(Latency(time::duration(cycles)).to_string()));
        let [taken, coalesced, spurious, dropped] =
            [taken, coalesced, spurious, dropped].map(|count| Cell::from(count.to_string()));
        table.row([
            number(&source).into(),
            marked_kind(&source),
            name_of(&programs, source.owner).into(),
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
    for storm in storms {
        writeln!(shell, "{storm}")?;
    }
    let kernel = shell.counters.kernel()?;
    let (pic, apic) = kernel.spurious;
    Ok(writeln!(
        shell,
        "spurious vectors: {pic} of the PIC, {apic} of the APIC; {} of lines without owner; {}",
        kernel.unowned,
        counted(kernel.nmis, "NMI", "NMIs")
    )?)
}

/// Returns a source's number, as `irq` takes it.
pub fn number(source: &Source) -> String {
    if usize::from(source.line) == LINE_NMI { "NMI".into() } else { source.line.to_string() }
}

/// Returns how a source signals.
pub fn kind(source: &Source) -> &'static str {
    match source {
        Source { message: true, .. } => "msi",
        Source { level: true, .. } => "level",
        _ => "edge",
    }
}

/// Returns how a source signals, marked if the source is off after a storm.
fn marked_kind(source: &Source) -> Cell {
    match source.off_until {
        Some(_) => Cell::from(format!("{}!", kind(source))).styled(Style::Warning),
        None => kind(source).into(),
    }
}

/// Returns what has become of a source that has stormed; nothing for one that hasn't.
fn storms(source: &Source, now: Instant) -> Option<String> {
    let name = if source.message { "message interrupt" } else { "line" };
    let times = counted(NonZeroU32::new(source.storms)?.get(), "time", "times");
    let now = match source.off_until {
        None => "on again".to_string(),
        Some(back) => match Instant::from_cycles(back) - now {
            Duration::ZERO => "off until its message is completed".into(),
            left => format!("off for another {}", Latency(left)),
        },
    };
    Some(format!("{name} {} came too often, {times}; it is {now}", number(source)))
}

/// Returns the name of the program with a badge.
pub fn name_of(programs: &[ProgramStatus], badge: u16) -> String {
    let program = programs.iter().find(|program| program.badge == badge);
    program.map_or_else(|| format!("#{badge}"), |program| program.name.to_string())
}
