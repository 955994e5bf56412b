//! A grid and the device that shows it.
//!
//! Writing changes only the grid. [`Screen::refresh`] brings the device up to date, and touches only the characters
//! that differ from what it shows. So a hundred lines between two refreshes cost as much as one, on text memory and on
//! a framebuffer in which scrolling would move megabytes.

use crate::cell::Cell;
use crate::output::{Colours, CursorState, Output};
use crate::scroll::Scroll;
use crate::{Grid, Position};
use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

/// A device that shows characters.
pub trait Display {
    /// Returns the device's rows and columns.
    fn size(&self) -> (usize, usize);

    /// Shows a character.
    fn show(&mut self, at: Position, cell: Cell);

    /// Draws the cursor, or none. The caller has just shown the character at the cursor's old place again, so a device
    /// without a cursor of its own needn't remember that place.
    fn move_cursor(&mut self, to: Option<Position>);
}

impl<D: Display + ?Sized> Display for Box<D> {
    fn size(&self) -> (usize, usize) {
        (**self).size()
    }

    fn show(&mut self, at: Position, cell: Cell) {
        (**self).show(at, cell);
    }

    fn move_cursor(&mut self, to: Option<Position>) {
        (**self).move_cursor(to);
    }
}

/// A grid and the device that shows it.
pub struct Screen<D> {
    output: Output,
    display: D,
    /// The cells that the device shows; `None` where it must show the character again.
    shown: Vec<Option<Cell>>,
    shown_cursor: Option<Position>,
    /// How many rows the device is scrolled back.
    back: usize,
}

impl<D: Display> Screen<D> {
    /// Makes an empty screen, whatever the device showed before.
    pub fn new(display: D) -> Self {
        let (rows, columns) = display.size();
        let output = Output::new(Grid::new(rows, columns));
        let mut screen = Self { output, display, shown: vec![None; rows * columns], shown_cursor: None, back: 0 };
        screen.display.move_cursor(None);
        screen.refresh();
        screen
    }

    /// Returns the screen's rows and columns.
    pub fn size(&self) -> (usize, usize) {
        self.display.size()
    }

    /// Writes bytes. The next refresh shows them, and scrolls to what was written last.
    pub fn write(&mut self, bytes: &[u8]) {
        self.output.write(bytes);
        self.back = 0;
    }

    /// Shows or hides the colours of what is written from now on.
    pub fn set_colours(&mut self, colours: Colours) {
        self.output.set_colours(colours);
    }

    /// Scrolls by all but two rows of the screen.
    pub fn scroll(&mut self, scroll: Scroll) {
        let (rows, _) = self.display.size();
        let page = rows.saturating_sub(2).max(1);
        self.back = match scroll {
            Scroll::Back => (self.back + page).min(self.output.grid().history()),
            Scroll::Forward => self.back.saturating_sub(page),
        };
    }

    /// Shows what was written last.
    pub fn scroll_to_end(&mut self) {
        self.back = 0;
    }

    /// Returns whether the screen shows what was written last.
    pub fn is_at_end(&self) -> bool {
        self.back == 0
    }

    /// Brings the device up to date.
    pub fn refresh(&mut self) {
        let (_, columns) = self.display.size();
        let cursor = self.cursor();
        if let Some(old) = self.shown_cursor
            && self.shown_cursor != cursor
            && let Some(shown) = self.shown.get_mut(old.row * columns + old.column)
        {
            *shown = None;
        }
        let mut changed = self.shown_cursor != cursor;
        for (row, shown) in self.shown.chunks_exact_mut(columns.max(1)).enumerate() {
            let wanted = self.output.grid().row(row, self.back);
            for (column, (shown, wanted)) in shown.iter_mut().zip(wanted).enumerate() {
                if *shown != Some(*wanted) {
                    *shown = Some(*wanted);
                    self.display.show(Position { row, column }, *wanted);
                    changed = true;
                }
            }
        }
        if changed {
            self.shown_cursor = cursor;
            self.display.move_cursor(cursor);
        }
    }

    /// Returns where the cursor shows, if it does.
    fn cursor(&self) -> Option<Position> {
        let Position { row, column } = self.output.grid().cursor();
        let row = row + self.back;
        let is_seen = self.output.cursor_state() == CursorState::Shown && row < self.output.grid().rows();
        is_seen.then_some(Position { row, column })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    #[derive(Default)]
    struct Fake {
        shown: [[char; 4]; 3],
        cursor: Option<Position>,
        touched: usize,
    }

    impl Display for &mut Fake {
        fn size(&self) -> (usize, usize) {
            (3, 4)
        }

        fn show(&mut self, at: Position, cell: Cell) {
            self.shown[at.row][at.column] = cell.character();
            self.touched += 1;
        }

        fn move_cursor(&mut self, to: Option<Position>) {
            self.cursor = to;
        }
    }

    fn text(fake: &Fake) -> String {
        fake.shown.as_flattened().iter().collect()
    }

    #[test]
    fn a_refresh_touches_only_what_changed() {
        let mut fake = Fake::default();
        let mut screen = Screen::new(&mut fake);
        screen.display.touched = 0;
        screen.write(b"a\r\nb\r\nc\r\nd");
        screen.refresh();
        screen.refresh();
        assert_eq!(fake.touched, 3, "b, c and d, as if a had never been");
        assert_eq!(text(&fake), "b   c   d   ");
        assert_eq!(fake.cursor, Some(Position { row: 2, column: 1 }));
    }

    #[test]
    fn what_scrolled_off_is_shown_again() {
        let mut fake = Fake::default();
        let mut screen = Screen::new(&mut fake);
        screen.write(b"a\r\nb\r\nc\r\nd\r\ne");
        screen.scroll(Scroll::Back);
        screen.refresh();
        assert_eq!((text(screen.display), screen.display.cursor), ("b   c   d   ".into(), None));
        (0..9).for_each(|_| screen.scroll(Scroll::Back));
        screen.refresh();
        assert_eq!(text(screen.display), "a   b   c   ");
        screen.scroll(Scroll::Forward);
        screen.refresh();
        assert_eq!(text(screen.display), "b   c   d   ");
        screen.write(b"!");
        screen.refresh();
        assert_eq!(text(screen.display), "c   d   e!  ");
        assert_eq!(fake.cursor, Some(Position { row: 2, column: 2 }));
    }

    #[test]
    fn a_cursor_can_be_hidden() {
        let mut fake = Fake::default();
        let mut screen = Screen::new(&mut fake);
        screen.write(b"\x1b[?25l");
        screen.refresh();
        assert_eq!(screen.display.cursor, None);
        screen.write(b"\x1b[?25h");
        screen.refresh();
        assert_eq!(fake.cursor, Some(Position::default()));
    }
}
