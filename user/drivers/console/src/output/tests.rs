use super::*;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use proptest::prelude::*;

fn text(grid: &Grid, row: usize, back: usize) -> String {
    let text: String = grid.row(row, back).iter().map(|cell| cell.character()).collect();
    text.trim_end().into()
}

fn shown(grid: &Grid) -> Vec<String> {
    (0..grid.rows()).map(|row| text(grid, row, 0)).collect()
}

fn after(bytes: &[u8]) -> Output {
    let mut output = Output::new(Grid::new(3, 5));
    output.write(bytes);
    output
}

fn rows(bytes: &str) -> Vec<String> {
    shown(after(bytes.as_bytes()).grid())
}

fn cursor(bytes: &str) -> (usize, usize) {
    let cursor = after(bytes.as_bytes()).grid().cursor();
    (cursor.row, cursor.column)
}

#[test]
fn lines_wrap_and_scroll() {
    assert_eq!(rows("abcdefg\r\nh\r\ni"), ["fg", "h", "i"]);
    assert_eq!(rows("abcde\r\nf"), ["abcde", "f", ""]);
}

#[test]
fn controls_move() {
    assert_eq!(rows("ab\rx\0\x07"), ["xb", "", ""]);
    assert_eq!(cursor("\t"), (0, 4));
    assert_eq!(cursor("\x08"), (0, 0));
    assert_eq!(cursor("abcde"), (0, 4), "a full row isn't left");
    assert_eq!(rows("abcde\x08x"), ["abcxe", "", ""]);
}

#[test]
fn characters_are_utf8() {
    assert_eq!(rows("äß€"), ["äß?", "", ""]);
    assert_eq!(shown(after(b"a\xFFb\xC3").grid()), ["a?b", "", ""]);
}

#[test]
fn the_cursor_goes_where_it_is_sent() {
    assert_eq!(cursor("\x1b[2;3H"), (1, 2));
    assert_eq!(cursor("\x1b[H\x1b[B\x1b[2C"), (1, 2));
    assert_eq!(cursor("\x1b[99;99H"), (2, 4));
    assert_eq!(cursor("\x1b[3;5H\x1b[A\x1b[3D"), (1, 1));
    assert_eq!(cursor("\x1b[65535B\x1b[65535C\x1b[65535A"), (0, 4));
    assert_eq!(cursor("ab\x1b[4G"), (0, 3));
    assert_eq!(cursor("\x1b[0;0f"), (0, 0));
}

#[test]
fn parts_are_emptied() {
    let full = "abcde\r\nfghij\r\nklmno\x1b[2;3H";
    assert_eq!(rows(&format!("{full}\x1b[K")), ["abcde", "fg", "klmno"]);
    assert_eq!(rows(&format!("{full}\x1b[1K")), ["abcde", "   ij", "klmno"]);
    assert_eq!(rows(&format!("{full}\x1b[2K")), ["abcde", "", "klmno"]);
    assert_eq!(rows(&format!("{full}\x1b[J")), ["abcde", "fg", ""]);
    assert_eq!(rows(&format!("{full}\x1b[1J")), ["", "   ij", "klmno"]);
    assert_eq!(rows(&format!("{full}\x1b[2J")), ["", "", ""]);
    assert_eq!(cursor(&format!("{full}\x1b[2J")), (1, 2));
}

#[test]
fn colours_are_those_of_the_sequence() {
    let cell = |bytes: &str| after(bytes.as_bytes()).grid().row(0, 0)[0];
    let colours = |bytes: &str| (cell(bytes).front().number(), cell(bytes).back().number());
    assert_eq!(colours("x"), (7, 0));
    assert_eq!(colours("\x1b[32mx"), (2, 0));
    assert_eq!(colours("\x1b[1;31mx"), (9, 0));
    assert_eq!(colours("\x1b[1m\x1b[31;22mx"), (1, 0));
    assert_eq!(colours("\x1b[90;44mx"), (8, 4));
    assert_eq!(colours("\x1b[7mx"), (0, 7));
    assert_eq!(colours("\x1b[7;27mx"), (7, 0));
    assert_eq!(colours("\x1b[1;31;44;7m\x1b[mx"), (7, 0));
    assert_eq!(colours("\x1b[31;39;42;49mx"), (7, 0));
    let mut output = after(b"");
    output.set_colours(Colours::Hidden);
    output.write(b"\x1b[31mx");
    assert_eq!(output.grid().row(0, 0)[0].front(), Colour::WHITE);
}

#[test]
fn what_is_unknown_is_not_shown() {
    assert_eq!(rows("a\x1b[5~\x1b]0;title\x07\x1b(B\x1bPq\x1b\\\x1b[>4;2mb"), ["ab", "", ""]);
    assert_eq!(after(b"\x1b[31\x1b[?25lx").cursor_state(), CursorState::Hidden);
    assert_eq!(after(b"\x1b[?25l\x1b[?25h").cursor_state(), CursorState::Shown);
}

#[test]
fn a_sequence_may_come_in_parts() {
    let mut output = after(b"");
    "ä\x1b[2;2H\x1b[31mö".bytes().for_each(|byte| output.write(&[byte]));
    assert_eq!(shown(output.grid()), ["ä", " ö", ""]);
}

#[test]
fn what_scrolls_off_is_kept() {
    let mut output = Output::new(Grid::new(2, 8));
    (0..1000).for_each(|line| output.write(format!("{line}\r\n").as_bytes()));
    let grid = output.grid();
    assert_eq!(shown(grid), ["999", ""]);
    assert_eq!(grid.history(), 400);
    assert_eq!((text(grid, 0, 1), text(grid, 1, 1)), ("998".into(), "999".into()));
    assert_eq!(text(grid, 0, 400), "599");
    output.write(b"\x1b[3J");
    assert_eq!((output.grid().history(), shown(output.grid())), (0, vec!["999".into(), String::new()]));
}

/// Makes bytes that may be written.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let sequence =
        ("[0-9;?]{0,6}", "[A-Za-z]").prop_map(|(numbers, last)| format!("\x1b[{numbers}{last}").into_bytes());
    let part = prop_oneof![
        3 => sequence,
        3 => "[a-zä ]{1,9}".prop_map(String::into_bytes),
        2 => "[\r\n\t\u{8}]".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 1..5),
    ];
    prop::collection::vec(part, 0..60).prop_map(|parts| parts.concat())
}

/// A terminal after its description, written for brevity: a map of places to characters.
struct Model {
    places: BTreeMap<(usize, usize), char>,
    rows: usize,
    columns: usize,
    row: usize,
    column: usize,
}

impl Model {
    fn down(&mut self) {
        if self.row + 1 < self.rows {
            self.row += 1;
        } else {
            let places = core::mem::take(&mut self.places).into_iter();
            self.places = places.filter(|((row, _), _)| *row > 0).map(|((row, c), x)| ((row - 1, c), x)).collect();
        }
    }

    fn step(&mut self, step: &Step) {
        let last = self.columns - 1;
        let at = (self.row, self.column.min(last));
        match step {
            Step::Text(text) => {
                for character in text.chars() {
                    if self.column == self.columns {
                        self.down();
                        self.column = 0;
                    }
                    self.places.insert((self.row, self.column), character);
                    self.column += 1;
                }
            }
            Step::Return => self.column = 0,
            Step::Down => self.down(),
            Step::Back => self.column = at.1.saturating_sub(1),
            Step::Go(row, column) => {
                (self.row, self.column) = ((*row).min(self.rows - 1), (*column).min(last));
            }
            Step::EraseRow => self.places.retain(|place, _| place.0 != at.0 || place.1 < at.1),
            Step::EraseScreen => self.places.retain(|place, _| *place < at),
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Text(String),
    Return,
    Down,
    Back,
    Go(usize, usize),
    EraseRow,
    EraseScreen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => "[a-z]{1,9}".prop_map(Step::Text),
        1 => Just(Step::Return),
        2 => Just(Step::Down),
        1 => Just(Step::Back),
        1 => (0_usize..7, 0_usize..9).prop_map(|(row, column)| Step::Go(row, column)),
        1 => Just(Step::EraseRow),
        1 => Just(Step::EraseScreen),
    ]
}

impl Step {
    fn bytes(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Return => "\r".into(),
            Self::Down => "\n".into(),
            Self::Back => "\x08".into(),
            Self::Go(row, column) => format!("\x1b[{};{}H", row + 1, column + 1),
            Self::EraseRow => "\x1b[K".into(),
            Self::EraseScreen => "\x1b[J".into(),
        }
    }
}

proptest! {
    #[test]
    fn nothing_leaves_the_screen(bytes in bytes(), rows in 1_usize..6, columns in 1_usize..9) {
        let mut output = Output::new(Grid::new(rows, columns));
        for byte in bytes {
            output.write(&[byte]);
            let grid = output.grid();
            let cursor = grid.cursor();
            prop_assert!(cursor.row < rows && cursor.column < columns);
            for back in [0, grid.history()] {
                prop_assert!((0..rows).all(|row| grid.row(row, back).len() == columns));
            }
        }
    }

    #[test]
    fn the_screen_agrees_with_a_model(steps in prop::collection::vec(step(), 0..40)) {
        let (rows, columns) = (5, 7);
        let mut output = Output::new(Grid::new(rows, columns));
        let mut model = Model { places: BTreeMap::new(), rows, columns, row: 0, column: 0 };
        for step in steps {
            output.write(step.bytes().as_bytes());
            model.step(&step);
        }
        let grid = output.grid();
        for row in 0..rows {
            let wanted: String = (0..columns).map(|c| model.places.get(&(row, c)).copied().unwrap_or(' ')).collect();
            prop_assert_eq!(grid.row(row, 0).iter().map(|cell| cell.character()).collect::<String>(), wanted);
        }
        prop_assert_eq!((grid.cursor().row, grid.cursor().column), (model.row, model.column.min(columns - 1)));
    }
}
