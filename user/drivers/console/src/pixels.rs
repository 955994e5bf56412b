//! A framebuffer: characters drawn pixel by pixel, in the glyphs of `noto-sans-mono-bitmap`.

use crate::cell::{Cell, Colour};
use crate::{Display, Position};
use bellwire::Mapping;
use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};

const WEIGHT: FontWeight = FontWeight::Regular;
const HEIGHT: RasterHeight = RasterHeight::Size16;
const CELL_WIDTH: usize = get_raster_width(WEIGHT, HEIGHT);
const CELL_HEIGHT: usize = HEIGHT.val();
/// The rows of the cursor's line, at the bottom of a cell.
const CURSOR_HEIGHT: usize = 2;

/// The layout of a framebuffer in its memory.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// The offset of the first pixel.
    pub offset: usize,
    /// The width in pixels.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Bytes from one row to the next.
    pub pitch: usize,
    /// Bits of a pixel: 24 or 32, with equal parts of red, green and blue.
    pub bits: usize,
}

impl Layout {
    /// Returns whether a screen of this layout can be drawn in memory of that size. The layout comes from firmware, and
    /// nothing has checked it before.
    pub fn fits(&self, bytes: usize) -> bool {
        let Self { offset, width, height, pitch, bits } = *self;
        let row = width.checked_mul(bits / 8).filter(|row| *row <= pitch);
        let last = height.checked_sub(1).and_then(|rows| rows.checked_mul(pitch));
        let end = last.zip(row).and_then(|(last, row)| last.checked_add(row)?.checked_add(offset));
        matches!(bits, 24 | 32) && width >= CELL_WIDTH && height >= CELL_HEIGHT && end.is_some_and(|end| end <= bytes)
    }
}

/// A framebuffer.
pub struct Pixels {
    memory: Mapping,
    layout: Layout,
}

impl Pixels {
    /// Makes a black screen. Returns `None` if the screen doesn't lie in the memory, or couldn't show a character.
    pub fn new(memory: Mapping, layout: Layout) -> Option<Self> {
        if !layout.fits(memory.len()) {
            return None;
        }
        let mut pixels = Self { memory, layout };
        for y in 0..layout.height {
            (0..layout.width).for_each(|x| pixels.put(x, y, 0));
        }
        Some(pixels)
    }

    /// Sets a pixel. Blue is in the lowest byte, as VBE and most UEFI firmware set it up; on other framebuffers red and
    /// blue are exchanged.
    fn put(&mut self, x: usize, y: usize, colour: u32) {
        let Layout { offset, pitch, bits, .. } = self.layout;
        let at = offset + y * pitch + x * (bits / 8);
        let [blue, green, red, _] = colour.to_le_bytes();
        match bits {
            32 if at.is_multiple_of(4) => self.memory.write(at, colour),
            _ => self.memory.write_bytes(at, &[blue, green, red]),
        }
    }
}

impl Display for Pixels {
    fn size(&self) -> (usize, usize) {
        (self.layout.height / CELL_HEIGHT, self.layout.width / CELL_WIDTH)
    }

    fn show(&mut self, at: Position, cell: Cell) {
        let glyph = get_raster(cell.character(), WEIGHT, HEIGHT).or_else(|| get_raster('?', WEIGHT, HEIGHT));
        let Some(glyph) = glyph else { return };
        let (front, back) = (rgb(cell.front()), rgb(cell.back()));
        for (y, row) in glyph.raster().iter().enumerate() {
            for (x, shade) in row.iter().enumerate() {
                self.put(at.column * CELL_WIDTH + x, at.row * CELL_HEIGHT + y, mix(front, back, *shade));
            }
        }
    }

    fn move_cursor(&mut self, to: Option<Position>) {
        let Some(to) = to else { return };
        for y in CELL_HEIGHT - CURSOR_HEIGHT..CELL_HEIGHT {
            for x in 0..CELL_WIDTH {
                self.put(to.column * CELL_WIDTH + x, to.row * CELL_HEIGHT + y, CURSOR_COLOUR);
            }
        }
    }
}

/// The colour of the cursor, as red, green and blue.
const CURSOR_COLOUR: u32 = 0x00C0_C0C0;

/// Returns a colour as red, green and blue, in bits 16 to 23, 8 to 15 and 0 to 7. Each colour can be read on black.
fn rgb(colour: Colour) -> u32 {
    const PALETTE: [u32; 16] = [
        0x0000_0000,
        0x00CC_4444,
        0x004E_BF5A,
        0x00C8_A43C,
        0x004C_8FE0,
        0x00B0_70D0,
        0x0040_B8C0,
        0x00D0_D0D0,
        0x0080_8080,
        0x00FF_6B6B,
        0x007C_E38B,
        0x00FF_D866,
        0x007F_B8FF,
        0x00D8_A0F0,
        0x0074_E0E8,
        0x00FF_FFFF,
    ];
    PALETTE.get(usize::from(colour.number())).copied().unwrap_or(CURSOR_COLOUR)
}

/// Mixes two colours. The larger `shade` is, the nearer the result is to `front`.
fn mix(front: u32, back: u32, shade: u8) -> u32 {
    let shade = u32::from(shade);
    let [front, back] = [front, back].map(|colour| colour.to_le_bytes().map(u32::from));
    let mixed = core::array::from_fn(|at| ((front[at] * shade + back[at] * (255 - shade)) / 255) as u8);
    u32::from_le_bytes(mixed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shades_lie_between_the_colours() {
        assert_eq!(mix(0x00FF_8000, 0x0000_0040, 255), 0x00FF_8000);
        assert_eq!(mix(0x00FF_8000, 0x0000_0040, 0), 0x0000_0040);
        assert_eq!(mix(0x0064_0000, 0, 51), 0x0014_0000);
    }

    #[test]
    fn every_character_of_a_cell_has_a_glyph() {
        for code in 0..=0xFF {
            let character = Cell::new(char::from(code), Colour::WHITE, Colour::BLACK).character();
            assert!(get_raster(character, WEIGHT, HEIGHT).is_some(), "{code:#x}");
        }
    }

    const USUAL: Layout = Layout { offset: 0, width: 1024, height: 768, pitch: 4096, bits: 32 };
    const BYTES: usize = 768 * 4096;

    #[test]
    fn a_layout_that_fits_its_memory_is_one() {
        assert!(USUAL.fits(BYTES));
        assert!(Layout { offset: 2, pitch: 4098, ..USUAL }.fits(2 + 768 * 4098), "odd, but possible");
        assert!(Layout { bits: 24, pitch: 3072, ..USUAL }.fits(768 * 3072));
    }

    #[test]
    fn what_firmware_makes_up_is_none() {
        for (layout, bytes) in [
            (USUAL, BYTES - 4096),
            (Layout { offset: 4096, ..USUAL }, BYTES),
            (Layout { pitch: 0, ..USUAL }, BYTES),
            (Layout { pitch: 4092, ..USUAL }, BYTES),
            (Layout { pitch: usize::MAX, ..USUAL }, BYTES),
            (Layout { offset: usize::MAX, ..USUAL }, BYTES),
            (Layout { width: usize::MAX, pitch: usize::MAX, ..USUAL }, BYTES),
            (Layout { width: 0, ..USUAL }, BYTES),
            (Layout { height: 0, ..USUAL }, BYTES),
            (Layout { height: usize::MAX, ..USUAL }, BYTES),
            (Layout { width: CELL_WIDTH - 1, ..USUAL }, BYTES),
            (Layout { height: CELL_HEIGHT - 1, ..USUAL }, BYTES),
            (Layout { bits: 0, ..USUAL }, BYTES),
            (Layout { bits: 16, ..USUAL }, BYTES),
            (Layout { bits: 64, ..USUAL }, BYTES),
        ] {
            assert!(!layout.fits(bytes), "{layout:?}");
        }
    }
}
