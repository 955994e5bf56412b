//! The VGA's text mode: two bytes a character in memory, and a cursor that the adapter draws.

use crate::cell::{Cell, Colour};
use crate::{Display, Position};
use bellwire::Mapping;
use bellwire::registers::Registers;

const ROWS: usize = 25;
const COLUMNS: usize = 80;

/// The CRT controller's ports, counted from 0x3D4, and those of its registers that make the cursor
/// (IBM VGA technical reference, CRT controller).
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

/// What is written to see whether the adapter keeps it: both values of each bit.
const PROBES: [u8; 2] = [0x55, 0xAA];

impl<R: Registers> Text<R> {
    /// The screen, if there is an adapter: one keeps its cursor's place. (RAM behind it may keep what is written to the
    /// text memory.) The cursor is as firmware or boot loader left it until [`Display::move_cursor`].
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

/// The colours as the adapter has them. The bit of a bright background makes characters blink unless it is told
/// otherwise, so it stays off.
fn attribute(cell: Cell) -> u16 {
    adapter_colour(cell.front()) | (adapter_colour(cell.back()) & 7) << 4
}

/// The adapter's bits are blue, green, red and bright from the lowest on; ECMA-48 has red and blue exchanged.
fn adapter_colour(colour: Colour) -> u16 {
    let number = u16::from(colour.number());
    number & 0b1010 | (number & 1) << 2 | (number & 4) >> 2
}

/// The character's code in the adapter's font, code page 437. Letters that it lacks lose their accents.
fn code(character: char) -> u8 {
    /// For the upper half of Latin-1.
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
