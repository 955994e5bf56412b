//! Searching the history.

use super::keys::Key;
use super::line::{Line, Reach};
use super::{BELL, Editor, Outcome, Search};
use alloc::vec::Vec;

impl Editor {
    /// Takes a key during a search. A key without a meaning for the search ends it with the line that it found, and
    /// then has its usual meaning.
    pub(super) fn press_in_search(&mut self, key: Key, echo: &mut Vec<u8>) -> Option<Outcome> {
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

    /// Shows the newest line that contains the text, of the lines older than the `beyond` newest ones.
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

/// Returns from where to search when the text grows: the line that was found may contain the longer text, too.
fn search_from(search: Option<&Search>) -> usize {
    search.and_then(|search| search.found).unwrap_or(0)
}
