//! The editor's tests, most of them against a model of a terminal.

use super::*;
use alloc::format;
use alloc::string::ToString;
use alloc::vec;
use proptest::prelude::*;

const PROMPT: &str = "$ ";

/// A terminal that knows text, backspaces, line ends, the bell and colours, and nothing else.
#[derive(Debug, Default)]
struct Terminal {
    width: usize,
    rows: Vec<Vec<char>>,
    column: usize,
    bells: usize,
}

impl Terminal {
    fn new(width: usize) -> Self {
        Self { width, rows: vec![Vec::new()], ..Self::default() }
    }

    fn write(&mut self, bytes: &[u8]) {
        let text = core::str::from_utf8(bytes).expect("the echo is UTF-8");
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            match character {
                '\r' => self.column = 0,
                '\n' => self.rows.push(Vec::new()),
                '\u{8}' => self.column = self.column.checked_sub(1).expect("no backspace at the start of a row"),
                '\u{7}' => self.bells += 1,
                '\u{1b}' => assert!(characters.any(|character| character == 'm'), "colours end"),
                _ => self.put(character),
            }
        }
    }

    fn put(&mut self, character: char) {
        assert!(!character.is_control(), "{character:?}");
        if self.column == self.width {
            self.rows.push(Vec::new());
            self.column = 0;
        }
        let column = self.column;
        let row = self.rows.last_mut().unwrap();
        row.resize(row.len().max(column + 1), ' ');
        row[column] = character;
        self.column += 1;
    }

    fn row(&self) -> String {
        self.rows.last().unwrap().iter().collect::<String>().trim_end().to_string()
    }
}

/// A person at an editor.
struct Person {
    editor: Editor,
    terminal: Terminal,
    outcomes: Vec<Outcome>,
    candidates: Vec<String>,
}

impl Person {
    fn new(width: usize) -> Self {
        let mut person = Self {
            editor: Editor::default(),
            terminal: Terminal::new(width),
            outcomes: Vec::new(),
            candidates: Vec::new(),
        };
        person.begin();
        person
    }

    fn begin(&mut self) {
        let mut echo = Vec::new();
        self.editor.begin(PROMPT, self.terminal.width, &mut echo);
        self.terminal.write(&echo);
    }

    fn types(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        for byte in bytes.as_ref() {
            let mut echo = Vec::new();
            let outcome = self.editor.feed(*byte, &mut echo);
            match &outcome {
                Some(Outcome::Complete { before }) => {
                    let word = before.rsplit(' ').next().unwrap_or("");
                    let fit: Vec<_> = self.candidates.iter().filter(|text| text.starts_with(word)).cloned().collect();
                    self.editor.complete(word.chars().count(), &fit, &mut echo);
                }
                Some(Outcome::Clear) => {
                    self.terminal.write(&echo);
                    self.terminal = Terminal::new(self.terminal.width);
                    echo.clear();
                    self.editor.redraw(&mut echo);
                }
                _ => {}
            }
            self.terminal.write(&echo);
            if matches!(outcome, Some(Outcome::Line(_) | Outcome::TooLong | Outcome::Interrupted)) {
                assert_eq!(self.terminal.column, 0);
                self.begin();
            }
            self.outcomes.extend(outcome);
        }
        self
    }

    fn lines(&self) -> Vec<&str> {
        let line = |outcome: &'_ Outcome| matches!(outcome, Outcome::Line(_));
        let lines = self.outcomes.iter().filter(|outcome| line(outcome));
        lines.map(|outcome| if let Outcome::Line(line) = outcome { line.as_str() } else { "" }).collect()
    }

    fn sees(&self, row: &str) -> &Self {
        assert_eq!(self.terminal.row(), row);
        self
    }
}

fn lines(bytes: &str) -> Vec<String> {
    Person::new(80).types(bytes).lines().iter().map(|line| line.to_string()).collect()
}

#[test]
fn what_is_typed_at_the_end_is_echoed_as_it_is() {
    let mut editor = Editor::default();
    let mut echo = Vec::new();
    editor.begin("", 80, &mut echo);
    b"\x7Fpx\x08s\r".iter().for_each(|byte| _ = editor.feed(*byte, &mut echo));
    assert_eq!(echo, b"px\x08 \x08s\r\n");
}

#[test]
fn the_cursor_goes_where_it_is_sent() {
    assert_eq!(lines("bc\x01a\x05d\r"), ["abcd"]);
    assert_eq!(lines("ad\x1b[Dc\x1b[Db\x1b[F!\r"), ["abcd!"]);
    assert_eq!(lines("one two\x1bb\x1b[1;5Dx\x06\x1bf.\r"), ["xone. two"]);
    assert_eq!(lines("abc\x02\x02\x04\x1b[3~\x1b[3~d\r"), ["ad"]);
}

#[test]
fn what_is_cut_is_pasted() {
    assert_eq!(lines("one two three\x17\x17\x19\x19\r"), ["one two two "]);
    assert_eq!(lines("one two\x1bb\x0b\x01\x19 \r"), ["two one "]);
    assert_eq!(lines("one\x15two\x19\r"), ["twoone"]);
    assert_eq!(lines("one two\x01\x1bd\x1b\x7F.\r"), [". two"]);
}

#[test]
fn characters_are_more_than_bytes() {
    assert_eq!(lines("äß€\x7F\x02\x7Fx\r"), ["xß"]);
    Person::new(80).types("ä漢\u{301}ö\x1b[D\x1b[D\x1b[D.").sees("$ ä.??ö");
}

#[test]
fn up_and_down_walk_through_history() {
    assert_eq!(lines("one\rtwo\r\x1b[A\r")[2], "two");
    assert_eq!(lines("one\rtwo\r\x1b[A\x1b[A\x1b[A\x1b[B!\r")[2], "two!");
    assert_eq!(lines("one\rtyped\x1b[A\x1b[B.\r")[1], "typed.", "what was being typed comes back");
    assert_eq!(lines("one\r\r  \rone\r\x1b[A\x1b[A\x1b[A\r").last().unwrap(), "one", "only what is new is kept");
}

#[test]
fn the_history_is_searched() {
    let mut person = Person::new(80);
    person.types("sleep 10\recho one\rsleep 20\rps\r\x12sl").sees("$ ".replace("$ ", "search 'sl': sleep 20").as_str());
    person.types("\x12").sees("search 'sl': sleep 10");
    person.types("\x12").sees("search 'sl': sleep 10");
    assert_eq!(person.terminal.bells, 1, "there is no older one");
    person.types("\x05!").sees("$ sleep 10!");
    person.types("\x15\x12one").sees("search 'one': echo one");
    person.types("\r");
    assert_eq!(person.lines().last(), Some(&"echo one"));
    person.types("typed\x12ps").sees("search 'ps': ps");
    person.types("\x07").sees("$ typed");
}

#[test]
fn tab_completes() {
    let mut person = Person::new(30);
    person.candidates = ["serial", "sleep", "shell", "keyboard"].map(String::from).to_vec();
    person.types("kill k\t").sees("$ kill keyboard");
    person.types("\x7F\x15s\t").sees("$ s");
    assert_eq!(person.terminal.bells, 1);
    person.types("\t").sees("$ s");
    let shown: Vec<String> = person.terminal.rows.iter().map(|row| row.iter().collect()).collect();
    assert_eq!(shown, ["$ s             ", "serial  sleep   shell", "$ s"]);
    person.types("e\t!\r");
    assert_eq!(person.lines(), ["serial !"]);
}

#[test]
fn control_c_forgets_the_line() {
    let mut person = Person::new(80);
    person.types("abc\x03d\r");
    assert_eq!(person.outcomes, [Outcome::Interrupted, Outcome::Line("d".into())]);
    assert_eq!(person.editor.history().collect::<Vec<_>>(), ["d"]);
}

#[test]
fn a_line_that_was_cut_is_not_carried_out() {
    let mut person = Person::new(80);
    person.types("x".repeat(line::LONGEST + 1));
    assert_eq!(person.terminal.bells, 1);
    person.types("\x7F\r");
    assert_eq!(person.outcomes, [Outcome::TooLong]);
    person.types("y".repeat(line::LONGEST + 1)).types("\x15short\r");
    assert_eq!(person.lines(), ["short"], "nothing is missing from a new beginning");
}

#[test]
fn a_long_line_scrolls_in_its_row() {
    let mut person = Person::new(20);
    person.types("0123456789abcdefghijkl").sees("$ <789abcdefghijkl");
    person.types("\x01").sees("$ 0123456789abcdef>");
    person.types("\r");
    let shown: Vec<String> = person.terminal.rows.iter().map(|row| row.iter().collect()).collect();
    assert_eq!(shown, ["$ 0123456789abcdefgh", "ijkl", "$ "], "all of it is there to be read");
}

#[test]
fn a_line_just_fits() {
    let mut person = Person::new(20);
    person.types("0123456789abcdefg").sees("$ 0123456789abcdefg");
    assert_eq!(person.terminal.column, 19);
    person.types("\x01");
    assert_eq!(person.terminal.column, 2);
}

/// Bytes that a person may type: mostly bytes with a meaning.
fn input() -> impl Strategy<Value = Vec<u8>> {
    let sequences = [
        "\x1b[A",
        "\x1b[B",
        "\x1b[C",
        "\x1b[D",
        "\x1b[H",
        "\x1b[F",
        "\x1b[3~",
        "\x1b[1;5C",
        "\x1b[1;5D",
        "\x1bb",
        "\x1bf",
        "\x1bd",
        "\x1b\x7F",
        "\x01",
        "\x05",
        "\x02",
        "\x06",
        "\x0b",
        "\x15",
        "\x17",
        "\x19",
        "\x12",
        "\x07",
        "\x7F",
        "\x03",
        "\t",
        "\r",
        "\x0c",
        "\x04",
    ];
    let sequence = prop::sample::select(sequences.to_vec()).prop_map(|text| text.as_bytes().to_vec());
    let text = "[a-z '\"ä€漢]{1,12}".prop_map(String::into_bytes);
    let noise = prop::collection::vec(any::<u8>(), 1..4);
    prop::collection::vec(prop_oneof![4 => sequence, 4 => text, 1 => noise], 0..60).prop_map(|parts| parts.concat())
}

proptest! {
    /// After each byte, the terminal's row is the prompt and a part of the line, and the cursor stands on the next
    /// character.
    #[test]
    fn the_terminal_shows_the_line(bytes in input(), width in 14_usize..60) {
        let mut person = Person::new(width);
        person.candidates = ["abc", "abd", "x"].map(String::from).to_vec();
        for byte in bytes {
            person.types([byte]);
            let Person { editor, terminal, .. } = &person;
            let text: String = editor.line.text().iter().map(|character| row::shown(*character)).collect();
            let shown: Vec<char> = terminal.rows.last().unwrap().clone();
            let prompt = editor.prompt_glyphs().len();
            prop_assert!(terminal.column < width, "no cursor beyond the last column");
            prop_assert_eq!(terminal.column, prompt + editor.line.cursor() - editor.left);
            let is_whole = text.chars().count() <= editor.room();
            for (column, character) in shown.iter().enumerate().skip(prompt) {
                let at = editor.left + column - prompt;
                let wanted = text.chars().nth(at).unwrap_or(' ');
                prop_assert!(
                    *character == wanted || !is_whole && "<>".contains(*character),
                    "column {} of {:?} for {:?}", column, shown, text
                );
            }
            let next = shown.get(terminal.column).copied().unwrap_or(' ');
            prop_assert_eq!(next, text.chars().nth(editor.line.cursor()).unwrap_or(' '), "no mark is under the cursor");
            if editor.search.is_none() {
                prop_assert!(shown.iter().collect::<String>().starts_with(PROMPT));
            }
        }
    }

    /// Editing agrees with a model: a list of characters and a place in it.
    #[test]
    fn editing_agrees_with_a_model(steps in prop::collection::vec((0..7, "[a-z ä]"), 0..100)) {
        let mut person = Person::new(40);
        let (mut model, mut cursor) = (Vec::<char>::new(), 0);
        for (step, text) in steps {
            let character = text.chars().next().unwrap();
            match step {
                0 => { person.types("\x1b[D"); cursor = usize::saturating_sub(cursor, 1); }
                1 => { person.types("\x1b[C"); cursor = (cursor + 1).min(model.len()); }
                2 => { person.types("\x7F"); if cursor > 0 { cursor -= 1; model.remove(cursor); } }
                3 => { person.types("\x1b[3~"); if cursor < model.len() { model.remove(cursor); } }
                _ => { person.types(&text); model.insert(cursor, character); cursor += 1; }
            }
        }
        person.types("\r");
        prop_assert_eq!(&person.outcomes, &[Outcome::Line(model.iter().collect())]);
    }

    /// Two terminals of different widths get the same bytes: a wider one shows the same row.
    #[test]
    fn a_wider_terminal_shows_the_same(bytes in input(), width in 14_usize..40, more in 1_usize..40) {
        let mut person = Person::new(width);
        let mut wider = Terminal::new(width + more);
        let mut editor = Editor::default();
        let mut echo = Vec::new();
        editor.begin(PROMPT, width, &mut echo);
        for byte in bytes.into_iter().filter(|byte| ![b'\t', 0x0c].contains(byte)) {
            person.types([byte]);
            let outcome = editor.feed(byte, &mut echo);
            if matches!(outcome, Some(Outcome::Line(_) | Outcome::TooLong | Outcome::Interrupted)) {
                editor.begin(PROMPT, width, &mut echo);
            }
        }
        wider.write(&echo);
        prop_assert_eq!(wider.row(), person.terminal.row());
        prop_assert_eq!(wider.column, person.terminal.column);
    }
}

#[test]
fn texts_are_listed_in_columns() {
    let mut echo = Vec::new();
    list(&["help", "echo", "x"].map(String::from), 15, &mut echo);
    assert_eq!(core::str::from_utf8(&echo), Ok("\r\nhelp  echo\r\nx\r\n"));
    assert_eq!(format!("{:?}", common_prefix(&["äb", "äbc"].map(String::from))), "\"äb\"");
}
