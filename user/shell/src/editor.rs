//! Editing of the line that is being typed.

mod history;
mod keys;
mod line;
mod row;
mod search;
mod show;

use crate::Style;
use alloc::string::String;
use alloc::vec::Vec;
use history::History;
use keys::{Decoder, Key};
pub use line::LONGEST;
use line::{Full, Line, Reach};
use row::Row;
use show::{glyphs, list};

const BELL: u8 = 0x07;

/// The effect of a byte that the caller has to carry out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The line ended with Return.
    Line(String),
    /// The line ended with Return, but characters of it had no room: don't carry it out.
    TooLong,
    /// The line ended with Ctrl-C.
    Interrupted,
    /// Tab asks for completions of the text: call [`Editor::complete`].
    Complete {
        /// The text before the cursor.
        before: String,
    },
    /// Ctrl-L asks for a screen with this line alone: clear the screen, then call [`Editor::redraw`].
    Clear,
}

/// The line that is being typed, and the lines that were typed before.
#[derive(Debug, Default)]
pub struct Editor {
    decoder: Decoder,
    line: Line,
    history: History,
    /// The text that was cut last.
    cut: Vec<char>,
    loss: Loss,
    search: Option<Search>,
    /// How often Tab was pressed since any other key.
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

    /// Takes a byte that was typed, and writes to `echo` what the terminal has to show.
    pub fn feed(&mut self, byte: u8, echo: &mut Vec<u8>) -> Option<Outcome> {
        let key = self.decoder.feed(byte)?;
        self.tabs = if key == Key::Tab { self.tabs + 1 } else { 0 };
        let outcome = if self.search.is_some() { self.press_in_search(key, echo) } else { self.press(key, echo) };
        if outcome.is_none() {
            self.draw(echo);
        }
        outcome
    }

    /// Completes the word before the cursor from `candidates`, of which `typed` characters are there already. A second
    /// Tab lists the candidates.
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

    /// Returns the lines that were typed before, the oldest first.
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

fn common_prefix(texts: &[String]) -> &str {
    let Some((first, others)) = texts.split_first() else { return "" };
    let same = |other: &String| first.chars().zip(other.chars()).take_while(|(one, another)| one == another).count();
    let count = others.iter().map(same).min().unwrap_or(first.chars().count());
    first.char_indices().nth(count).map_or(first, |(end, _)| &first[..end])
}

#[cfg(test)]
mod tests;
