//! The text that is being edited, and the cursor in it.

use alloc::string::String;
use alloc::vec::Vec;

/// The longest line, in characters.
pub const LONGEST: usize = 4096;

/// A text and a cursor, which stands before one of its characters or behind the last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    text: Vec<char>,
    cursor: usize,
}

/// A part of a line: from the cursor to this place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// One character to the left.
    Left,
    /// One character to the right.
    Right,
    /// The start of the word, or of the word before.
    WordLeft,
    /// The end of the word, or of the next word.
    WordRight,
    /// The start of the line.
    Start,
    /// The end of the line.
    End,
}

impl Line {
    /// Makes a line with the cursor behind its text.
    pub fn new(text: Vec<char>) -> Self {
        Self { cursor: text.len(), text }
    }

    /// The characters.
    pub fn text(&self) -> &[char] {
        &self.text
    }

    /// Returns how many characters are before the cursor.
    pub fn cursor(&self) -> usize {
        self.cursor
    }

    /// Returns the text before the cursor.
    pub fn before(&self) -> String {
        self.text[..self.cursor].iter().collect()
    }

    /// Inserts characters before the cursor. Characters that don't fit are left out, and `Full` says so.
    pub fn insert(&mut self, characters: &[char]) -> Result<(), Full> {
        let fit = characters.len().min(LONGEST - self.text.len().min(LONGEST));
        self.text.splice(self.cursor..self.cursor, characters[..fit].iter().copied());
        self.cursor += fit;
        if fit == characters.len() { Ok(()) } else { Err(Full) }
    }

    /// Moves the cursor.
    pub fn go(&mut self, reach: Reach) {
        self.cursor = self.target(reach);
    }

    /// Removes a part of the line, and returns it.
    pub fn cut(&mut self, reach: Reach) -> Vec<char> {
        let target = self.target(reach);
        let (from, to) = (target.min(self.cursor), target.max(self.cursor));
        self.cursor = from;
        self.text.drain(from..to).collect()
    }

    fn target(&self, reach: Reach) -> usize {
        let is_word = |at: &usize| self.text[*at].is_alphanumeric();
        match reach {
            Reach::Left => self.cursor.saturating_sub(1),
            Reach::Right => (self.cursor + 1).min(self.text.len()),
            Reach::Start => 0,
            Reach::End => self.text.len(),
            Reach::WordLeft => {
                let end = (0..self.cursor).rev().find(is_word).map_or(0, |at| at + 1);
                (0..end).rev().find(|at| !is_word(at)).map_or(0, |at| at + 1)
            }
            Reach::WordRight => {
                let start = (self.cursor..self.text.len()).find(is_word).unwrap_or(self.text.len());
                (start..self.text.len()).find(|at| !is_word(at)).unwrap_or(self.text.len())
            }
        }
    }
}

/// The line has [`LONGEST`] characters already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Line {
        Line::new(text.chars().collect())
    }

    #[test]
    fn words_are_letters_and_digits() {
        let mut line = line("kill  serial-2!");
        let mut places = Vec::new();
        for _ in 0..4 {
            line.go(Reach::WordLeft);
            places.push(line.cursor());
        }
        assert_eq!(places, [13, 6, 0, 0]);
        for reach in [4, 12, 14, 15] {
            line.go(Reach::WordRight);
            assert_eq!(line.cursor(), reach);
        }
    }

    #[test]
    fn what_is_cut_comes_back() {
        let mut line = line("äöü xyz");
        assert_eq!(line.cut(Reach::WordLeft).iter().collect::<String>(), "xyz");
        line.go(Reach::Start);
        assert_eq!(line.cut(Reach::Right), ['ä']);
        assert_eq!(line.cut(Reach::Left), []);
        assert_eq!(line.text().iter().collect::<String>(), "öü ");
    }

    #[test]
    fn a_line_has_an_end() {
        let mut line = Line::default();
        assert_eq!(line.insert(&[' '; LONGEST - 1]), Ok(()));
        assert_eq!(line.insert(&['a', 'b']), Err(Full));
        assert_eq!(line.text().len(), LONGEST);
    }
}
