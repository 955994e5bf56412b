//! A linear framebuffer as a grid of characters, with a font of 16 rows.

use core::ptr::NonNull;

use super::Grid;

/// The font's glyphs from the space to the tilde, as `build.rs` packs them: 16 rows of two bytes, two bits a pixel.
static FONT: [u8; GLYPHS * ROW_PIXELS * 2] = *include_bytes!(concat!(env!("OUT_DIR"), "/font.bin"));
const FIRST_GLYPH: u8 = b' ';
const GLYPHS: usize = 95;
/// The width of a character.
const COLUMN_PIXELS: usize = (env!("FONT_WIDTH").as_bytes()[0] - b'0') as usize;
/// The height of a row of text.
const ROW_PIXELS: usize = 16;
/// The character that stands for those that the font doesn't have.
const UNKNOWN: u8 = b'?';

/// The places and the colours of pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PixelFormat {
    /// Bytes from one row to the next.
    pub pitch: usize,
    /// The width in pixels.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Bytes of a pixel: 2, 3 or 4.
    pub pixel_bytes: usize,
    /// First bit and number of bits, at most 8, of red, green and blue.
    pub colours: [(u8, u8); 3],
}

impl PixelFormat {
    /// Makes a grey of that brightness.
    fn grey(&self, brightness: u8) -> u32 {
        let part = |&(first, bits): &(u8, u8)| u32::from(brightness >> (8 - bits.min(8))) << (first % 32);
        self.colours.iter().map(part).fold(0, |pixel, part| pixel | part)
    }
}

/// A framebuffer to draw characters on.
#[derive(Debug)]
pub struct Framebuffer {
    pixels: NonNull<u8>,
    format: PixelFormat,
    /// The pixels of the font's four shades.
    shades: [u32; 4],
}

// SAFETY: the pointer is to device memory that any context of the kernel may write.
unsafe impl Send for Framebuffer {}

impl Framebuffer {
    /// Takes the framebuffer whose first pixel is mapped at `pixels`.
    ///
    /// # Safety
    /// `pitch * height` bytes of the framebuffer are mapped there, writable, for as long as this value lives; a row's
    /// pixels fit its pitch.
    pub unsafe fn new(pixels: NonNull<u8>, format: PixelFormat) -> Self {
        Self { pixels, format, shades: [0, 85, 170, 255].map(|brightness| format.grey(brightness)) }
    }

    fn put(&mut self, x: usize, y: usize, pixel: u32) {
        let PixelFormat { pitch, width, height, pixel_bytes, .. } = self.format;
        if x >= width || y >= height {
            return;
        }
        // SAFETY: the pixel is on the screen, so within the bytes that `new`'s caller vouched for.
        let place = unsafe { self.pixels.add(y * pitch + x * pixel_bytes) };
        if pixel_bytes == 4 && pitch.is_multiple_of(4) {
            // SAFETY: as above; the first pixel is page-aligned and rows are multiples of four bytes.
            unsafe { place.cast::<u32>().write_volatile(pixel) };
            return;
        }
        for (at, byte) in pixel.to_le_bytes().into_iter().enumerate().take(pixel_bytes) {
            // SAFETY: as above, for each byte of the pixel.
            let place = unsafe { place.add(at) };
            // SAFETY: as above.
            unsafe { place.write_volatile(byte) };
        }
    }
}

impl Grid for Framebuffer {
    fn size(&self) -> (usize, usize) {
        (self.format.width / COLUMN_PIXELS, self.format.height / ROW_PIXELS)
    }

    fn draw(&mut self, column: usize, row: usize, byte: u8) {
        let (left, top) = (column * COLUMN_PIXELS, row * ROW_PIXELS);
        for (y, line) in glyph(byte).chunks_exact(2).enumerate() {
            let [low, high] = *line else { return };
            let mut shades = u16::from_le_bytes([low, high]);
            for x in 0..COLUMN_PIXELS {
                self.put(left + x, top + y, self.shades[usize::from(shades & 3)]);
                shades >>= 2;
            }
        }
    }
}

/// The rows of a character.
fn glyph(byte: u8) -> &'static [u8] {
    const BYTES: usize = ROW_PIXELS * 2;
    let of = |byte: u8| FONT.chunks_exact(BYTES).nth(usize::from(byte.wrapping_sub(FIRST_GLYPH)));
    of(byte).or_else(|| of(UNKNOWN)).unwrap_or(&[])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(pixel_bytes: usize, colours: [(u8, u8); 3]) -> Vec<u8> {
        let format = PixelFormat { pitch: 80 * pixel_bytes, width: 80, height: 40, pixel_bytes, colours };
        let mut bytes = vec![0xAA_u32; 80 * 40];
        let pixels = NonNull::new(bytes.as_mut_ptr().cast::<u8>()).unwrap();
        // SAFETY: the vector is as large as the format says, or larger, and outlives the value.
        let mut framebuffer = unsafe { Framebuffer::new(pixels, format) };
        framebuffer.draw(1, 1, b'H');
        framebuffer.draw(1000, 1000, b'H');
        bytes.iter().flat_map(|word| word.to_le_bytes()).take(80 * 40 * pixel_bytes).collect()
    }

    #[test]
    fn letters_are_drawn_in_every_format() {
        let width = COLUMN_PIXELS;
        for (pixel_bytes, colours) in
            [(4, [(16, 8), (8, 8), (0, 8)]), (3, [(16, 8), (8, 8), (0, 8)]), (2, [(11, 5), (5, 6), (0, 5)])]
        {
            let bytes = drawn(pixel_bytes, colours);
            let brightest = bytes
                .chunks_exact(80 * pixel_bytes)
                .skip(ROW_PIXELS)
                .take(ROW_PIXELS)
                .flat_map(|row| row.chunks_exact(pixel_bytes).skip(width).take(width))
                .map(|pixel| pixel.iter().fold(0u32, |sum, byte| sum + u32::from(*byte)))
                .max();
            assert!(brightest.is_some_and(|sum| sum > 300), "{pixel_bytes} bytes a pixel: {brightest:?}");
        }
    }
}
