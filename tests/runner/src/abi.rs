//! Boots the conformance suite of the interrupt entry and reads what its rows say.
//!
//! A row that takes the machine down, or hangs it, is a result too: the kernel is booted again from the next row on.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use xtask::abi::{Compiled, Variant, compile_snippets};

use crate::exit::Exit;
use crate::machine::{Direct, Hardware};

/// The side that a row is run against.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Column {
    /// `extern "x86-interrupt"`.
    Compiler,
    /// `x86-entry`.
    Entry,
}

impl Column {
    /// Its name on the kernel's command line.
    fn name(self) -> &'static str {
        match self {
            Column::Compiler => "compiler",
            Column::Entry => "entry",
        }
    }
}

/// The result of a row.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// Not so, and why.
    Broken(String),
    /// The row doesn't apply there, for this reason.
    None(String),
}

impl Verdict {
    /// Reads what [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Option<Verdict> {
        if text == "ok" {
            return Some(Verdict::Ok);
        }
        let (kind, why) = text.split_once(": ")?;
        match kind {
            "broken" => Some(Verdict::Broken(why.to_owned())),
            "none" => Some(Verdict::None(why.to_owned())),
            _ => None,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Ok => formatter.write_str("ok"),
            Verdict::Broken(why) => write!(formatter, "broken: {why}"),
            Verdict::None(why) => write!(formatter, "none: {why}"),
        }
    }
}

/// The rows that the kernel has; what handlers of wrong types come to, compiling shows.
fn rows() -> impl Iterator<Item = u8> {
    (1..=22).filter(|&row| row != WRONG_TYPES)
}

/// The row of handlers for vectors of the other kind; `x86-entry`'s don't compile.
const WRONG_KINDS: u8 = 18;

/// The row without a test in the kernel.
pub const WRONG_TYPES: u8 = 19;

/// A row that hasn't come to its end after so much of the machine's time hangs: ten times what the longest takes.
const PATIENCE: Duration = Duration::from_secs(10);

/// The rows and what they came to.
pub type Verdicts = BTreeMap<u8, Verdict>;

/// Runs all rows of a variant that was built. `Err` if the kernel doesn't get to its rows.
pub fn run(variant: Variant, column: Column) -> Result<Verdicts, String> {
    let mut verdicts = Verdicts::new();
    let mut from = 1;
    loop {
        let command_line = format!("column={} from={from}", column.name());
        let image = Direct::kernel(variant.kernel()).command_line(&command_line);
        let (text, exit) = Hardware::timed(variant.width).boot(image).output_unless_silent(PATIENCE);
        let (found, last) = parse(&text);
        verdicts.extend(found);
        if text.lines().any(|line| line.trim() == "done") {
            return match rows().find(|row| !verdicts.contains_key(row)) {
                Some(row) => Err(format!("{} says nothing about row {row}", variant.name())),
                None => Ok(verdicts),
            };
        }
        let why = end(&text, exit.as_ref());
        let Some(row) = last else { return Err(format!("{}: {why}:\n{text}", variant.name())) };
        verdicts.insert(row, Verdict::Broken(why));
        from = row + 1;
    }
}

/// Adds to a column what compiling the snippets shows: rows 18 and 19 are about handlers that mustn't compile.
pub fn add_snippets(variant: Variant, column: Column, verdicts: &mut Verdicts) -> Result<(), String> {
    let snippets = compile_snippets(variant, column.name())?;
    let of = |wanted: Compiled| {
        let names = snippets.iter().filter(move |(_, compiled)| *compiled == wanted);
        names.map(|(name, _)| name.trim_start_matches(column.name()).replace('_', " ").trim().to_owned())
    };
    let (accepted, failed): (Vec<_>, Vec<_>) = (of(Compiled::Accepted).collect(), of(Compiled::Failed).collect());
    let mut why = Vec::new();
    if !accepted.is_empty() {
        why.push(format!("accepted: {}", accepted.join(", ")));
    }
    if !failed.is_empty() {
        why.push(format!("an error without a source line: {}", failed.join(", ")));
    }
    let verdict = if why.is_empty() { Verdict::Ok } else { Verdict::Broken(why.join("; ")) };
    if column == Column::Entry && verdict != Verdict::Ok {
        verdicts.insert(WRONG_KINDS, verdict.clone());
    }
    verdicts.insert(WRONG_TYPES, verdict);
    Ok(())
}

/// Describes the end of a machine that didn't print `done`.
fn end(text: &str, exit: Option<&Exit>) -> String {
    match (text.lines().find(|line| line.starts_with("panic: ")), exit) {
        (Some(line), _) => line.trim().to_owned(),
        (None, None) => "the machine hangs".to_owned(),
        (None, Some(Exit::Reset)) => "a triple fault".to_owned(),
        (None, Some(exit)) => format!("the machine ended by {exit:?}"),
    }
}

/// The rows' lines, and the row that had begun last without such a line.
fn parse(text: &str) -> (Verdicts, Option<u8>) {
    let mut verdicts = Verdicts::new();
    let mut begun = None;
    for line in text.lines().map(str::trim) {
        if let Some(row) = line.strip_prefix("begin ") {
            begun = row.parse().ok();
        }
        let verdict = line.strip_prefix("row ").and_then(|line| line.split_once(": "));
        if let Some((row, verdict)) = verdict
            && let (Ok(row), Some(verdict)) = (row.parse(), Verdict::parse(verdict))
        {
            verdicts.insert(row, verdict);
            begun = None;
        }
    }
    (verdicts, begun)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_verdicts() {
        let (verdicts, begun) = parse("begin 1\r\nrow 1: ok\r\nbegin 2\r\nrow 2: broken: #GP: so\r\nbegin 3\r\n");
        let broken = Verdict::Broken("#GP: so".to_owned());
        assert_eq!(verdicts, Verdicts::from([(1, Verdict::Ok), (2, broken)]));
        assert_eq!(begun, Some(3));
    }

    #[test]
    fn verdicts_read_back() {
        for text in ["ok", "broken: why: that", "none: here"] {
            assert_eq!(Verdict::parse(text).map(|verdict| verdict.to_string()).as_deref(), Some(text));
        }
        assert_eq!(Verdict::parse("perhaps"), None);
    }
}
