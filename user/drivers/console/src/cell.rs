//! The content of one place of the screen: a character and its colours.

/// A colour, by its number in ECMA-48's order: black, red, green, yellow, blue, magenta, cyan, white, and the same
/// eight bright.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour(u8);

impl Colour {
    /// The colour of the background unless another is chosen.
    pub const BLACK: Self = Self(0);
    /// The colour of characters unless another is chosen; a light grey.
    pub const WHITE: Self = Self(7);

    const BRIGHT: u8 = 8;

    /// Returns the colour of a number from 0 to 15. Of larger numbers the last four bits count.
    pub const fn new(number: u8) -> Self {
        Self(number & 15)
    }

    /// The colour's number.
    pub const fn number(self) -> u8 {
        self.0
    }

    /// The bright colour of the same hue.
    pub const fn bright(self) -> Self {
        Self(self.0 | Self::BRIGHT)
    }
}

/// A character and its colours, in two bytes: a screen with its history takes hundreds of kilobytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    code: u8,
    colours: u8,
}

impl Cell {
    /// Makes a cell of a character of Latin-1. Punctuation with a plainer form takes that form; other characters become
    /// a question mark.
    pub fn new(character: char, front: Colour, back: Colour) -> Self {
        let code = match character {
            '\u{AD}' | '\u{2010}'..='\u{2015}' => b'-',
            '\u{A0}' => b' ',
            ' '..='~' | '\u{A1}'..='\u{FF}' => character as u8,
            '\u{2018}'..='\u{201B}' => b'\'',
            '\u{201C}'..='\u{201F}' => b'"',
            _ => b'?',
        };
        Self { code, colours: back.0 << 4 | front.0 }
    }

    /// Makes a cell without a character.
    pub fn blank(back: Colour) -> Self {
        Self::new(' ', Colour::WHITE, back)
    }

    /// The character.
    pub fn character(self) -> char {
        char::from(self.code)
    }

    /// The colour of the character.
    pub fn front(self) -> Colour {
        Colour(self.colours & 15)
    }

    /// The colour behind the character.
    pub fn back(self) -> Colour {
        Colour(self.colours >> 4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_keeps_what_it_was_made_of() {
        let cell = Cell::new('ß', Colour::new(10), Colour::new(4));
        assert_eq!((cell.character(), cell.front(), cell.back()), ('ß', Colour(10), Colour(4)));
    }

    #[test]
    fn what_the_fonts_lack_shows_as_something() {
        let shown = |character| Cell::new(character, Colour::WHITE, Colour::BLACK).character();
        assert_eq!(['漢', '\u{9B}', '\u{7F}', '€'].map(shown), ['?'; 4]);
        assert_eq!(['–', '’', '“'].map(shown), ['-', '\'', '"']);
    }
}
