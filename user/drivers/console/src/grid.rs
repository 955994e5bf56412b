//! What a text screen shows: rows of characters and a cursor, apart from any device.
//!
//! Bytes outside printable ASCII show as `?`, but for those that move the cursor. Escape sequences aren't
//! interpreted: what Bellwire's programs write does without.

use alloc::vec;
use alloc::vec::Vec;

const TAB: usize = 8;

/// A place on the screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// From 0 at the top.
    pub row: usize,
    /// From 0 at the left.
    pub column: usize,
}

/// Rows of characters and a cursor.
#[derive(Clone, Debug)]
pub struct Grid {
    rows: usize,
    columns: usize,
    cells: Vec<u8>,
    /// Its column may be one beyond the last.
    cursor: Position,
}

impl Grid {
    /// An empty screen; at least one character large.
    pub fn new(rows: usize, columns: usize) -> Self {
        let (rows, columns) = (rows.max(1), columns.max(1));
        Self { rows, columns, cells: vec![b' '; rows * columns], cursor: Position::default() }
    }

    /// Puts a byte where the cursor is, or does what it says.
    pub fn put(&mut self, byte: u8) {
        match byte {
            b'\n' => self.next_row(),
            b'\r' => self.cursor.column = 0,
            // Back over the end of a wrapped line too, so that a long line can be rubbed out.
            b'\x08' if self.cursor.column == 0 && self.cursor.row > 0 => {
                self.cursor = Position { row: self.cursor.row - 1, column: self.columns - 1 };
            }
            b'\x08' => self.cursor.column = self.cursor.column.saturating_sub(1),
            b'\t' => self.cursor.column = ((self.cursor.column / TAB + 1) * TAB).min(self.columns - 1),
            b' '..=b'~' => self.put_visible(byte),
            0x80.. => self.put_visible(b'?'),
            _ => {}
        }
    }

    /// A row's characters.
    pub fn row(&self, row: usize) -> &[u8] {
        &self.cells[row * self.columns..(row + 1) * self.columns]
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Where the next character goes; after a row that is full, on its last character.
    pub fn cursor(&self) -> Position {
        Position { column: self.cursor.column.min(self.columns - 1), ..self.cursor }
    }

    /// A full row is left when the next character comes, as terminals do: so a line that just fits takes one row.
    fn put_visible(&mut self, character: u8) {
        if self.cursor.column == self.columns {
            self.cursor.column = 0;
            self.next_row();
        }
        self.cells[self.cursor.row * self.columns + self.cursor.column] = character;
        self.cursor.column += 1;
    }

    fn next_row(&mut self) {
        if self.cursor.row + 1 < self.rows {
            self.cursor.row += 1;
            return;
        }
        self.cells.copy_within(self.columns.., 0);
        let last = (self.rows - 1) * self.columns;
        self.cells[last..].fill(b' ');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    fn shown(grid: &Grid) -> Vec<String> {
        let text = |row| String::from_utf8_lossy(grid.row(row)).trim_end().into();
        (0..grid.rows()).map(text).collect()
    }

    fn after(bytes: &[u8]) -> Grid {
        let mut grid = Grid::new(3, 5);
        bytes.iter().for_each(|byte| grid.put(*byte));
        grid
    }

    #[test]
    fn lines_wrap_and_scroll() {
        assert_eq!(shown(&after(b"abcdefg\r\nh\r\ni")), ["fg", "h", "i"]);
        assert_eq!(shown(&after(b"abcde\r\nf")), ["abcde", "f", ""]);
    }

    #[test]
    fn backspace_goes_back_over_a_wrapped_line() {
        let grid = after(b"abcdef\x08 \x08\x08 \x08");
        assert_eq!(shown(&grid), ["abcd", "", ""]);
        assert_eq!(grid.cursor(), Position { row: 0, column: 4 });
        assert_eq!(after(b"\x08").cursor(), Position::default());
    }

    #[test]
    fn controls_move_and_the_rest_is_marked() {
        assert_eq!(shown(&after(b"ab\rx\x00\x1b\xFF")), ["x?", "", ""]);
        assert_eq!(after(b"\t").cursor().column, 4);
    }
}
