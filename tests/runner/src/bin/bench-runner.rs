//! Measures what operations cost on both widths: `bench-runner [--check|--write]` prints the figures next to the
//! targets and seL4's, and writes `target/bench.json`.
//!
//! With `--check` it compares them with the tree's for this emulator (`docs/bench.json`, `docs/bench-qemu10.json`) and
//! fails if any became worse; with `--write` they become the tree's, and the tables of `docs/measuring.md` follow.
//! `--page` and `--check-page` measure nothing: they write and check those tables.

use std::process::ExitCode;

use runner::bench::compare::Comparison;
use runner::bench::{Measurement, file, page, table};
use xtask::Result;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        [] => measure().map(drop),
        ["--check"] => measure().and_then(|now| check(&now)),
        ["--write"] => measure().and_then(write),
        ["--page"] => page::write(),
        ["--check-page"] => page::check(),
        _ => Err("usage: bench-runner [--check|--write|--page|--check-page]".to_owned()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn measure() -> Result<Measurement> {
    let measurement = Measurement::take();
    table::print(&measurement.both);
    measurement.write(file::FRESH)?;
    Ok(measurement)
}

fn write(now: Measurement) -> Result {
    let file = file::committed(&now.emulator);
    now.without_names().write(file)?;
    println!("{file} has these figures now.");
    page::write()
}

fn check(now: &Measurement) -> Result {
    let file = file::committed(&now.emulator);
    let before = Measurement::read(file)?;
    let Comparison { other_tools, worse, better } = Comparison::of(&before, now);
    println!();
    if other_tools {
        println!("{file} has the figures of {} and {}:", before.compiler, before.emulator);
        println!("with {} and {} only much worse ones are errors.", now.compiler, now.emulator);
    }
    for difference in &better {
        println!("better than {file}: {difference}");
    }
    if !better.is_empty() {
        println!("`just bench --write` makes these the figures of the tree.");
    }
    for difference in &worse {
        println!("WORSE than {file}: {difference}");
    }
    match worse.len() {
        0 => Ok(()),
        _ => Err("some figures became worse; if that is meant, run `just bench --write`".to_owned()),
    }
}
