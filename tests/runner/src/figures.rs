//! What benches measured: the lines on a machine's serial line, and how a table shows them.
//!
//! A program prints `bench: NAME MINIMUM MEDIAN` for each row and `bench: done` at the end. In files each row is two
//! numbers, `NAME` and `NAME_median`.

use serde_json::{Map, Value, json};

use crate::machine::Machine;

/// What a line says.
#[derive(Debug, Eq, PartialEq)]
enum Line<'a> {
    Row { name: &'a str, minimum: u64, median: u64 },
    Done,
    Failed(&'a str),
    Other,
}

/// Reads all rows; anything else that a bench says, or the machine's end, is a panic.
#[track_caller]
pub fn read(machine: &mut Machine) -> Map<String, Value> {
    let mut figures = Map::new();
    loop {
        let line = machine.expect("\n");
        match parse(&line) {
            Line::Row { name, minimum, median } => {
                figures.insert(name.to_owned(), json!(minimum));
                figures.insert(median_of(name), json!(median));
            }
            Line::Done => return figures,
            Line::Failed(what) => panic!("the bench says: {what}"),
            Line::Other => {}
        }
    }
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

fn median_of(name: &str) -> String {
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
    row.map_or(Line::Failed(rest), |(name, (minimum, median))| Line::Row { name, minimum, median })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_told_from_failures_and_from_what_else_is_said() {
        let row = Line::Row { name: "null_call", minimum: 74, median: 75 };
        assert_eq!(parse("bench: null_call 74 75\r\n"), row);
        assert_eq!(parse("bellwire> bench: null_call 74 75\n"), row);
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
