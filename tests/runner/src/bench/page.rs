//! The tables of `docs/measuring.md`, from the figures in the tree.

use std::fmt::Write as _;
use std::path::PathBuf;

use xtask::build::ENTRY_BENCH_PROFILES;
use xtask::{Result, root};

use super::rows::{COUNTS, ENTRY_ROWS, LARGE_BOOT, ROWS};
use super::{Measurement, WIDTHS, file};

const BEGIN: &str = "<!-- The rest of this section is written by `just bench --write` and `just reference`. -->\n";
const END: &str = "<!-- So far. -->\n";

/// Writes the page's tables.
pub fn write() -> Result {
    let (page, _) = pages()?;
    std::fs::write(path(), page).map_err(|error| format!("can't write {}: {error}", path().display()))
}

/// An error if the page has other tables than the file.
pub fn check() -> Result {
    let (page, committed) = pages()?;
    if page == committed {
        Ok(())
    } else {
        Err("docs/measuring.md isn't docs/bench.json's: run `just reference`".to_owned())
    }
}

fn path() -> PathBuf {
    root().join("docs/measuring.md")
}

/// The page as it should be, and as it is.
fn pages() -> Result<(String, String)> {
    let committed =
        std::fs::read_to_string(path()).map_err(|error| format!("can't read {}: {error}", path().display()))?;
    let tables = tables(&Measurement::read(file::SHOWN)?);
    Ok((replace(&committed, &tables)?, committed))
}

fn replace(page: &str, tables: &str) -> Result<String> {
    let parts = page.split_once(BEGIN).and_then(|(head, rest)| Some((head, rest.split_once(END)?.1)));
    let (head, tail) = parts.ok_or("docs/measuring.md has lost the marks of its tables")?;
    Ok(format!("{head}{BEGIN}{tables}{END}{tail}"))
}

fn tables(measurement: &Measurement) -> String {
    let mut text = String::new();
    // Writing to a string can't fail.
    let _ = writeln!(text, "\nMeasured with {} and {}.\n", measurement.compiler, measurement.emulator);
    text.push_str("| row | |");
    WIDTHS.iter().for_each(|width| text.push_str(&format!(" {} | target | seL4 |", width.name())));
    text.push_str("\n|---|---|--:|--:|--:|--:|--:|--:|\n");
    for row in ROWS {
        let _ = write!(text, "| `{}` | {} |", row.key, row.work);
        for (index, figures) in measurement.both.iter().enumerate() {
            let target = match row.key {
                LARGE_BOOT => "boot + 10 %".to_owned(),
                _ => number(row.target.map(|pair| pair[index])),
            };
            let sel4 = number(row.sel4.map(|pair| pair[index]));
            let _ = write!(text, " {} | {target} | {sel4} |", number(figures.number(row.key)));
        }
        text.push('\n');
    }
    text.push_str("\nWhat else such a round has, x86_64 / i686:\n\n| row |");
    COUNTS.iter().for_each(|(name, _)| text.push_str(&format!(" `{name}` |")));
    text.push_str("\n|---|");
    COUNTS.iter().for_each(|_| text.push_str("--:|"));
    text.push('\n');
    for row in ROWS.iter().filter(|row| measurement.both[0].count(row.key, COUNTS[0].0).is_some()) {
        let _ = write!(text, "| `{}` |", row.key);
        for (name, _) in COUNTS {
            let pair = measurement.both.each_ref().map(|figures| number(figures.count(row.key, name)));
            let _ = write!(text, " {} |", if pair[0] == pair[1] { pair[0].clone() } else { pair.join(" / ") });
        }
        text.push('\n');
    }
    add_entry(measurement, &mut text);
    text
}

/// Adds the table of the interrupt entry, if the file has its figures.
fn add_entry(measurement: &Measurement, text: &mut String) {
    if measurement.both.iter().all(|figures| !figures.0.contains_key("entry")) {
        return;
    }
    text.push_str("\nThe interrupt entry by itself:\n\n| row | |");
    for width in WIDTHS {
        ENTRY_BENCH_PROFILES.iter().for_each(|profile| text.push_str(&format!(" {} {profile} |", width.name())));
        text.push_str(" target |");
    }
    text.push_str("\n|---|---|--:|--:|--:|--:|--:|--:|--:|--:|\n");
    for row in ENTRY_ROWS {
        let _ = write!(text, "| `{}` | {} |", row.key, row.work);
        for (index, figures) in measurement.both.iter().enumerate() {
            for profile in ENTRY_BENCH_PROFILES {
                let _ = write!(text, " {} |", number(figures.entry(profile, row.key)));
            }
            let _ = write!(text, " {} |", number(row.target.map(|pair| pair[index])));
        }
        text.push('\n');
    }
}

/// A number with its thousands apart.
fn number(number: Option<u64>) -> String {
    let Some(number) = number else { return "-".to_owned() };
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index != 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_around_the_tables_stays() {
        let page = format!("head\n{BEGIN}old\n{END}tail\n");
        assert_eq!(replace(&page, "new\n").unwrap(), format!("head\n{BEGIN}new\n{END}tail\n"));
        assert!(replace("head\n", "new\n").is_err());
    }

    #[test]
    fn thousands_are_apart() {
        assert_eq!([0, 999, 1000, 1_450_000].map(|value| number(Some(value))), ["0", "999", "1,000", "1,450,000"]);
    }
}
