//! The lines that were typed before.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;

/// How many lines are remembered.
const REMEMBERED: usize = 100;

/// Lines, of which some may be shown in place of the one that is being typed.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// The newest is first.
    lines: VecDeque<Vec<char>>,
    /// How many lines back the line shown is; 0 for the one that is being typed.
    back: usize,
    /// The line that was being typed when another was recalled.
    typed: Vec<char>,
}

impl History {
    /// Adds a line, if there is something new in it, and goes back to the one that is being typed.
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

    /// The line before the one that is shown; `shown` is what it has become.
    pub fn older(&mut self, shown: &[char]) -> Option<Vec<char>> {
        let older = self.lines.get(self.back)?.clone();
        if self.back == 0 {
            self.typed = shown.to_vec();
        }
        self.back += 1;
        Some(older)
    }

    /// The line after the one that is shown, at the end the one that was being typed.
    pub fn newer(&mut self) -> Option<Vec<char>> {
        self.back = self.back.checked_sub(1)?;
        match self.back.checked_sub(1) {
            None => Some(core::mem::take(&mut self.typed)),
            Some(index) => self.lines.get(index).cloned(),
        }
    }

    /// The newest line that contains a text, of those older than `beyond` lines; with its index.
    pub fn find(&self, text: &[char], beyond: usize) -> Option<(usize, &[char])> {
        let lines = self.lines.iter().enumerate().skip(beyond);
        let mut found = lines.filter(|(_, line)| text.is_empty() || line.windows(text.len()).any(|part| part == text));
        found.next().map(|(index, line)| (index, line.as_slice()))
    }

    /// The lines, the oldest first.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.lines.iter().rev().map(|line| line.iter().collect())
    }
}
