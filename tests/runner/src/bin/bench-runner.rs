//! Boots the shipped image with the benches beside it on both widths, prints what they measured next to the targets and
//! seL4's figures, and writes `target/bench.json`.

use std::process::ExitCode;
use std::thread;

use runner::bench::{Both, Figures, WIDTHS, measure::measure, table};
use serde_json::{Map, Value};
use xtask::root;

fn main() -> ExitCode {
    let threads = WIDTHS.map(|width| thread::spawn(move || measure(width)));
    let [Ok(x86_64), Ok(i686)] = threads.map(thread::JoinHandle::join) else { return ExitCode::FAILURE };
    let both: Both = [x86_64, i686];
    table::print(&both);
    let columns =
        WIDTHS.iter().zip(&both).map(|(width, Figures(map))| (width.name().to_owned(), Value::from(map.clone())));
    let results: Map<String, Value> = columns.collect();
    let file = root().join("target/bench.json");
    let text = format!("{:#}\n", Value::Object(results));
    if let Err(error) = std::fs::write(&file, text) {
        eprintln!("can't write {}: {error}", file.display());
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
