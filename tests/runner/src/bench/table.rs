//! The tables on the terminal, 120 columns wide at most.

use serde_json::Value;
use xtask::build::ENTRY_BENCH_PROFILES;

use super::interrupts_off::KINDS;
use super::rows::{COUNTS, ENTRY_ROWS, ROWS};
use super::{Figures, WIDTHS};

/// Prints all tables.
pub fn print(both: &[Figures; 2]) {
    instructions(both);
    counts(both);
    entry(both);
    interrupts_off(both);
}

fn entry(both: &[Figures; 2]) {
    println!("\nThe interrupt entry by itself, by build (docs/measuring.md).\n");
    print!("{:<48}", "trap");
    for width in WIDTHS {
        print!("{:>8}", width.name());
        ENTRY_BENCH_PROFILES.iter().for_each(|profile| print!("{profile:>8}"));
    }
    println!();
    for row in ENTRY_ROWS {
        print!("{:<48}", row.work);
        for figures in both {
            print!("{:>8}", "");
            ENTRY_BENCH_PROFILES.iter().for_each(|profile| print!("{:>8}", number(figures.entry(profile, row.key))));
        }
        println!();
    }
}

fn instructions(both: &[Figures; 2]) {
    println!("Instructions, the cheapest of 2000 rounds (and the median where it differs).\n");
    print!("{:<48}", "work");
    for width in WIDTHS {
        print!("{:>14}{:>9}{:>9}", width.name(), "target", "seL4");
    }
    println!();
    for row in ROWS {
        print!("{:<48}", row.work);
        for (index, figures) in both.iter().enumerate() {
            let of = |pair: Option<[u64; 2]>| number(pair.map(|pair| pair[index]));
            print!("{:>14}{:>9}{:>9}", figure(figures, row.key), of(row.target), of(row.sel4));
        }
        println!();
    }
}

/// A row's figure, with its median if that is another.
fn figure(figures: &Figures, key: &str) -> String {
    let minimum = figures.number(key);
    match figures.number(&format!("{key}_median")) {
        Some(median) if Some(median) != minimum => format!("{} ({median})", number(minimum)),
        _ => number(minimum),
    }
}

fn number(number: Option<u64>) -> String {
    number.map_or("-".to_owned(), |number| number.to_string())
}

fn counts(both: &[Figures; 2]) {
    println!("\nWhat such a round has that instructions don't tell (x86_64/i686; docs/measuring.md).\n");
    print!("{:<21}", "row");
    COUNTS.iter().for_each(|(name, _)| print!("{name:>width$}", width = column(name)));
    println!();
    for row in ROWS.iter().filter(|row| both[0].count(row.key, COUNTS[0].0).is_some()) {
        print!("{:<21}", row.key);
        for (name, _) in COUNTS {
            let pair = both.each_ref().map(|figures| number(figures.count(row.key, name)));
            print!("{:>width$}", pair.join("/"), width = column(name));
        }
        println!();
    }
}

/// The width of a column of counts.
fn column(name: &str) -> usize {
    match name {
        "kernel" | "control" | "written" => 9,
        _ => 7,
    }
}

fn interrupts_off(both: &[Figures; 2]) {
    println!("\nThe longest stretches with interrupts off, by where they began and where they mostly were.\n");
    for (width, figures) in WIDTHS.iter().zip(both) {
        let kinds = figures.0.get(KINDS).and_then(Value::as_array);
        for kind in kinds.into_iter().flatten() {
            println!(
                "{:<8}{:>6} from {:.98}",
                width.name(),
                kind["instructions"],
                kind["began"].as_str().unwrap_or("?")
            );
            for inside in kind["inside"].as_array().into_iter().flatten() {
                println!("{:>18} {:.100}", "", inside.as_str().unwrap_or("?"));
            }
        }
    }
}
