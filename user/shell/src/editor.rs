//! Editing of the line that is being typed.

mod history;
mod keys;
mod line;
mod row;

use crate::Style;
use alloc::string::String;
use alloc::vec::Vec;
use history::History;
use keys::{Decoder, Key};
pub use line::LONGEST;
use line::{Full, Line, Reach};
use row::{Glyph, Row};

const BELL: u8 = 0x07;

/// The least room for text beside the prompt, however narrow the terminal says that it is.
const LEAST_ROOM: usize = 8;

/// What a byte leads to that the editor can't do by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The line ended with Return.
    Line(String),
    /// The line ended with Return, but not all of it that was typed had room: it isn't to be carried out.
    TooLong,
    /// The line ended with Ctrl-C.
    Interrupted,
    /// Tab asks what the text may become: call [`Editor::complete`].
    Complete {
        /// The text before the cursor.
        before: String,
    },
    /// Ctrl-L asks for a screen with nothing but this line: clear it, then call [`Editor::redraw`].
    Clear,
}

/// A line that is being typed, and those typed before.
#[derive(Debug, Default)]
pub struct Editor {
    decoder: Decoder,
    line: Line,
    history: History,
    /// What was cut last.
    cut: Vec<char>,
    loss: Loss,
    search: Option<Search>,
    /// How often Tab was pressed since another key was.
    tabs: usize,
    prompt: &'static str,
    width: usize,
    /// The first character of the line that is shown.
    left: usize,
    row: Row,
}

/// Whether characters were typed that had no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Loss {
    #[default]
    None,
    Some,
}

/// A search in the history.
#[derive(Debug, Default)]
struct Search {
    text: Vec<char>,
    /// The index of the line that was found.
    found: Option<usize>,
    /// The line before the search began.
    before: Line,
}

impl Editor {
    /// Begins a line in an empty row of a terminal that has `width` columns.
    pub fn begin(&mut self, prompt: &'static str, width: usize, echo: &mut Vec<u8>) {
        self.prompt = prompt;
        self.width = width;
        self.redraw(echo);
    }

    /// Shows the line in an empty row.
    pub fn redraw(&mut self, echo: &mut Vec<u8>) {
        self.row.begin();
        self.draw(echo);
    }

    /// Takes a byte that was typed, and writes what the terminal is to show to `echo`.
    pub fn feed(&mut self, byte: u8, echo: &mut Vec<u8>) -> Option<Outcome> {
        let key = self.decoder.feed(byte)?;
        self.tabs = if key == Key::Tab { self.tabs + 1 } else { 0 };
        let outcome = if self.search.is_some() { self.press_in_search(key, echo) } else { self.press(key, echo) };
        if outcome.is_none() {
            self.draw(echo);
        }
        outcome
    }

    /// Takes what the word before the cursor may become. `typed` characters of each are there already. A second Tab
    /// lists them.
    pub fn complete(&mut self, typed: usize, candidates: &[String], echo: &mut Vec<u8>) {
        let rest: Vec<char> = common_prefix(candidates).chars().skip(typed).collect();
        match candidates {
            [_] => {
                self.insert(&rest, echo);
                self.insert(&[' '], echo);
            }
            [_, ..] if !rest.is_empty() => self.insert(&rest, echo),
            [_, ..] if self.tabs > 1 => {
                list(candidates, self.width, echo);
                self.row.begin();
            }
            _ => echo.push(BELL),
        }
        self.draw(echo);
    }

    /// Forgets the line, as Ctrl-C does.
    pub fn interrupt(&mut self, echo: &mut Vec<u8>) {
        echo.extend_from_slice(b"^C\r\n");
        self.take_line();
    }

    /// The lines that were typed before, the oldest first.
    pub fn history(&self) -> impl Iterator<Item = String> {
        self.history.lines()
    }

    fn press(&mut self, key: Key, echo: &mut Vec<u8>) -> Option<Outcome> {
        match key {
            Key::Character(character) => self.insert(&[character], echo),
            Key::Left => self.line.go(Reach::Left),
            Key::Right => self.line.go(Reach::Right),
            Key::WordLeft => self.line.go(Reach::WordLeft),
            Key::WordRight => self.line.go(Reach::WordRight),
            Key::Home => self.line.go(Reach::Start),
            Key::End => self.line.go(Reach::End),
            Key::Backspace => _ = self.line.cut(Reach::Left),
            Key::Delete | Key::EndOfInput => _ = self.line.cut(Reach::Right),
            Key::CutToEnd => self.cut(Reach::End),
            Key::CutToStart => self.cut(Reach::Start),
            Key::CutWordLeft => self.cut(Reach::WordLeft),
            Key::CutWordRight => self.cut(Reach::WordRight),
            Key::Paste => {
                let cut = self.cut.clone();
                self.insert(&cut, echo);
            }
            Key::Up => match self.history.older(self.line.text()) {
                Some(line) => self.line = Line::new(line),
                None => echo.push(BELL),
            },
            Key::Down => match self.history.newer() {
                Some(line) => self.line = Line::new(line),
                None => echo.push(BELL),
            },
            Key::Search => self.search = Some(Search { before: self.line.clone(), ..Search::default() }),
            Key::Abort => {}
            Key::Tab => return Some(Outcome::Complete { before: self.line.before() }),
            Key::Clear => return Some(Outcome::Clear),
            Key::Interrupt => {
                self.interrupt(echo);
                return Some(Outcome::Interrupted);
            }
            Key::Return => return Some(self.end_line(echo)),
        }
        None
    }

    /// Shows the whole line once more if only a part of it is in its row, so that it can be read later.
    fn end_line(&mut self, echo: &mut Vec<u8>) -> Outcome {
        if self.line.text().len() > self.room() {
            echo.push(b'\r');
            row::write(&glyphs(self.prompt.chars(), Style::Prompt).collect::<Vec<_>>(), echo);
            row::write(&glyphs(self.line.text().iter().copied(), Style::Plain).collect::<Vec<_>>(), echo);
        }
        echo.extend_from_slice(b"\r\n");
        let loss = self.loss;
        let line = self.take_line();
        match loss {
            Loss::Some => Outcome::TooLong,
            Loss::None => {
                self.history.add(line.text());
                Outcome::Line(line.text().iter().collect())
            }
        }
    }

    fn take_line(&mut self) -> Line {
        self.history.leave();
        self.search = None;
        self.loss = Loss::None;
        self.left = 0;
        core::mem::take(&mut self.line)
    }

    fn insert(&mut self, characters: &[char], echo: &mut Vec<u8>) {
        if self.line.insert(characters) == Err(Full) {
            self.loss = Loss::Some;
            echo.push(BELL);
        }
    }

    fn cut(&mut self, reach: Reach) {
        self.cut = self.line.cut(reach);
        if self.line.text().is_empty() {
            self.loss = Loss::None;
        }
    }
}

/// Searching.
impl Editor {
    /// Keys that have no meaning for a search end it, with what it found, and then mean what they always do.
    fn press_in_search(&mut self, key: Key, echo: &mut Vec<u8>) -> Option<Outcome> {
        let search = self.search.as_mut()?;
        match key {
            Key::Character(character) => {
                search.text.push(character);
                self.find(search_from(self.search.as_ref()), echo);
            }
            Key::Backspace => {
                search.text.pop();
                search.found = None;
                self.find(0, echo);
            }
            Key::Search => {
                let next = search.found.map_or(0, |found| found + 1);
                self.find(next, echo);
            }
            Key::Abort => {
                self.line = core::mem::take(&mut search.before);
                self.search = None;
            }
            _ => {
                self.search = None;
                self.draw(echo);
                return self.press(key, echo);
            }
        }
        None
    }

    /// Shows the newest line that fits, of those older than `beyond` lines.
    fn find(&mut self, beyond: usize, echo: &mut Vec<u8>) {
        let Some(search) = &mut self.search else { return };
        match self.history.find(&search.text, beyond) {
            Some((index, line)) => {
                search.found = Some(index);
                let at = line.windows(search.text.len().max(1)).position(|part| part == search.text);
                self.line = Line::new(line.to_vec());
                self.line.go(Reach::Start);
                (0..at.unwrap_or(0)).for_each(|_| self.line.go(Reach::Right));
            }
            None => echo.push(BELL),
        }
    }
}

/// A longer text may still be in the line that was found.
fn search_from(search: Option<&Search>) -> usize {
    search.and_then(|search| search.found).unwrap_or(0)
}

/// Showing.
impl Editor {
    fn draw(&mut self, echo: &mut Vec<u8>) {
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

    fn prompt_glyphs(&self) -> Vec<Glyph> {
        match &self.search {
            None => glyphs(self.prompt.chars(), Style::Prompt).collect(),
            Some(Search { text, .. }) => {
                let all = "search '".chars().chain(text.iter().copied()).chain("': ".chars());
                let most = self.width.saturating_sub(1 + LEAST_ROOM);
                glyphs(all.take(most), Style::Warning).collect()
            }
        }
    }

    /// How many characters of the line there is room for. The last column stays free.
    fn room(&self) -> usize {
        let prompt = match &self.search {
            None => self.prompt.chars().count(),
            Some(_) => self.prompt_glyphs().len(),
        };
        self.width.saturating_sub(1 + prompt).max(LEAST_ROOM)
    }

    /// Chooses which part of the line is shown: all of it if it has room, else a part with the cursor in it. The
    /// cursor stands on no mark that says that there is more.
    fn scroll(&mut self, room: usize) {
        let (cursor, length) = (self.line.cursor(), self.line.text().len());
        // Behind the last character the cursor takes a column, too: the free one, if the line just has room.
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

fn glyphs(characters: impl Iterator<Item = char>, style: Style) -> impl Iterator<Item = Glyph> {
    characters.map(move |character| Glyph { character: row::shown(character), style })
}

fn common_prefix(texts: &[String]) -> &str {
    let Some((first, others)) = texts.split_first() else { return "" };
    let same = |other: &String| first.chars().zip(other.chars()).take_while(|(one, another)| one == another).count();
    let count = others.iter().map(same).min().unwrap_or(first.chars().count());
    first.char_indices().nth(count).map_or(first, |(end, _)| &first[..end])
}

/// Writes texts in columns, below the row.
fn list(texts: &[String], width: usize, echo: &mut Vec<u8>) {
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

#[cfg(test)]
mod tests;
