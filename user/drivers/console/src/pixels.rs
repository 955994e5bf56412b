//! A framebuffer: characters drawn pixel by pixel, in the glyphs of `noto-sans-mono-bitmap`.

use crate::{Display, Position};
use bellwire::Mapping;
use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};

const WEIGHT: FontWeight = FontWeight::Regular;
const HEIGHT: RasterHeight = RasterHeight::Size16;
const CELL_WIDTH: usize = get_raster_width(WEIGHT, HEIGHT);
const CELL_HEIGHT: usize = HEIGHT.val();
/// The cursor underlines, in the last rows of a cell.
const CURSOR_HEIGHT: usize = 2;

/// How the framebuffer's memory is laid out.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// Where the first pixel is.
    pub offset: usize,
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Bytes from one row to the next.
    pub pitch: usize,
    /// Bits of a pixel: 24 or 32, with equal parts of red, green and blue.
    pub bits: usize,
}

/// A framebuffer.
pub struct Pixels {
    memory: Mapping,
    layout: Layout,
}

impl Pixels {
    /// A black screen.
    pub fn new(memory: Mapping, layout: Layout) -> Self {
        let mut pixels = Self { memory, layout };
        for y in 0..layout.height {
            (0..layout.width).for_each(|x| pixels.put(x, y, 0));
        }
        pixels
    }

    /// Sets a pixel to a shade of grey, which is the same whatever the order of the colours.
    fn put(&mut self, x: usize, y: usize, shade: u8) {
        let Layout { offset, pitch, bits, .. } = self.layout;
        let at = offset + y * pitch + x * (bits / 8);
        match bits {
            32 => self.memory.write(at, u32::from(shade) * 0x0001_0101),
            _ => self.memory.write_bytes(at, &[shade; 3]),
        }
    }
}

impl Display for Pixels {
    fn size(&self) -> (usize, usize) {
        (self.layout.height / CELL_HEIGHT, self.layout.width / CELL_WIDTH)
    }

    fn show(&mut self, at: Position, character: u8) {
        let Some(glyph) = get_raster(character.into(), WEIGHT, HEIGHT) else { return };
        for (y, row) in glyph.raster().iter().enumerate() {
            for (x, shade) in row.iter().enumerate() {
                self.put(at.column * CELL_WIDTH + x, at.row * CELL_HEIGHT + y, *shade);
            }
        }
    }

    fn move_cursor(&mut self, to: Position) {
        for y in CELL_HEIGHT - CURSOR_HEIGHT..CELL_HEIGHT {
            for x in 0..CELL_WIDTH {
                self.put(to.column * CELL_WIDTH + x, to.row * CELL_HEIGHT + y, 0xC0);
            }
        }
    }
}
