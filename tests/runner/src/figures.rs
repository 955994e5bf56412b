//! The figures of benches: the lines on a machine's serial line, and a table of them.
//!
//! A program prints `bench: NAME MINIMUM MEDIAN` for each row and `bench: done` at the end. In files each row is two
//! numbers, `NAME` and `NAME_median`.

use serde_json::{Map, Value, json};

use crate::machine::Machine;

/// A bench's figures of a row.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Row {
    /// The row's name in files.
    pub name: String,
    /// The cost of the cheapest round.
    pub minimum: u64,
    /// The cost of the middle round.
    pub median: u64,
}

/// The meaning of a line.
#[derive(Debug, Eq, PartialEq)]
enum Line<'a> {
    Row(Row),
    Done,
    Failed(&'a str),
    Other,
}

/// Reads all rows in the order in which the machine prints them. Panics if a bench says anything else, or if the
/// machine ends before `bench: done`.
#[track_caller]
pub fn rows(machine: &mut Machine) -> Vec<Row> {
    let mut rows = Vec::new();
    loop {
        let line = machine.expect("\n");
        match parse(&line) {
            Line::Row(row) => rows.push(row),
            Line::Done => return rows,
            Line::Failed(what) => panic!("the bench says: {what}"),
            Line::Other => {}
        }
    }
}

/// Reads all rows as the numbers that files have. Panics as [`rows`] does.
#[track_caller]
pub fn read(machine: &mut Machine) -> Map<String, Value> {
    let numbers = |row: Row| [(median_of(&row.name), json!(row.median)), (row.name, json!(row.minimum))];
    rows(machine).into_iter().flat_map(numbers).collect()
}

/// The minimum, with the median behind it where that is another.
pub fn show(figures: &Map<String, Value>, name: &str) -> String {
    let number = |name: &str| figures.get(name).and_then(Value::as_u64);
    let minimum = number(name).map_or("-".to_owned(), |figure| figure.to_string());
    match number(&median_of(name)) {
        Some(median) if Some(median) != number(name) => format!("{minimum} ({median})"),
        _ => minimum,
    }
}

/// The name in files of a row's median.
pub fn median_of(name: &str) -> String {
    format!("{name}_median")
}

fn parse(line: &str) -> Line<'_> {
    let Some((_, rest)) = line.split_once("bench: ") else { return Line::Other };
    let rest = rest.trim();
    let words: Vec<_> = rest.split_whitespace().collect();
    let row = match words.as_slice() {
        ["done"] => return Line::Done,
        [name, minimum, median] => minimum.parse().ok().zip(median.parse().ok()).map(|numbers| (*name, numbers)),
        _ => None,
    };
    row.map_or(Line::Failed(rest), |(name, (minimum, median))| {
        Line::Row(Row { name: name.to_owned(), minimum, median })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_told_from_failures_and_from_what_else_is_said() {
        let row = Row { name: "null_call".to_owned(), minimum: 74, median: 75 };
        assert_eq!(parse("bench: null_call 74 75\r\n"), Line::Row(row.clone()));
        assert_eq!(parse("bellwire> bench: null_call 74 75\n"), Line::Row(row));
        assert_eq!(parse("bench: done\n"), Line::Done);
        assert_eq!(parse("bench: a failed: error 3\n"), Line::Failed("a failed: error 3"));
        assert_eq!(parse("bench: a 1 b\n"), Line::Failed("a 1 b"));
        assert_eq!(parse("[    1.688152] Run /init as init process\n"), Line::Other);
    }

    #[test]
    fn the_median_is_shown_where_it_differs() {
        let figures = json!({ "a": 1, "a_median": 1, "b": 1, "b_median": 2, "c": 3 });
        let figures = figures.as_object().unwrap();
        assert_eq!(["a", "b", "c", "d"].map(|name| show(figures, name)), ["1", "1 (2)", "3", "-"]);
    }
}
