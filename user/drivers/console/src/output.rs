//! Output to the screen: text in UTF-8, controls, and the escape sequences that the screen knows.
//!
//! | sequence | name in ECMA-48 | what it does |
//! |---|---|---|
//! | `CR`, `LF`, `BS`, `HT` | | goes to the start of the row, down (the screen scrolls at its end), left, to the next of the stops every 8 columns |
//! | `ESC [ n A`, `B`, `C`, `D` | CUU, CUD, CUF, CUB | goes `n` up, down, right, left, not off the screen |
//! | `ESC [ n G` | CHA | goes to column `n` |
//! | `ESC [ r ; c H` (or `f`) | CUP (HVP) | goes to row `r` and column `c`, counted from 1 |
//! | `ESC [ n J` | ED | empties the screen from the cursor on (0), up to it (1), or all of it (2); 3 forgets what has scrolled off |
//! | `ESC [ n K` | EL | empties the row, likewise |
//! | `ESC [ ... m` | SGR | 0 plain, 1 bright, 22 not bright, 7 reversed, 27 not reversed, 30-37, 39 and 90-97 the characters' colour, 40-47, 49 and 100-107 that behind them |
//! | `ESC [ ? 25 h`, `l` | DECTCEM (of DEC) | shows, hides the cursor |
//!
//! A missing number is 1 where something moves and 0 elsewhere. Other sequences do nothing, and none of their bytes is
//! shown.

use crate::cell::{Cell, Colour};
use crate::grid::{Grid, Part};
use vte::{Params, Perform};

/// Whether colours are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Colours {
    /// Characters have the colours that are written.
    #[default]
    Shown,
    /// All characters have the usual colours.
    Hidden,
}

/// Whether there is a cursor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CursorState {
    /// The screen shows a cursor.
    #[default]
    Shown,
    /// The screen shows no cursor.
    Hidden,
}

/// The look of characters to come.
#[derive(Clone, Copy, Debug)]
struct Rendition {
    front: Colour,
    back: Colour,
    weight: Weight,
    order: Order,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Weight {
    Plain,
    Bright,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Order {
    Plain,
    Reversed,
}

const PLAIN: Rendition =
    Rendition { front: Colour::WHITE, back: Colour::BLACK, weight: Weight::Plain, order: Order::Plain };

/// A grid, and the parser of what is written to it.
pub struct Output {
    parser: vte::Parser,
    page: Page,
}

/// The state that sequences change.
struct Page {
    grid: Grid,
    rendition: Rendition,
    colours: Colours,
    cursor: CursorState,
}

impl Output {
    /// Makes an output that writes to a grid.
    pub fn new(grid: Grid) -> Self {
        let page = Page { grid, rendition: PLAIN, colours: Colours::Shown, cursor: CursorState::Shown };
        Self { parser: vte::Parser::new(), page }
    }

    /// Writes bytes. A character or sequence may go on in the bytes of the next call.
    pub fn write(&mut self, bytes: &[u8]) {
        self.parser.advance(&mut self.page, bytes);
    }

    /// Returns the grid.
    pub fn grid(&self) -> &Grid {
        &self.page.grid
    }

    /// Returns whether the screen shows a cursor.
    pub fn cursor_state(&self) -> CursorState {
        self.page.cursor
    }

    /// Shows or hides the colours of what is written from now on.
    pub fn set_colours(&mut self, colours: Colours) {
        self.page.colours = colours;
    }
}

impl Page {
    fn cell(&self, character: char) -> Cell {
        let Rendition { front, back, weight, order } = match self.colours {
            Colours::Shown => self.rendition,
            Colours::Hidden => PLAIN,
        };
        let front = if weight == Weight::Bright { front.bright() } else { front };
        match order {
            Order::Plain => Cell::new(character, front, back),
            Order::Reversed => Cell::new(character, back, front),
        }
    }

    /// Returns the colour of emptied places.
    fn back(&self) -> Colour {
        self.cell(' ').back()
    }

    fn render(&mut self, parameter: u16) {
        let Rendition { front, back, weight, order } = &mut self.rendition;
        match parameter {
            0 => self.rendition = PLAIN,
            1 => *weight = Weight::Bright,
            22 => *weight = Weight::Plain,
            7 => *order = Order::Reversed,
            27 => *order = Order::Plain,
            30..=37 => *front = Colour::new((parameter - 30) as u8),
            39 => *front = Colour::WHITE,
            90..=97 => *front = Colour::new((parameter - 90) as u8).bright(),
            40..=47 => *back = Colour::new((parameter - 40) as u8),
            49 => *back = Colour::BLACK,
            100..=107 => *back = Colour::new((parameter - 100) as u8).bright(),
            _ => {}
        }
    }
}

impl Perform for Page {
    fn print(&mut self, character: char) {
        self.grid.put(self.cell(character));
    }

    fn execute(&mut self, byte: u8) {
        match byte {
            b'\n' => self.grid.next_row(self.back()),
            b'\r' => self.grid.to_row_start(),
            0x08 => self.grid.go_by(0, -1),
            b'\t' => self.grid.tab(),
            _ => {}
        }
    }

    fn csi_dispatch(&mut self, parameters: &Params, intermediates: &[u8], ignore: bool, action: char) {
        if ignore {
            return;
        }
        let mut numbers = parameters.iter().map(|parameter| parameter.first().copied().unwrap_or(0));
        if action == 'm' && intermediates.is_empty() {
            return numbers.for_each(|number| self.render(number));
        }
        let first = numbers.next().unwrap_or(0);
        // A number of places to move by, or of a place to move to, is 1 if it is missing or 0.
        let places = first.max(1) as isize;
        let place = |number: u16| usize::from(number.max(1)) - 1;
        match (intermediates, action) {
            ([], 'A') => self.grid.go_by(-places, 0),
            ([], 'B') => self.grid.go_by(places, 0),
            ([], 'C') => self.grid.go_by(0, places),
            ([], 'D') => self.grid.go_by(0, -places),
            ([], 'G') => self.grid.go_to(self.grid.cursor().row, place(first)),
            ([], 'H' | 'f') => self.grid.go_to(place(first), place(numbers.next().unwrap_or(0))),
            ([], 'J') if first == 3 => self.grid.forget_history(),
            ([], 'J') => part(first).into_iter().for_each(|part| self.grid.erase(part, self.back())),
            ([], 'K') => part(first).into_iter().for_each(|part| self.grid.erase_in_row(part, self.back())),
            ([b'?'], 'h') if first == 25 => self.cursor = CursorState::Shown,
            ([b'?'], 'l') if first == 25 => self.cursor = CursorState::Hidden,
            _ => {}
        }
    }
}

fn part(number: u16) -> Option<Part> {
    match number {
        0 => Some(Part::After),
        1 => Some(Part::Before),
        2 => Some(Part::All),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
