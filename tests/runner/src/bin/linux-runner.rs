//! Boots Debian's kernels on the machine of the benches, with `tests/linux` as their first process, prints what that
//! measured next to Bellwire's figures, and writes `target/bench-linux.json`:
//! `linux-runner [i686|x86_64|all] [cpu=MODEL]`.

use std::fs;
use std::process::ExitCode;

use runner::cpio::Archive;
use runner::figures;
use runner::machine::{Direct, Hardware};
use serde_json::{Map, Value, json};
use xtask::{Result, Width, build, debian, root, say};

/// Options of the kernel: its console is the serial line, and it spends no instructions on attacks to which this
/// machine isn't open.
const COMMAND_LINE: &str = "console=ttyS0 mitigations=off";

/// Where Bellwire's own figures are: those of the last `just bench`, else those that were kept.
const BELLWIRE: [&str; 2] = ["target/bench.json", "docs/bench.json"];

/// A row of the table: its key, what it is, and the key of what does the same in Bellwire.
struct Row {
    key: &'static str,
    work: &'static str,
    bellwire: &'static str,
}

const ROWS: &[Row] = &[
    Row { key: "irq_latency_intx", work: "interrupt to driver, edu by its line", bellwire: "irq_latency_intx" },
    Row { key: "irq_cycle_intx", work: "interrupt to low process resumed", bellwire: "irq_cycle_intx" },
    Row { key: "null_call", work: "a call that does nothing in the kernel", bellwire: "null_call" },
    Row { key: "eventfd_round_trip", work: "round trip by eventfd", bellwire: "ipc_round_trip_4w" },
    Row { key: "futex_round_trip", work: "round trip by futex", bellwire: "ipc_round_trip_4w" },
    Row { key: "pipe_round_trip", work: "round trip by pipe, 1 byte", bellwire: "ipc_round_trip_4w" },
];

fn main() -> ExitCode {
    let (widths, cpu) = match parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(why) => {
            eprintln!("{why}\nusage: linux-runner [i686|x86_64|all] [cpu=MODEL]");
            return ExitCode::from(2);
        }
    };
    let mut results = Map::new();
    let mut outcome = ExitCode::SUCCESS;
    for width in widths {
        match measure(width, &cpu) {
            Ok(figures) => {
                results.insert(width.name().to_owned(), Value::Object(figures));
            }
            Err(why) => {
                eprintln!("{}: {why}", width.name());
                outcome = ExitCode::FAILURE;
            }
        }
    }
    if results.is_empty() {
        return outcome;
    }
    print(&results, &bellwire());
    let file = root().join("target/bench-linux.json");
    if let Err(error) = fs::write(&file, format!("{:#}\n", Value::Object(results))) {
        eprintln!("can't write {}: {error}", file.display());
        return ExitCode::FAILURE;
    }
    outcome
}

/// The widths, the 64-bit one first as in all tables, and the CPU.
fn parse(words: impl Iterator<Item = String>) -> Result<(Vec<Width>, String)> {
    let mut widths = vec![Width::X86_64, Width::I686];
    let mut cpu = "max".to_owned();
    for word in words {
        match (word.as_str(), Width::parse(&word), word.strip_prefix("cpu=")) {
            ("all", ..) => {}
            (_, Some(chosen), _) => widths = chosen,
            (.., Some(model)) => cpu = model.to_owned(),
            _ => return Err(format!("{word} is no argument")),
        }
    }
    Ok((widths, cpu))
}

fn measure(width: Width, cpu: &str) -> Result<Map<String, Value>> {
    let kernel = debian::kernel(width)?;
    let package = kernel.package()?;
    build::build_linux_program(width)?;
    let archive = root().join("target/linux").join(format!("{}.cpio", width.name()));
    fs::write(&archive, files(width, &kernel)?)
        .map_err(|error| format!("can't write {}: {error}", archive.display()))?;
    say(&format!("measuring {package}"));
    let image = Direct::linux(kernel.image(), archive).command_line(COMMAND_LINE);
    let mut machine = Hardware::counting(width).with(&["-cpu", cpu, "-device", "edu"]).boot(image);
    let mut figures = figures::read(&mut machine);
    figures.insert("package".to_owned(), json!(package));
    figures.insert("cpu".to_owned(), json!(cpu));
    Ok(figures)
}

/// Linux's first file system: the program, the modules that it loads, and where it mounts things.
fn files(width: Width, kernel: &debian::Kernel) -> Result<Vec<u8>> {
    let read =
        |file: std::path::PathBuf| fs::read(&file).map_err(|error| format!("can't read {}: {error}", file.display()));
    let mut archive = Archive::default().folder("dev").folder("sys");
    archive = archive.file("init", &read(build::linux_program(width))?);
    for name in debian::MODULES {
        archive = archive.file(name, &read(kernel.module(name))?);
    }
    Ok(archive.finish())
}

/// Bellwire's figures, if there are any.
fn bellwire() -> Map<String, Value> {
    let texts = BELLWIRE.iter().filter_map(|file| fs::read_to_string(root().join(file)).ok());
    let mut values = texts.filter_map(|text| serde_json::from_str(&text).ok());
    values.next().unwrap_or_default()
}

fn print(results: &Map<String, Value>, bellwire: &Map<String, Value>) {
    let none = Map::new();
    let of = |all: &Map<String, Value>, width: &str| all.get(width).and_then(Value::as_object).unwrap_or(&none).clone();
    let columns: Vec<_> = [Width::X86_64, Width::I686].into_iter().map(Width::name).collect();
    let columns: Vec<_> = columns.into_iter().filter(|width| results.contains_key(*width)).collect();
    println!("Instructions, the cheapest of 2000 rounds (and the median where it differs); Bellwire's beside them.");
    for width in &columns {
        let text = |name| of(results, width).get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        println!("{width}: {}, CPU {}", text("package"), text("cpu"));
    }
    print!("\n{:<42}", "work");
    for width in &columns {
        print!("{:>20}{:>12}", format!("Linux {width}"), "Bellwire");
    }
    println!();
    for Row { key, work, bellwire: ours } in ROWS {
        print!("{work:<42}");
        for width in &columns {
            let [linux, ours] = [figures::show(&of(results, width), key), figures::show(&of(bellwire, width), ours)];
            print!("{linux:>20}{ours:>12}");
        }
        println!();
    }
    if bellwire.is_empty() {
        println!("\n`just bench` measures Bellwire's own figures.");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_read() {
        let words = |text: &str| parse(text.split_whitespace().map(str::to_owned));
        let max = || "max".to_owned();
        assert_eq!(words(""), Ok((vec![Width::X86_64, Width::I686], max())));
        assert_eq!(words("all"), words(""));
        assert_eq!(words("i686"), Ok((vec![Width::I686], max())));
        assert_eq!(words("cpu=Nehalem,+fsgsbase x86_64"), Ok((vec![Width::X86_64], "Nehalem,+fsgsbase".to_owned())));
        assert!(words("speed=3").is_err());
    }
}
