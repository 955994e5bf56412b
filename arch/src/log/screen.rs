//! The kernel's text on the screen: VGA text cells or a linear framebuffer, as the loader left it.
//!
//! Output wraps around to the top instead of scrolling, with an empty line ahead of the text: scrolling would read or
//! rewrite megabytes of uncached memory for each line. The kernel writes here only while it boots and when it dies; the
//! console in user mode owns the screen in between.

mod framebuffer;
mod text_mode;

pub use framebuffer::{Framebuffer, PixelFormat};
pub use text_mode::TextMode;

/// A grid of characters that can be drawn to.
pub trait Grid {
    /// Columns and rows.
    fn size(&self) -> (usize, usize);
    /// Draws a character; only ASCII has a guaranteed shape. A place outside the grid draws nothing.
    fn draw(&mut self, column: usize, row: usize, byte: u8);
    /// Makes a row empty.
    fn clear(&mut self, row: usize) {
        let (columns, _) = self.size();
        for column in 0..columns {
            self.draw(column, row, b' ');
        }
    }
}

/// The screen that the loader left, of either kind.
#[derive(Debug)]
pub enum AnyGrid {
    /// Text cells.
    Text(TextMode),
    /// Pixels.
    Pixels(Framebuffer),
}

impl Grid for AnyGrid {
    fn size(&self) -> (usize, usize) {
        match self {
            Self::Text(grid) => grid.size(),
            Self::Pixels(grid) => grid.size(),
        }
    }

    fn draw(&mut self, column: usize, row: usize, byte: u8) {
        match self {
            Self::Text(grid) => grid.draw(column, row, byte),
            Self::Pixels(grid) => grid.draw(column, row, byte),
        }
    }

    fn clear(&mut self, row: usize) {
        match self {
            Self::Text(grid) => grid.clear(row),
            Self::Pixels(grid) => grid.clear(row),
        }
    }
}

/// A grid with a place where the next character goes.
#[derive(Debug)]
pub struct Screen<G> {
    grid: G,
    column: usize,
    row: usize,
}

impl<G: Grid> Screen<G> {
    /// Takes the grid and clears it.
    pub fn new(grid: G) -> Self {
        let mut screen = Self { grid, column: 0, row: 0 };
        screen.clear();
        screen
    }

    /// Empties the screen; the next character goes to the upper left.
    pub fn clear(&mut self) {
        (self.column, self.row) = (0, 0);
        let (_, rows) = self.grid.size();
        for row in 0..rows {
            self.grid.clear(row);
        }
    }

    /// Writes text.
    pub fn put(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            match byte {
                b'\n' => self.next_row(),
                b'\r' => self.column = 0,
                _ => self.put_byte(byte),
            }
        }
    }

    fn put_byte(&mut self, byte: u8) {
        if self.column >= self.grid.size().0 {
            self.next_row();
        }
        self.grid.draw(self.column, self.row, byte);
        self.column += 1;
    }

    fn next_row(&mut self) {
        let (_, rows) = self.grid.size();
        self.column = 0;
        self.row = (self.row + 1) % rows.max(1);
        self.grid.clear(self.row);
        self.grid.clear((self.row + 1) % rows.max(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Cells(Vec<Vec<u8>>);

    impl Grid for Cells {
        fn size(&self) -> (usize, usize) {
            (self.0[0].len(), self.0.len())
        }

        fn draw(&mut self, column: usize, row: usize, byte: u8) {
            self.0[row][column] = byte;
        }
    }

    fn rows(screen: &Screen<Cells>) -> Vec<&str> {
        screen.grid.0.iter().map(|row| std::str::from_utf8(row).unwrap().trim_end()).collect()
    }

    #[test]
    fn text_wraps_at_the_right_edge_and_at_the_bottom() {
        let mut screen = Screen::new(Cells(vec![vec![b'?'; 4]; 3]));
        screen.put(b"abcdef\ngh");
        assert_eq!(rows(&screen), ["", "ef", "gh"]);
        screen.put(b"\nij");
        assert_eq!(rows(&screen), ["ij", "", "gh"]);
    }
}
