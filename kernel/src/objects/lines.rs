//! Which source has claimed each line.

use crate::machine::Line;
use crate::tables::Link;
use crate::tables::sizes::MAX_LINES;
use core::ops::Range;

/// The claims of all lines. A line has one source at most.
pub struct Lines([Link; MAX_LINES]);

impl Lines {
    /// No line is claimed.
    pub const EMPTY: Self = Self([Link::NONE; MAX_LINES]);

    /// The source that has claimed a line; a link of no source if there is none.
    #[inline(always)]
    pub fn source(&self, line: Line) -> Link {
        self.0.get(line.0 as usize).copied().unwrap_or(Link::NONE)
    }

    /// The first line of a range that no source has claimed.
    pub fn first_free(&self, lines: Range<u8>) -> Option<Line> {
        lines.map(Line).find(|line| !self.source(*line).is_some())
    }

    /// A source claims a line that is free.
    pub fn claim(&mut self, line: Line, source: Link) {
        if let Some(claim) = self.0.get_mut(line.0 as usize) {
            *claim = source;
        }
    }

    /// A line is free again.
    pub fn release(&mut self, line: Line) {
        self.claim(line, Link::NONE);
    }
}
