//! The lines that were typed before.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;

/// How many lines are remembered.
const REMEMBERED: usize = 100;

/// The lines that were typed before. One of them may be shown in place of the line that is being typed.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// The lines, the newest first.
    lines: VecDeque<Vec<char>>,
    /// How many lines back the shown line is; 0 for the one that is being typed.
    back: usize,
    /// The line that was being typed when another was recalled.
    typed: Vec<char>,
}

impl History {
    /// Adds a line unless it is blank or repeats the newest one, and goes back to the line that is being typed.
    pub fn add(&mut self, line: &[char]) {
        self.leave();
        if line.iter().any(|character| !character.is_whitespace()) && self.lines.front().is_none_or(|last| last != line)
        {
            self.lines.truncate(REMEMBERED - 1);
            self.lines.push_front(line.to_vec());
        }
    }

    /// Forgets which line is shown.
    pub fn leave(&mut self) {
        self.back = 0;
        self.typed.clear();
    }

    /// Goes to the line before the shown one and returns it. `shown` is the shown line as it was edited.
    pub fn older(&mut self, shown: &[char]) -> Option<Vec<char>> {
        let older = self.lines.get(self.back)?.clone();
        if self.back == 0 {
            self.typed = shown.to_vec();
        }
        self.back += 1;
        Some(older)
    }

    /// Goes to the line after the shown one and returns it. The last one is the line that was being typed.
    pub fn newer(&mut self) -> Option<Vec<char>> {
        self.back = self.back.checked_sub(1)?;
        match self.back.checked_sub(1) {
            None => Some(core::mem::take(&mut self.typed)),
            Some(index) => self.lines.get(index).cloned(),
        }
    }

    /// Finds the newest line that contains a text, of the lines older than the `beyond` newest ones. Returns its index
    /// too.
    pub fn find(&self, text: &[char], beyond: usize) -> Option<(usize, &[char])> {
        let lines = self.lines.iter().enumerate().skip(beyond);
        let mut found = lines.filter(|(_, line)| text.is_empty() || line.windows(text.len()).any(|part| part == text));
        found.next().map(|(index, line)| (index, line.as_slice()))
    }

    /// Returns the lines, the oldest first.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.lines.iter().rev().map(|line| line.iter().collect())
    }
}
