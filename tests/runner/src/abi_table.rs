//! The table of the interrupt entry's conformance suite: on the terminal, as a page, and as the record of the
//! compiler's column.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use xtask::abi::Variant;

use crate::abi::{Verdict, Verdicts};

/// The compiler's and `x86-entry`'s results of each variant.
pub type Results = Vec<(Variant, Verdicts, Verdicts)>;

/// The title of each row.
const ROWS: [&str; 22] = [
    "x87 and MMX registers kept",
    "MXCSR kept, and known to the handler",
    "stack aligned at calls, with an error code (x86_64)",
    "the same without an error code (x86_64)",
    "xmm registers kept, or not touched without SSE",
    "any stack pointer interrupted (i686, bare target)",
    "any stack pointer interrupted (i686, linux-gnu target)",
    "locals aligned to 32 and 64",
    "error codes",
    "upper halves of ymm registers kept when AVX code is called",
    "all registers seen and changed, hooks around handlers",
    "direction flag clear in the handler",
    "GS base swapped (x86_64)",
    "AC flag clear in the handler (SMAP)",
    "kernel's data segments in the handler (i686)",
    "no stack pointer in a frame without one (i686)",
    "a changed instruction pointer is resumed",
    "handlers for vectors of the other kind don't compile",
    "handlers of wrong types don't compile, with a source line",
    "a frame that can't be returned to is its program's fault",
    "upper half of the kernel's esp kept in (i686)",
    "`syscall` and `sysenter` in the same manner",
];

/// The record's file: one line a result, behind the compiler's version.
pub fn record(results: &Results, compiler: &str) -> String {
    let mut text = format!("{compiler}\n");
    for (variant, verdicts, _) in results {
        for (row, verdict) in verdicts {
            let _ = writeln!(text, "{} {row} {verdict}", variant.name());
        }
    }
    text
}

/// Reads what [`record`] wrote.
pub fn read_record(text: &str) -> BTreeMap<(String, u8), Verdict> {
    let line = |line: &str| {
        let (variant, rest) = line.split_once(' ')?;
        let (row, verdict) = rest.split_once(' ')?;
        Some(((variant.to_owned(), row.parse().ok()?), Verdict::parse(verdict)?))
    };
    text.lines().skip(1).filter_map(line).collect()
}

/// The table as text: a line for each row and variant.
pub fn print(results: &Results) -> String {
    let mut text = format!("{:>3}  {:<22} {:<72} {}\n", "row", "variant", "compiler", "x86-entry");
    for row in 1..=ROWS.len() as u8 {
        for (variant, compiler, entry) in results {
            let shown = |verdicts: &Verdicts| match verdicts.get(&row) {
                Some(Verdict::None(_)) | None => "-".to_owned(),
                Some(verdict) => verdict.to_string(),
            };
            let (compiler, entry) = (shown(compiler), shown(entry));
            if (compiler.as_str(), entry.as_str()) != ("-", "-") {
                let _ = writeln!(text, "{row:>3}  {:<22} {compiler:<72} {entry}", variant.name());
            }
        }
    }
    text
}

/// The page with the tables of a whole run.
pub fn page(results: &Results, compiler: &str) -> String {
    let mut text = format!(
        "<!-- Written by `just abi`: don't edit. -->\n\n# Conformance of the interrupt entry\n\n\
         Each known issue of interrupt entry is a row, run in QEMU (`-cpu max`) on both widths, in debug and release, \
         on targets\nthat keep floating point nowhere (soft), on the x87 stack, in SSE and in AVX registers; \
         `sse-gnu` is i686's linux-gnu\ntarget. `just abi` runs all of it and writes this page, `just abi --only \
         PART` runs the variants with that in their\nnames. How a row works stands in `tests/entry-abi`.\n\n\
         ✓ is as it should be, ✗ is not, an empty field means nothing there.\n\n\
         ## `extern \"x86-interrupt\"` of {compiler}\n\n"
    );
    table(&mut text, results, |(_, compiler, _)| compiler);
    text.push_str("\n## `x86-entry`\n\n");
    table(&mut text, results, |(_, _, entry)| entry);
    text.push_str("\n## What ✗ is\n\n| row | `extern \"x86-interrupt\"` |\n|---|---|\n");
    for row in 1..=ROWS.len() as u8 {
        let why: BTreeSet<_> = results.iter().filter_map(|(_, compiler, _)| broken(compiler, row)).collect();
        if !why.is_empty() {
            let _ = writeln!(text, "| {row} | {} |", why.into_iter().collect::<Vec<_>>().join("<br>"));
        }
    }
    text
}

fn broken(verdicts: &Verdicts, row: u8) -> Option<&str> {
    match verdicts.get(&row) {
        Some(Verdict::Broken(why)) => Some(why),
        _ => None,
    }
}

/// Writes a table with a column for each variant.
fn table<'a>(
    text: &mut String,
    results: &'a Results,
    column: impl Fn(&'a (Variant, Verdicts, Verdicts)) -> &'a Verdicts,
) {
    let heads: Vec<_> = results.iter().map(|(variant, _, _)| variant.name().replacen('-', "<br>", 1)).collect();
    let _ = writeln!(text, "| | | {} |", heads.join(" | "));
    let _ = writeln!(text, "|---|---|{}", "---|".repeat(results.len()));
    for (index, title) in ROWS.iter().enumerate() {
        let row = index as u8 + 1;
        let cell = |result| match column(result).get(&row) {
            Some(Verdict::Ok) => "✓",
            Some(Verdict::Broken(_)) => "✗",
            Some(Verdict::None(_)) | None => "",
        };
        let cells: Vec<_> = results.iter().map(cell).collect();
        let _ = writeln!(text, "| {row} | {title} | {} |", cells.join(" | "));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_record_reads_back() {
        let variant = Variant::all(xtask::Width::I686)[0];
        let verdicts = Verdicts::from([(1, Verdict::Ok), (2, Verdict::Broken("#GP: here".to_owned()))]);
        let results = vec![(variant, verdicts.clone(), Verdicts::new())];
        let read = read_record(&record(&results, "rustc 1.0"));
        let expected = verdicts.into_iter().map(|(row, verdict)| ((variant.name(), row), verdict)).collect();
        assert_eq!(read, expected);
    }
}
