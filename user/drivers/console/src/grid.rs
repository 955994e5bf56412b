//! The content of a text screen, apart from any device: rows of characters, a cursor, and the rows that have scrolled
//! off.

use crate::cell::{Cell, Colour};
use alloc::collections::VecDeque;
use alloc::vec;
use alloc::vec::Vec;

const TAB: usize = 8;

/// The most rows that are kept once they have scrolled off the screen.
const HISTORY_ROWS: usize = 400;
/// The most cells of these rows. Wide rows reach this limit before the other.
const HISTORY_CELLS: usize = 96 << 10;

/// A place on the screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// The row, from 0 at the top.
    pub row: usize,
    /// The column, from 0 at the left.
    pub column: usize,
}

/// A part of a row or of the screen, seen from the cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The cursor's place and everything behind it.
    After,
    /// Everything before the cursor, and its place.
    Before,
    /// All of it.
    All,
}

/// Rows of characters and a cursor.
#[derive(Clone, Debug)]
pub struct Grid {
    rows: usize,
    columns: usize,
    /// The history, then the `rows` rows of the screen.
    lines: VecDeque<Vec<Cell>>,
    most_lines: usize,
    /// The cursor's column is one beyond the last when a row has just become full.
    cursor: Position,
}

impl Grid {
    /// Makes an empty screen of one character at least.
    pub fn new(rows: usize, columns: usize) -> Self {
        let (rows, columns) = (rows.max(1), columns.max(1));
        let lines = (0..rows).map(|_| vec![Cell::blank(Colour::BLACK); columns]).collect();
        let most_lines = rows + HISTORY_ROWS.min(HISTORY_CELLS / columns);
        Self { rows, columns, lines, most_lines, cursor: Position::default() }
    }

    /// Returns how many rows the screen has.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Returns how many columns the screen has.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Returns how many rows have scrolled off the screen and are kept.
    pub fn history(&self) -> usize {
        self.lines.len() - self.rows
    }

    /// Returns a row of the screen as it was `back` rows ago; `back` is at most [`Grid::history`].
    pub fn row(&self, row: usize, back: usize) -> &[Cell] {
        &self.lines[(self.history() + row).saturating_sub(back)]
    }

    /// Returns the place of the next character. Behind a full row this is the row's last character.
    pub fn cursor(&self) -> Position {
        Position { column: self.cursor.column.min(self.columns - 1), ..self.cursor }
    }

    /// Puts a character at the cursor. The cursor leaves a full row when the next character comes, as on terminals, so
    /// a line that just fits takes one row.
    pub fn put(&mut self, cell: Cell) {
        if self.cursor.column == self.columns {
            self.cursor.column = 0;
            self.next_row(cell.back());
        }
        let Position { row, column } = self.cursor;
        self.row_mut(row)[column] = cell;
        self.cursor.column += 1;
    }

    /// Goes to the next row. Below the last one this scrolls the screen, and the new row has the colour `back`.
    pub fn next_row(&mut self, back: Colour) {
        if self.cursor.row + 1 < self.rows {
            self.cursor.row += 1;
            return;
        }
        let mut line =
            if self.lines.len() < self.most_lines { None } else { self.lines.pop_front() }.unwrap_or_default();
        line.clear();
        line.resize(self.columns, Cell::blank(back));
        self.lines.push_back(line);
    }

    /// Goes to the start of the row.
    pub fn to_row_start(&mut self) {
        self.cursor.column = 0;
    }

    /// Goes to the next tabulator stop.
    pub fn tab(&mut self) {
        self.cursor.column = ((self.cursor.column / TAB + 1) * TAB).min(self.columns - 1);
    }

    /// Goes to a place. For a place outside the screen, goes to the nearest one inside.
    pub fn go_to(&mut self, row: usize, column: usize) {
        self.cursor = Position { row: row.min(self.rows - 1), column: column.min(self.columns - 1) };
    }

    /// Goes some rows down (up, if negative) and columns to the right (left), but not off the screen.
    pub fn go_by(&mut self, rows: isize, columns: isize) {
        let Position { row, column } = self.cursor();
        self.go_to(row.saturating_add_signed(rows), column.saturating_add_signed(columns));
    }

    /// Empties a part of the cursor's row.
    pub fn erase_in_row(&mut self, part: Part, back: Colour) {
        let Position { row, column } = self.cursor();
        let range = match part {
            Part::After => column..self.columns,
            Part::Before => 0..column + 1,
            Part::All => 0..self.columns,
        };
        self.row_mut(row)[range].fill(Cell::blank(back));
    }

    /// Empties a part of the screen.
    pub fn erase(&mut self, part: Part, back: Colour) {
        let row = self.cursor.row;
        let rows = match part {
            Part::After => row + 1..self.rows,
            Part::Before => 0..row,
            Part::All => 0..self.rows,
        };
        rows.for_each(|row| self.row_mut(row).fill(Cell::blank(back)));
        self.erase_in_row(part, back);
    }

    /// Forgets the rows that have scrolled off the screen.
    pub fn forget_history(&mut self) {
        self.lines.drain(..self.history());
    }

    fn row_mut(&mut self, row: usize) -> &mut [Cell] {
        let first = self.history();
        &mut self.lines[first + row]
    }
}
