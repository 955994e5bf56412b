//! The VGA's text mode: two bytes a character in memory, and a cursor that the adapter draws.

use crate::cell::{Cell, Colour};
use crate::{Display, Position};
use bellwire::Mapping;
use bellwire::registers::Registers;

const ROWS: usize = 25;
const COLUMNS: usize = 80;

/// The first of the CRT controller's ports for colour modes.
pub const FIRST_PORT: u16 = 0x3D4;
/// The CRT controller's ports, counted from the first, and its registers for the cursor (IBM VGA technical reference,
/// CRT controller).
const INDEX: u16 = 0;
const VALUE: u16 = 1;
const CURSOR_START: u8 = 0x0A;
const CURSOR_END: u8 = 0x0B;
const CURSOR_HIGH: u8 = 0x0E;
const CURSOR_LOW: u8 = 0x0F;

/// The cursor's first row of pixels, and the bit beside it that turns the cursor off.
const CURSOR_ROW: u8 = 13;
const CURSOR_OFF: u8 = 1 << 5;

/// 25 rows of 80 characters.
pub struct Text<R> {
    memory: Mapping,
    registers: R,
}

/// The values that an adapter must keep: each bit has both values.
const PROBES: [u8; 2] = [0x55, 0xAA];

impl<R: Registers> Text<R> {
    /// Makes a screen, if there is an adapter: an adapter keeps its cursor's place. (Text memory proves nothing, since
    /// RAM may lie there.) The cursor is as firmware or boot loader left it until [`Display::move_cursor`].
    pub fn new(memory: Mapping, mut registers: R) -> Option<Self> {
        let keeps = |probe: u8| {
            registers.write(INDEX, CURSOR_LOW);
            registers.write(VALUE, probe);
            registers.read(VALUE) == probe
        };
        if !PROBES.into_iter().all(keeps) {
            return None;
        }
        let mut text = Self { memory, registers };
        text.set(CURSOR_END, CURSOR_ROW + 1);
        Some(text)
    }

    fn set(&mut self, index: u8, value: u8) {
        self.registers.write(INDEX, index);
        self.registers.write(VALUE, value);
    }
}

impl<R: Registers> Display for Text<R> {
    fn size(&self) -> (usize, usize) {
        (ROWS, COLUMNS)
    }

    fn show(&mut self, at: Position, cell: Cell) {
        let place = at.row * COLUMNS + at.column;
        self.memory.write(place * 2, attribute(cell) << 8 | u16::from(code(cell.character())));
    }

    fn move_cursor(&mut self, to: Option<Position>) {
        let Some(to) = to else { return self.set(CURSOR_START, CURSOR_ROW | CURSOR_OFF) };
        let place = (to.row * COLUMNS + to.column) as u16;
        self.set(CURSOR_HIGH, (place >> 8) as u8);
        self.set(CURSOR_LOW, place as u8);
        self.set(CURSOR_START, CURSOR_ROW);
    }
}

/// Returns a cell's colours as the adapter has them. The bit of a bright background stays off: unless the adapter is
/// told otherwise, it makes characters blink.
fn attribute(cell: Cell) -> u16 {
    adapter_colour(cell.front()) | (adapter_colour(cell.back()) & 7) << 4
}

/// Returns the adapter's number of a colour. Its bits are blue, green, red and bright from the lowest on; ECMA-48 has
/// red and blue exchanged.
fn adapter_colour(colour: Colour) -> u16 {
    let number = u16::from(colour.number());
    number & 0b1010 | (number & 1) << 2 | (number & 4) >> 2
}

/// Returns a character's code in the adapter's font, code page 437. Letters that the font lacks lose their accents.
fn code(character: char) -> u8 {
    /// The codes of the upper half of Latin-1.
    const UPPER: &[u8; 96] = b"\
\xFF\xAD\x9B\x9C\x0F\x9D|\x15\"c\xA6\xAE\xAA-r-\
\xF8\xF1\xFD3'\xE6\x14\xFA,1\xA7\xAF\xAC\xAB?\xA8\
AAAA\x8E\x8F\x92\x80E\x90EEIIII\
D\xA5OOOO\x99xOUUU\x9AYT\xE1\
\x85\xA0\x83a\x84\x86\x91\x87\x8A\x82\x88\x89\x8D\xA1\x8C\x8B\
d\xA4\x95\xA2\x93o\x94\xF6o\x97\xA3\x96\x81yt\x98";
    match u8::try_from(character) {
        Ok(code @ b' '..=b'~') => code,
        Ok(code) => code.checked_sub(0xA0).and_then(|at| UPPER.get(usize::from(at)).copied()).unwrap_or(b'?'),
        Err(_) => b'?',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_have_their_code_or_a_plainer_one() {
        assert_eq!("aä~öÜß".chars().map(code).collect::<alloc::vec::Vec<_>>(), b"a\x84~\x94\x9A\xE1");
        assert_eq!("éçàÀÿ°\u{9F}".chars().map(code).collect::<alloc::vec::Vec<_>>(), b"\x82\x87\x85A\x98\xF8?");
    }

    #[test]
    fn colours_are_the_adapters() {
        let attribute = |front, back| attribute(Cell::new('x', Colour::new(front), Colour::new(back)));
        assert_eq!(attribute(7, 0), 0x07, "light grey on black");
        assert_eq!(attribute(1, 4), 0x14, "red on blue");
        assert_eq!(attribute(14, 8), 0x0B, "bright cyan, and nothing that blinks");
    }
}
