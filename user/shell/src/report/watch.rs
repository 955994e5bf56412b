//! `irq -w`: which interrupts come now, drawn over and over in one place.

use super::each;
use super::interrupts::{kind, name_of, number};
use crate::{Failure, Shell, Style};
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use bellwire::{Instant, Source};
use core::fmt::{self, Write};
use core::time::Duration;

/// How often the picture is drawn anew.
const PERIOD: Duration = Duration::from_millis(500);

/// A source and how often it interrupts.
struct Row {
    number: String,
    kind: &'static str,
    owner: String,
    rate: u64,
    taken: u32,
}

/// Draws until Ctrl-C.
pub fn watch(shell: &mut Shell) -> Result<(), Failure> {
    let mut earlier = (Instant::now(), counts(&sources(shell)?));
    // The screen is cleared once; after that each picture is drawn over the one before.
    shell.write_str("\x1b[2J")?;
    loop {
        shell.wait_until(earlier.0 + PERIOD)?;
        let programs = shell.programs()?;
        let sources = sources(shell)?;
        let now = Instant::now();
        let milliseconds = (now - earlier.0).as_millis() as u64;
        let mut rows: Vec<_> = sources
            .iter()
            .map(|source| {
                let before = earlier.1.get(&source.line).copied().unwrap_or(source.taken);
                let count = u64::from(source.taken.wrapping_sub(before));
                Row {
                    number: number(source),
                    kind: kind(source),
                    owner: name_of(&programs, source.owner),
                    rate: (count * 1000).checked_div(milliseconds).unwrap_or(0),
                    taken: source.taken,
                }
            })
            .collect();
        // A stable sort: of equals, the one stays first that was claimed first.
        rows.sort_by_key(|row| core::cmp::Reverse(row.rate));
        let mut picture = String::new();
        draw(&mut picture, &rows, shell.width())?;
        shell.write_str(&picture)?;
        shell.terminal.flush()?;
        earlier = (now, counts(&sources));
    }
}

fn sources(shell: &Shell) -> Result<Vec<Source>, Failure> {
    Ok(each(|index| shell.counters.source(index))?)
}

fn counts(sources: &[Source]) -> BTreeMap<u8, u32> {
    sources.iter().map(|source| (source.line, source.taken)).collect()
}

/// The whole picture, from the screen's upper left corner on.
fn draw(out: &mut impl Write, rows: &[Row], width: usize) -> fmt::Result {
    /// What the words and numbers take, with the blank before the bar.
    const LEFT: usize = 47;
    let most = rows.iter().map(|row| row.rate).max().unwrap_or(0);
    let total: u64 = rows.iter().map(|row| row.rate).sum();
    write!(out, "\x1b[H")?;
    line(out, &alloc::format!("{total} interrupts a second. Ctrl-C ends this."), Style::Plain)?;
    line(out, "LINE  KIND   OWNER         A SECOND      COUNT", Style::Heading)?;
    for row in rows {
        let Row { number, kind, owner, rate, taken } = row;
        let room = width.saturating_sub(LEFT) as u64;
        // The bar of the most frequent fills the room, and none that interrupts at all is without one.
        let length = (rate * room).div_ceil(most.max(1)) as usize;
        let style = if *rate == 0 { Style::Faint } else { Style::Plain };
        let bar = "#".repeat(length);
        let text = alloc::format!("{number:<6}{kind:<7}{owner:<12}{rate:>10}{taken:>11} {bar}");
        let end = text.char_indices().nth(width).map_or(text.len(), |(end, _)| end);
        line(out, text[..end].trim_end(), style)?;
    }
    write!(out, "\x1b[J")
}

/// A line, and nothing of what stood there before.
fn line(out: &mut impl Write, text: &str, style: Style) -> fmt::Result {
    writeln!(out, "{}\x1b[K", style.of(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_long_as_rates_and_fit() {
        let row = |number: &str, rate, taken| Row {
            number: number.into(),
            kind: "level",
            owner: "keyboard-ps2".into(),
            rate,
            taken,
        };
        let rows = [row("11", 50_000, u32::MAX), row("8", 1024, 5), row("NMI", 0, 0)];
        for width in [40, 80, 132] {
            let mut picture = String::new();
            draw(&mut picture, &rows, width).unwrap();
            let lines: Vec<_> = picture.lines().map(|line| line.replace("\x1b[H", "").replace("\x1b[K", "")).collect();
            let bar = |line: &str| line.chars().filter(|character| *character == '#').count();
            let room = width.saturating_sub(47);
            assert_eq!(
                (bar(&lines[2]), bar(&lines[3]), bar(&lines[4])),
                (room, (room * 1024).div_ceil(50_000), 0),
                "{picture}"
            );
            for line in &lines[2..4] {
                assert!(line.chars().count() <= width, "{width}: {line}");
            }
        }
    }
}
