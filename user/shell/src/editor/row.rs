//! The row of the terminal in which a line is edited.
//!
//! The editor writes text, backspaces and colours alone. So the row is right on every terminal, and on two of different
//! widths at the same time: the screen and the serial line get the same bytes. The last column stays free, since
//! terminals differ in what they do after it.

use crate::Style;
use alloc::string::String;
use alloc::vec::Vec;

const BACKSPACE: u8 = 0x08;

/// A character of the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Glyph {
    pub character: char,
    pub style: Style,
}

/// The row as the terminal shows it, and the terminal's cursor in it.
#[derive(Clone, Debug, Default)]
pub struct Row {
    shown: Vec<Glyph>,
    cursor: usize,
}

impl Row {
    /// Begins a row. Call this when the terminal's cursor is at the start of an empty row.
    pub fn begin(&mut self) {
        self.shown.clear();
        self.cursor = 0;
    }

    /// Writes to `echo` what makes the row show these characters and puts the cursor before the one of index `cursor`.
    pub fn show(&mut self, wanted: Vec<Glyph>, cursor: usize, echo: &mut Vec<u8>) {
        let common = self.shown.iter().zip(&wanted).take_while(|(shown, wanted)| shown == wanted).count();
        if common < wanted.len().max(self.shown.len()) {
            self.move_to(common, echo);
            write(&wanted[common..], echo);
            let erased = self.shown.len().saturating_sub(wanted.len());
            echo.extend(core::iter::repeat_n(b' ', erased));
            self.cursor = wanted.len() + erased;
        }
        // Behind the wanted characters the row is blank, so going back there needs no glyphs.
        self.shown = wanted;
        self.move_to(cursor.min(self.shown.len()), echo);
    }

    /// Moves the cursor. To go right is to write again what the row shows.
    fn move_to(&mut self, column: usize, echo: &mut Vec<u8>) {
        match self.shown.get(self.cursor..column) {
            Some(between) => write(between, echo),
            None => echo.extend(core::iter::repeat_n(BACKSPACE, self.cursor - column)),
        }
        self.cursor = column;
    }
}

/// Writes characters, with sequences where their style changes.
pub fn write(glyphs: &[Glyph], echo: &mut Vec<u8>) {
    for run in glyphs.chunk_by(|one, next| one.style == next.style) {
        let text: String = run.iter().map(|glyph| glyph.character).collect();
        let style = run.first().map_or(Style::Plain, |glyph| glyph.style);
        echo.extend_from_slice(alloc::format!("{}", style.of(text)).as_bytes());
    }
}

/// Returns a character as the row shows it. A character that takes no column, or two, would shift all behind it, and a
/// terminal is sure to have only a few scripts of one column. Other characters show as a question mark.
pub fn shown(character: char) -> char {
    match character {
        ' '..='~' | '\u{A1}'..='\u{AC}' | '\u{AE}'..='\u{2FF}' | '\u{370}'..='\u{482}' | '\u{48A}'..='\u{52F}' => {
            character
        }
        '\u{2013}'..='\u{2022}' | '\u{2026}' | '\u{20AC}' => character,
        '\u{A0}' => ' ',
        _ => '?',
    }
}
