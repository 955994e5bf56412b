//! `irq -w`: the interrupts that come now, drawn again and again in one place.

use super::each;
use super::interrupts::{kind, name_of, number};
use crate::{Failure, Shell, Style};
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
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

/// The columns that have room, beside those for the line, its owner, the rate and the bar.
#[derive(Clone, Copy)]
struct Columns {
    /// The width of the column for the kind; 0 if it is left out.
    kind: usize,
    /// The width of the column for the count; 0 if it is left out.
    count: usize,
    /// The length of the longest bar.
    bar: usize,
}

impl Columns {
    /// The width of the columns that are always there, with the blank before the bar.
    const LEAST: usize = 29;
    const KIND: usize = 7;
    const COUNT: usize = 11;
    /// The least length of the longest bar: a column is left out before the bar gets shorter.
    const BAR: usize = 10;

    fn new(width: usize) -> Self {
        let mut spare = width.saturating_sub(Self::LEAST);
        let mut room_for = |column| {
            let fits = spare >= column + Self::BAR;
            let taken = if fits { column } else { 0 };
            spare -= taken;
            taken
        };
        let (kind, count) = (room_for(Self::KIND), room_for(Self::COUNT));
        Self { kind, count, bar: spare }
    }

    fn text(self, number: &str, kind: &str, owner: &str, rate: &str, count: &str) -> String {
        let mut text = format!("{number:<6}");
        if self.kind > 0 {
            text += &format!("{kind:<0$}", self.kind);
        }
        text += &format!("{owner:<12}{rate:>10}");
        if self.count > 0 {
            text += &format!("{count:>0$}", self.count);
        }
        text
    }
}

/// Draws the whole picture, from the screen's upper left corner on.
fn draw(out: &mut impl Write, rows: &[Row], width: usize) -> fmt::Result {
    let columns = Columns::new(width);
    let most = rows.iter().map(|row| row.rate).max().unwrap_or(0);
    let total: u64 = rows.iter().map(|row| row.rate).sum();
    write!(out, "\x1b[H")?;
    let what = if columns.count > 0 { " interrupts" } else { "" };
    line(out, &format!("{total}{what} a second. Ctrl-C ends this."), width, Style::Plain)?;
    line(out, &columns.text("LINE", "KIND", "OWNER", "A SECOND", "COUNT"), width, Style::Heading)?;
    for row in rows {
        let Row { number, kind, owner, rate, taken } = row;
        // The bar of the most frequent source fills the room, and every source that interrupts has a bar.
        let length = (rate * columns.bar as u64).div_ceil(most.max(1)) as usize;
        let style = if *rate == 0 { Style::Faint } else { Style::Plain };
        let text = columns.text(number, kind, owner, &rate.to_string(), &taken.to_string());
        line(out, &format!("{text} {}", "#".repeat(length)), width, style)?;
    }
    write!(out, "\x1b[J")
}

/// Writes a line as far as it fits, and erases the rest of what stood there before.
fn line(out: &mut impl Write, text: &str, width: usize, style: Style) -> fmt::Result {
    let end = text.char_indices().nth(width).map_or(text.len(), |(end, _)| end);
    writeln!(out, "{}\x1b[K", style.of(text[..end].trim_end()))
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
        for (width, room) in [(40, 11_usize), (57, 10), (80, 33), (132, 85)] {
            let mut picture = String::new();
            draw(&mut picture, &rows, width).unwrap();
            let lines: Vec<_> = picture.lines().map(plain).collect();
            let bar = |line: &str| line.chars().filter(|character| *character == '#').count();
            assert_eq!(
                (bar(&lines[2]), bar(&lines[3]), bar(&lines[4])),
                (room, (room * 1024).div_ceil(50_000), 0),
                "{picture}"
            );
            for line in &lines {
                assert!(line.chars().count() <= width, "{width}: {line}");
            }
        }
    }

    #[test]
    fn a_narrow_terminal_shows_what_matters() {
        let row = Row { number: "8".into(), kind: "edge", owner: "rtc".into(), rate: 1024, taken: 5 };
        let mut picture = String::new();
        draw(&mut picture, &[row], 40).unwrap();
        let lines: Vec<_> = picture.lines().map(plain).collect();
        assert_eq!(lines[0], "1024 a second. Ctrl-C ends this.");
        assert_eq!(lines[1], "LINE  OWNER         A SECOND");
        assert_eq!(lines[2], "8     rtc               1024 ###########");
    }

    /// Returns a line without its escape sequences.
    fn plain(line: &str) -> String {
        let mut rest = line;
        let mut plain = String::new();
        while let Some((before, sequence)) = rest.split_once("\x1b[") {
            plain += before;
            rest = sequence.split_once(|end: char| end.is_ascii_alphabetic()).map_or("", |(_, after)| after);
        }
        plain + rest
    }
}
