//! A grid and the device that shows it.
//!
//! Writing changes the grid only; [`Screen::refresh`] then brings the device up to date, touching the characters
//! that differ from what it shows. So a hundred lines that scroll by between two refreshes cost what one costs,
//! whether the device is text memory or a framebuffer in which scrolling would move megabytes.

use crate::{Grid, Position};
use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

/// A device that shows characters.
pub trait Display {
    /// Its rows and columns.
    fn size(&self) -> (usize, usize);

    /// Shows a character (printable ASCII).
    fn show(&mut self, at: Position, character: u8);

    /// Draws the cursor. The character at its old place has just been shown again, so a device without a cursor of
    /// its own needn't remember it.
    fn move_cursor(&mut self, to: Position);
}

/// In place of a character that the device must show again: no grid holds it.
const NOTHING: u8 = 0;

impl<D: Display + ?Sized> Display for Box<D> {
    fn size(&self) -> (usize, usize) {
        (**self).size()
    }

    fn show(&mut self, at: Position, character: u8) {
        (**self).show(at, character);
    }

    fn move_cursor(&mut self, to: Position) {
        (**self).move_cursor(to);
    }
}

/// A grid and the device that shows it.
pub struct Screen<D> {
    grid: Grid,
    display: D,
    shown: Vec<u8>,
    shown_cursor: Option<Position>,
}

impl<D: Display> Screen<D> {
    /// An empty screen, whatever the device showed before.
    pub fn new(display: D) -> Self {
        let (rows, columns) = display.size();
        let grid = Grid::new(rows, columns);
        let mut screen = Self { grid, display, shown: vec![NOTHING; rows * columns], shown_cursor: None };
        screen.refresh();
        screen
    }

    /// Writes bytes, which show after the next refresh.
    pub fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.grid.put(*byte));
    }

    /// Brings the device up to date.
    pub fn refresh(&mut self) {
        let (_, columns) = self.display.size();
        let cursor = self.grid.cursor();
        if let Some(old) = self.shown_cursor
            && old != cursor
        {
            self.shown[old.row * columns + old.column] = NOTHING;
        }
        let mut changed = self.shown_cursor != Some(cursor);
        for (row, shown) in self.shown.chunks_exact_mut(columns).enumerate() {
            for (column, (shown, wanted)) in shown.iter_mut().zip(self.grid.row(row)).enumerate() {
                if shown != wanted {
                    *shown = *wanted;
                    self.display.show(Position { row, column }, *wanted);
                    changed = true;
                }
            }
        }
        if changed {
            self.shown_cursor = Some(cursor);
            self.display.move_cursor(cursor);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    #[derive(Default)]
    struct Fake {
        shown: [[u8; 4]; 2],
        cursor: Position,
        touched: usize,
    }

    impl Display for &mut Fake {
        fn size(&self) -> (usize, usize) {
            (2, 4)
        }

        fn show(&mut self, at: Position, character: u8) {
            self.shown[at.row][at.column] = character;
            self.touched += 1;
        }

        fn move_cursor(&mut self, to: Position) {
            self.cursor = to;
        }
    }

    #[test]
    fn a_refresh_touches_only_what_changed() {
        let mut fake = Fake::default();
        let mut screen = Screen::new(&mut fake);
        screen.display.touched = 0;
        screen.write(b"a\r\nb\r\nc");
        screen.refresh();
        screen.refresh();
        assert_eq!(fake.touched, 2, "b and c, as if a had never been");
        assert_eq!(String::from_utf8_lossy(fake.shown.as_flattened()), "b   c   ");
        assert_eq!(fake.cursor, Position { row: 1, column: 1 });
    }
}
