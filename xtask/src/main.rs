//! `cargo xtask`-style host tool; the recipes in the justfile are its users.

use std::process::ExitCode;

use xtask::build::Need;
use xtask::{
    Result, Width, abi, arrows, build, calls, check, editor, faults, hook, iso, lines, manifest, pages, place,
    reference, root, test,
};

const USAGE: &str = "usage: xtask build [i686|x86_64|all]
       xtask iso [i686|x86_64|all]
       xtask manifest FILE
       xtask test [i686|x86_64|all] [ARGUMENTS OF THE RUNNER...]
       xtask test host [PACKAGE] [ARGUMENTS OF CARGO...]
       xtask test bochs [i686|x86_64|all] [ARGUMENTS OF THE RUNNER...]
       xtask abi [--only PART]
       xtask bench-linux [i686|x86_64|all] [cpu=MODEL]
       xtask bench [--check|--write]
       xtask bench-scale [--write]
       xtask fuzz [i686|x86_64|all] [seed=NUMBER] [first=STEP] [steps=COUNT] [cpu=MODEL]
       xtask fuzz-calls [seed=NUMBER] [first=ROUND] [rounds=COUNT] [steps=COUNT] [lives=COUNT]
       xtask faults [PART OF A NAME]
       xtask where i686|x86_64 PROGRAM ADDRESS
       xtask picture [FILE]
       xtask check
       xtask layers [CRATE TABLE [FOLDER]]
       xtask arrows [FOLDER]
       xtask lines [FOLDER]
       xtask hook
       xtask before-commit
       xtask editor
       xtask pages
       xtask doc
       xtask reference";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["build"] => build::build(&Width::ALL, Need::Shipped),
        ["build", width] => build::build(&widths(width)?, Need::Shipped),
        ["iso"] => iso::iso(&Width::ALL),
        ["iso", width] => iso::iso(&widths(width)?),
        ["manifest", file] => manifest::show(file.as_ref()),
        ["test"] => test::test(test::Part::ALL, &[]),
        ["test", "host", rest @ ..] => test::host(rest),
        ["test", "bochs", rest @ ..] => {
            let (chosen, rest) = match rest {
                [width, rest @ ..] if Width::parse(width).is_some() => (widths(width)?, rest),
                rest => (Width::ALL.to_vec(), rest),
            };
            let parts: Vec<_> = chosen.into_iter().map(test::Part::Bochs).collect();
            test::test(&parts, rest)
        }
        ["test", "all", rest @ ..] => test::test(test::Part::ALL, rest),
        ["test", width, rest @ ..] => {
            let parts: Vec<_> = widths(width)?.into_iter().map(test::Part::Machine).collect();
            test::test(&parts, rest)
        }
        ["abi", rest @ ..] => abi::matrix(rest),
        ["bench-linux", rest @ ..] => test::bench_linux(rest),
        ["bench", rest @ ..] => test::bench(rest),
        ["bench-scale", rest @ ..] => test::bench_scale(rest),
        ["fuzz", rest @ ..] => test::fuzz(rest),
        ["fuzz-calls", rest @ ..] => calls::fuzz(rest),
        ["faults"] => faults::check(""),
        ["faults", part] => faults::check(part),
        ["where", width, program, address] => {
            widths(width)?.into_iter().try_for_each(|width| place::show(width, program, address))
        }
        ["picture"] => test::picture("target/picture.png"),
        ["picture", file] => test::picture(file),
        ["check"] => check::check(),
        ["layers"] => arrows::show(),
        ["layers", name, table] => arrows::show_crate(&root(), name, Some(table.as_ref())),
        ["layers", name, table, folder] => arrows::show_crate(folder.as_ref(), name, Some(table.as_ref())),
        ["arrows"] => arrows::check(&root()),
        ["arrows", folder] => arrows::check(folder.as_ref()),
        ["lines"] => lines::check(&root()),
        ["lines", folder] => lines::check(folder.as_ref()),
        ["hook"] => hook::install(&root()),
        ["before-commit"] => {
            hook::before_commit(&std::env::current_dir().map_err(|error| format!("no current folder: {error}"))?)
        }
        ["editor"] => editor::check(),
        ["pages"] => pages::run::run(),
        ["doc"] => check::doc(),
        ["reference"] => reference::write(),
        _ => Err(USAGE.to_owned()),
    }
}

fn widths(argument: &str) -> Result<Vec<Width>> {
    Width::parse(argument).ok_or_else(|| format!("{argument} is no width\n{USAGE}"))
}
