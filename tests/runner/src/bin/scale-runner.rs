//! Measures what operations cost on systems of different size, on both widths: `scale-runner [--write]` prints the
//! figures, writes `target/bench-scale.json` and a plot beside it, and fails if a large system's differ from a small
//! one's. With `--write` the plot becomes that of the docs.

use std::process::ExitCode;
use std::thread;

use runner::bench::scale::{self, Step};
use runner::bench::{WIDTHS, plot};
use serde_json::{Map, Value};
use xtask::{Result, Width, root};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let files: &[&str] = match words.as_slice() {
        [] => &["target/bench-scale.svg"],
        ["--write"] => &["target/bench-scale.svg", "docs/bench-scale.svg"],
        _ => {
            eprintln!("usage: scale-runner [--write]");
            return ExitCode::from(2);
        }
    };
    match run(files) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn run(plots: &[&str]) -> Result {
    let threads = WIDTHS.map(|width| (width, thread::spawn(move || scale::measure(width))));
    let mut panels: Vec<(Width, Vec<Step>)> = Vec::new();
    for (width, thread) in threads {
        panels.push((width, thread.join().map_err(|_| format!("{}: nothing was measured", width.name()))?));
    }
    panels.iter().for_each(|(width, steps)| scale::print(*width, steps));
    let figures = panels.iter().map(|(width, steps)| (width.name().to_owned(), scale::to_json(steps)));
    let figures = Value::from(figures.collect::<Map<_, _>>());
    write("target/bench-scale.json", &format!("{figures:#}\n"))?;
    plots.iter().try_for_each(|file| write(file, &plot::svg(&panels)))?;
    let found: Vec<_> = panels.iter().flat_map(|(width, steps)| scale::deviations(*width, steps)).collect();
    match found.is_empty() {
        true => Ok(()),
        false => Err(format!("\nmore than {} % off, or missing:\n{}", scale::MARGIN, found.join("\n"))),
    }
}

fn write(file: &str, text: &str) -> Result {
    std::fs::write(root().join(file), text).map_err(|error| format!("can't write {file}: {error}"))
}
