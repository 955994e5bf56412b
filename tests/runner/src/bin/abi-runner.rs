//! Runs the conformance suite of the interrupt entry in every variant, against the compiler's ABI and against
//! `x86-entry`: `abi-runner [--only PART]`.
//!
//! A broken row of `x86-entry` fails the run. The compiler's column is compared with the recorded one, so that repairs
//! of a newer compiler show. A whole run writes that record and the page with the table.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use runner::abi::{Column, Verdict, add_snippets, run};
use runner::abi_table::{Results, page, print, read_record, record};
use xtask::abi::{Variant, build};
use xtask::{Result, Width, root, say};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let only = match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => None,
        ["--only", part] => Some((*part).to_owned()),
        _ => {
            eprintln!("usage: abi-runner [--only PART OF A VARIANT'S NAME]");
            return ExitCode::from(2);
        }
    };
    match matrix(only.as_deref()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
    }
}

/// The compiler's results of the last whole run.
fn record_file() -> PathBuf {
    root().join("tests/entry-abi/recorded.txt")
}

/// Runs what is wanted. Whether `x86-entry` passed.
fn matrix(only: Option<&str>) -> Result<bool> {
    let variants = Width::ALL.into_iter().flat_map(Variant::all);
    let variants: Vec<_> = variants.filter(|variant| only.is_none_or(|part| variant.name().contains(part))).collect();
    if variants.is_empty() {
        return Err(format!("no variant's name contains {}", only.unwrap_or_default()));
    }
    let mut results = Results::new();
    for variant in variants {
        say(&format!("building and running {}", variant.name()));
        build(variant)?;
        let mut columns = [Column::Compiler, Column::Entry].map(|column| (column, Default::default()));
        for (column, verdicts) in &mut columns {
            *verdicts = run(variant, *column)?;
            add_snippets(variant, *column, verdicts)?;
        }
        let [(_, compiler), (_, entry)] = columns;
        results.push((variant, compiler, entry));
    }
    print!("{}", print(&results));
    let compiler = compiler_version()?;
    for notice in notices(&results, &compiler) {
        println!("notice: {notice}");
    }
    if only.is_none() {
        write(record_file(), &record(&results, &compiler))?;
        write(root().join("docs/conformance.md"), &page(&results, &compiler))?;
    }
    let broken = |(_, _, entry): &(_, _, runner::abi::Verdicts)| {
        entry.values().filter(|verdict| matches!(verdict, Verdict::Broken(_))).count()
    };
    let broken: usize = results.iter().map(broken).sum();
    println!("{broken} rows of x86-entry are broken");
    Ok(broken == 0)
}

/// Lists the differences from the record: rows that a newer compiler has repaired or broken.
fn notices(results: &Results, compiler: &str) -> Vec<String> {
    let text = std::fs::read_to_string(record_file()).unwrap_or_default();
    let recorded = read_record(&text);
    let mut notices = Vec::new();
    for (variant, verdicts, _) in results {
        for (row, verdict) in verdicts {
            let Some(before) = recorded.get(&(variant.name(), *row)) else { continue };
            let what = match (before, verdict) {
                (before, now) if before == now => continue,
                (Verdict::Broken(_), Verdict::Ok) => format!("fixed by {compiler}"),
                (_, now) => format!("{now}, and was {before}"),
            };
            notices.push(format!("row {row}, {}: {what}", variant.name()));
        }
    }
    notices
}

fn compiler_version() -> Result<String> {
    let output =
        Command::new("rustc").arg("--version").output().map_err(|error| format!("can't run rustc: {error}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn write(file: PathBuf, text: &str) -> Result {
    std::fs::write(&file, text).map_err(|error| format!("can't write {}: {error}", file.display()))
}
