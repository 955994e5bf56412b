//! Tables that fit the terminal: columns are as wide as what is in them, and the least important ones are left out
//! where there is no room for all.

use crate::Style;
use crate::wrap::wrap;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{Result, Write};

/// The blanks between two columns, if there is room.
const GAP: usize = 2;
/// The blanks between two columns if there isn't room for more. Columns are left out only then.
const NARROW_GAP: usize = 1;

/// The side of its column on which a cell stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// For words.
    Left,
    /// For numbers.
    Right,
}

/// A column of a table.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    title: &'static str,
    align: Align,
    /// A column of rank 0 is never left out; of the others, the one of the highest rank goes first.
    rank: u8,
}

impl Column {
    /// Makes a column of words. A column of rank 0 is never left out; of the others, the one of the highest rank goes
    /// first, and of equal ranks the rightmost.
    pub const fn words(title: &'static str, rank: u8) -> Self {
        Self { title, align: Align::Left, rank }
    }

    /// Makes a column of numbers, with a rank as that of [`Column::words`].
    pub const fn numbers(title: &'static str, rank: u8) -> Self {
        Self { title, align: Align::Right, rank }
    }
}

/// The content of a row in a column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    /// Shows the cell in a style.
    pub fn styled(self, style: Style) -> Self {
        Self { style, ..self }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self { text: text.into(), style: Style::Plain }
    }
}

/// A table that is being made.
///
/// ```
/// use shell::{Cell, Column, Style, Table};
///
/// let mut table = Table::new(&[Column::words("NAME", 0), Column::numbers("THREADS", 1)]);
/// table.row(["serial".into(), "1".into()]);
/// table.row([Cell::from("edu").styled(Style::Bad), Cell::default()]);
/// let mut shown = String::new();
/// table.write(&mut shown, 80).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct Table<const N: usize> {
    columns: [Column; N],
    rows: Vec<[Cell; N]>,
}

impl<const N: usize> Table<N> {
    /// Makes a table without rows.
    pub fn new(columns: &[Column; N]) -> Self {
        Self { columns: *columns, rows: Vec::new() }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: [Cell; N]) {
        self.rows.push(cells);
    }

    /// Writes the head and the rows. Columns are left out as far as needed and allowed, so that no row is wider than
    /// `width`. The last line names the columns that were left out.
    pub fn write(&self, out: &mut impl Write, width: usize) -> Result {
        let widths = self.widths();
        let (kept, gap) = self.kept(&widths, width);
        let heads = self.columns.map(|column| Cell::from(column.title).styled(Style::Heading));
        for cells in core::iter::once(&heads).chain(&self.rows) {
            self.write_row(out, cells, &widths, kept, gap)?;
        }
        let missing: Vec<_> = (0..N).filter(|at| !kept[*at]).map(|at| self.columns[at].title).collect();
        if missing.is_empty() {
            return Ok(());
        }
        Style::Faint.begin(out)?;
        wrap(out, &alloc::format!("(no room for {})", missing.join(", ")), width)?;
        Style::Faint.end(out)
    }

    /// Returns how wide each column is.
    fn widths(&self) -> [usize; N] {
        core::array::from_fn(|at| {
            let cells = self.rows.iter().map(|row| length(&row[at].text));
            cells.chain([length(self.columns[at].title)]).max().unwrap_or(0)
        })
    }

    /// Returns which columns are shown, and how many blanks stand between them.
    fn kept(&self, widths: &[usize; N], width: usize) -> ([bool; N], usize) {
        let mut kept = [true; N];
        loop {
            let shown = (0..N).filter(|at| kept[*at]);
            let (cells, gaps) = shown.clone().fold((0, 0), |(cells, count), at| (cells + widths[at], count + 1));
            let needed = |gap| cells + gap * usize::saturating_sub(gaps, 1);
            let least = shown.filter(|at| self.columns[*at].rank > 0).max_by_key(|at| self.columns[*at].rank);
            match least {
                _ if needed(GAP) <= width => return (kept, GAP),
                Some(least) if needed(NARROW_GAP) > width => kept[least] = false,
                _ => return (kept, NARROW_GAP),
            }
        }
    }

    /// Writes the cells of a row, without blanks at its end.
    fn write_row(
        &self,
        out: &mut impl Write,
        cells: &[Cell; N],
        widths: &[usize; N],
        kept: [bool; N],
        gap: usize,
    ) -> Result {
        let mut blanks = 0;
        for at in (0..N).filter(|at| kept[*at]) {
            let Cell { text, style } = &cells[at];
            let spare = widths[at] - length(text);
            let (before, after) = match self.columns[at].align {
                Align::Left => (0, spare),
                Align::Right => (spare, 0),
            };
            if !text.is_empty() {
                write!(out, "{:1$}{2}", "", blanks + before, style.of(text))?;
                blanks = 0;
            }
            blanks += if text.is_empty() { before + after } else { after } + gap;
        }
        writeln!(out)
    }
}

/// Returns how many columns of a terminal a text takes.
fn length(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::ToString;

    fn shown(width: usize) -> String {
        let columns =
            [Column::words("NAME", 0), Column::words("STATE", 2), Column::numbers("CALLS", 1), Column::words("WHY", 2)];
        let mut table = Table::new(&columns);
        table.row(["serial".into(), "running".into(), "1234567".into(), Cell::default()]);
        table.row(["edu".into(), Cell::default(), "9".into(), "absent".into()]);
        let mut shown = String::new();
        table.write(&mut shown, width).unwrap();
        shown.replace("\x1b[1m", "").replace("\x1b[90m", "").replace("\x1b[m", "")
    }

    #[test]
    fn columns_are_aligned() {
        let expected = "\
NAME    STATE      CALLS  WHY
serial  running  1234567
edu                    9  absent
";
        assert_eq!(shown(80), expected);
        assert_eq!(shown(32), expected, "the widest row just fits");
        let narrow = "NAME   STATE     CALLS WHY\nserial running 1234567\nedu                  9 absent\n";
        assert_eq!(shown(31), narrow);
        assert_eq!(shown(29), narrow);
    }

    #[test]
    fn the_least_important_columns_go_first() {
        assert_eq!(
            shown(28),
            "NAME    STATE      CALLS\nserial  running  1234567\nedu                    9\n(no room for WHY)\n"
        );
        assert_eq!(shown(20), "NAME      CALLS\nserial  1234567\nedu           9\n(no room for STATE,\nWHY)\n");
        assert_eq!(shown(1), "NAME\nserial\nedu\n(no\nroom\nfor\nSTATE,\nCALLS,\nWHY)\n");
    }

    #[test]
    fn no_row_is_wider_than_the_terminal() {
        for width in 6..100 {
            for line in shown(width).lines() {
                assert!(length(line) <= width, "{width}: {line}");
                assert_eq!(line.trim_end(), line);
            }
        }
    }

    #[test]
    fn characters_count_and_not_bytes() {
        let mut table = Table::new(&[Column::words("Ä", 0), Column::words("B", 0)]);
        table.row(["öß".into(), "c".into()]);
        let mut shown = String::new();
        table.write(&mut shown, 80).unwrap();
        assert_eq!(shown, format!("{}   {}\nöß  c\n", Style::Heading.of("Ä"), Style::Heading.of("B")).to_string());
    }
}
