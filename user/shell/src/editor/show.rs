//! The part of a line that the row shows.

use super::row::{self, Glyph};
use super::{Editor, Search};
use crate::Style;
use alloc::string::String;
use alloc::vec::Vec;

/// The least room for text beside the prompt, however narrow the terminal claims to be.
const LEAST_ROOM: usize = 8;

impl Editor {
    pub(super) fn draw(&mut self, echo: &mut Vec<u8>) {
        let prompt = self.prompt_glyphs();
        let room = self.room();
        self.scroll(room);
        let text = self.line.text();
        let end = text.len().min(self.left + room);
        let mut shown: Vec<Glyph> = glyphs(text[self.left..end].iter().copied(), Style::Plain).collect();
        if let Some(first) = shown.first_mut().filter(|_| self.left > 0) {
            *first = Glyph { character: '<', style: Style::Faint };
        }
        if let Some(last) = shown.last_mut().filter(|_| end < text.len()) {
            *last = Glyph { character: '>', style: Style::Faint };
        }
        let cursor = prompt.len() + self.line.cursor() - self.left;
        self.row.show(prompt.into_iter().chain(shown).collect(), cursor, echo);
    }

    pub(super) fn prompt_glyphs(&self) -> Vec<Glyph> {
        match &self.search {
            None => glyphs(self.prompt.chars(), Style::Prompt).collect(),
            Some(Search { text, .. }) => {
                let all = "search '".chars().chain(text.iter().copied()).chain("': ".chars());
                let most = self.width.saturating_sub(1 + LEAST_ROOM);
                glyphs(all.take(most), Style::Warning).collect()
            }
        }
    }

    /// Returns how many characters of the line have room. The last column stays free.
    pub(super) fn room(&self) -> usize {
        let prompt = match &self.search {
            None => self.prompt.chars().count(),
            Some(_) => self.prompt_glyphs().len(),
        };
        self.width.saturating_sub(1 + prompt).max(LEAST_ROOM)
    }

    /// Chooses which part of the line is shown: all of it if it has room, else a part with the cursor in it. The cursor
    /// never stands on the mark of a hidden part.
    fn scroll(&mut self, room: usize) {
        let (cursor, length) = (self.line.cursor(), self.line.text().len());
        // Behind the last character the cursor needs a column, too: the free one, if the line just has room.
        if length <= room {
            self.left = 0;
        } else if cursor <= self.left && self.left > 0 {
            self.left = cursor.saturating_sub(room / 2);
        } else if cursor + 1 >= self.left + room {
            self.left = (cursor + room / 2).min(length + 1).saturating_sub(room);
        } else {
            self.left = self.left.min(length + 1 - room);
        }
    }
}

pub(super) fn glyphs(characters: impl Iterator<Item = char>, style: Style) -> impl Iterator<Item = Glyph> {
    characters.map(move |character| Glyph { character: row::shown(character), style })
}

/// Writes texts in columns, below the row.
pub(super) fn list(texts: &[String], width: usize, echo: &mut Vec<u8>) {
    let column = texts.iter().map(|text| text.chars().count()).max().unwrap_or(0) + 2;
    for row in texts.chunks((width.saturating_sub(1) / column).max(1)) {
        echo.extend_from_slice(b"\r\n");
        for (at, text) in row.iter().enumerate() {
            let padding = if at + 1 < row.len() { column } else { 0 };
            echo.extend_from_slice(alloc::format!("{text:<padding$}").as_bytes());
        }
    }
    echo.extend_from_slice(b"\r\n");
}
