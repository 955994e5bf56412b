//! VGA text mode 3: 80 by 25 cells of two bytes each.

use super::Grid;
use crate::memory::fill;

const COLUMNS: usize = 80;
const ROWS: usize = 25;
/// Light grey on black, in a cell's upper byte.
const ATTRIBUTE: u16 = 0x0700;

/// The text screen.
#[derive(Debug)]
pub struct TextMode {
    cells: *mut u16,
}

// SAFETY: the pointer is to device memory that any context of the kernel may write.
unsafe impl Send for TextMode {}

impl TextMode {
    /// The physical address of the cells.
    pub const PHYSICAL_ADDRESS: u64 = 0xB8000;

    /// Takes the screen whose cells are mapped at `cells`.
    ///
    /// # Safety
    /// `cells` is where the 4000 bytes of text-mode memory are mapped for as long as this value lives.
    pub const unsafe fn new(cells: *mut u16) -> Self {
        Self { cells }
    }
}

impl Grid for TextMode {
    fn size(&self) -> (usize, usize) {
        (COLUMNS, ROWS)
    }

    fn draw(&mut self, column: usize, row: usize, byte: u8) {
        if column < COLUMNS && row < ROWS {
            let cell = self.cells.wrapping_add(row * COLUMNS + column);
            // SAFETY: `new`'s caller vouches for the mapping, and the index is within it.
            unsafe { cell.write_volatile(ATTRIBUTE | u16::from(byte)) };
        }
    }
    fn clear(&mut self, row: usize) {
        const BYTES: usize = COLUMNS * size_of::<u16>();
        const SPACES: usize = usize::MAX / 0xFFFF * (ATTRIBUTE | b' ' as u16) as usize;
        if row < ROWS {
            let first = self.cells.wrapping_add(row * COLUMNS).cast();
            // SAFETY: `new`'s caller vouches for the mapping, of whose whole words the row is a part.
            unsafe { fill(first, BYTES, SPACES) };
        }
    }
}
