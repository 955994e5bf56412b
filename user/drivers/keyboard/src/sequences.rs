//! The sequences that a terminal sends for keys that aren't characters: xterm's, with modifiers.

use alloc::format;
use alloc::vec::Vec;
use pc_keyboard::KeyCode;

/// The modifiers that are held with a key, as xterm's set of bits: the parameter of a sequence is one more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Modifiers(pub u8);

impl Modifiers {
    pub const SHIFT: u8 = 1;
    pub const ALT: u8 = 2;
    pub const CONTROL: u8 = 4;
}

/// The form of a key's sequence.
enum Shape {
    /// `ESC [ LETTER`; with modifiers `ESC [ 1 ; PARAMETER LETTER`.
    Letter(char),
    /// `ESC O LETTER`; with modifiers as for [`Shape::Letter`].
    Function(char),
    /// `ESC [ NUMBER ~`; with modifiers `ESC [ NUMBER ; PARAMETER ~`.
    Number(u8),
}

/// Returns the sequence of a key, if it has one.
pub fn sequence(key: KeyCode, Modifiers(held): Modifiers) -> Option<Vec<u8>> {
    let parameter = held + 1;
    let text = match (shape(key)?, held) {
        (Shape::Letter(letter), 0) => format!("\x1b[{letter}"),
        (Shape::Function(letter), 0) => format!("\x1bO{letter}"),
        (Shape::Letter(letter) | Shape::Function(letter), _) => format!("\x1b[1;{parameter}{letter}"),
        (Shape::Number(number), 0) => format!("\x1b[{number}~"),
        (Shape::Number(number), _) => format!("\x1b[{number};{parameter}~"),
    };
    Some(text.into_bytes())
}

fn shape(key: KeyCode) -> Option<Shape> {
    Some(match key {
        KeyCode::ArrowUp => Shape::Letter('A'),
        KeyCode::ArrowDown => Shape::Letter('B'),
        KeyCode::ArrowRight => Shape::Letter('C'),
        KeyCode::ArrowLeft => Shape::Letter('D'),
        KeyCode::Home => Shape::Letter('H'),
        KeyCode::End => Shape::Letter('F'),
        KeyCode::Insert => Shape::Number(2),
        KeyCode::Delete => Shape::Number(3),
        KeyCode::PageUp => Shape::Number(5),
        KeyCode::PageDown => Shape::Number(6),
        KeyCode::F1 => Shape::Function('P'),
        KeyCode::F2 => Shape::Function('Q'),
        KeyCode::F3 => Shape::Function('R'),
        KeyCode::F4 => Shape::Function('S'),
        KeyCode::F5 => Shape::Number(15),
        KeyCode::F6 => Shape::Number(17),
        KeyCode::F7 => Shape::Number(18),
        KeyCode::F8 => Shape::Number(19),
        KeyCode::F9 => Shape::Number(20),
        KeyCode::F10 => Shape::Number(21),
        KeyCode::F11 => Shape::Number(23),
        KeyCode::F12 => Shape::Number(24),
        _ => return None,
    })
}
