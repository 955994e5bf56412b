//! The VGA's text mode: two bytes a character in memory, and a cursor that the adapter draws.

use crate::{Display, Position};
use bellwire::Mapping;
use bellwire::registers::Registers;

const ROWS: usize = 25;
const COLUMNS: usize = 80;
/// Light grey on black, above the character's code.
const COLOURS: u16 = 0x0700;

/// The CRT controller's ports, counted from 0x3D4, and those of its registers that make the cursor
/// (IBM VGA technical reference, CRT controller).
const INDEX: u16 = 0;
const VALUE: u16 = 1;
const CURSOR_START: u8 = 0x0A;
const CURSOR_END: u8 = 0x0B;
const CURSOR_HIGH: u8 = 0x0E;
const CURSOR_LOW: u8 = 0x0F;

/// 25 rows of 80 characters.
pub struct Text<R> {
    memory: Mapping,
    registers: R,
}

impl<R: Registers> Text<R> {
    /// The screen with its cursor on: firmware or boot loader may have turned it off.
    pub fn new(memory: Mapping, registers: R) -> Self {
        let mut text = Self { memory, registers };
        text.set(CURSOR_START, 13);
        text.set(CURSOR_END, 14);
        text
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

    fn show(&mut self, at: Position, character: u8) {
        let cell = at.row * COLUMNS + at.column;
        self.memory.write(cell * 2, COLOURS | u16::from(character));
    }

    fn move_cursor(&mut self, to: Position) {
        let cell = (to.row * COLUMNS + to.column) as u16;
        self.set(CURSOR_HIGH, (cell >> 8) as u8);
        self.set(CURSOR_LOW, cell as u8);
    }
}
