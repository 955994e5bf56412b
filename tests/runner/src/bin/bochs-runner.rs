//! Boots the suite's disc, and that of `x86-entry`'s self-test, in Bochs, and reports like libtest:
//! `bochs-runner i686|x86_64 [FILTER] [LIBTEST OPTIONS]`.
//!
//! Each width has a modern processor and an old one; the suite runs on both, and each of its tests becomes a case of
//! its own, `WIDTH::MODEL::suite::NAME`.

use std::process::ExitCode;
use std::thread;

use libtest_mimic::{Arguments, Trial};
use runner::bochs::{Bochs, Model};
use runner::exit::Exit;
use runner::suite::{self, wants};
use runner::watchdog;
use xtask::Width;
use xtask::iso::Disc;

fn main() -> ExitCode {
    let mut words = std::env::args();
    let program = words.next().unwrap_or_default();
    let width = match words.next().as_deref().and_then(Width::parse).as_deref() {
        Some([width]) => *width,
        _ => {
            eprintln!("usage: {program} i686|x86_64 [FILTER] [LIBTEST OPTIONS]");
            return ExitCode::from(2);
        }
    };
    let arguments = Arguments::from_iter(std::iter::once(program).chain(words));
    let mut trials: Vec<_> = models(width).iter().map(|&model| entry(width, model)).collect();
    if wants(&arguments, "suite") {
        trials.extend(run_suites(width));
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// A processor with all that Bochs has, and one that was among the first which the width's kernel runs on.
fn models(width: Width) -> [Model; 2] {
    match width {
        Width::I686 => [Model("corei7_haswell_4770"), Model("p2_klamath")],
        Width::X86_64 => [Model("corei7_skylake_x"), Model("athlon64_clawhammer")],
    }
}

fn prefix(width: Width, Model(model): Model) -> String {
    format!("{}::{model}", width.name())
}

/// Runs the suite on every model, on each by its own thread: an emulated machine keeps a core busy.
fn run_suites(width: Width) -> Vec<Trial> {
    let threads = models(width).map(|model| (model, thread::spawn(move || run(width, model, Disc::Suite))));
    let trials = threads.into_iter().flat_map(|(model, thread)| {
        let booted = thread.join().unwrap_or_else(|_| Err("the runner crashed".to_owned()));
        if let Err(why) = &booted {
            eprintln!("{why}");
        }
        suite::trials(&prefix(width, model), booted.ok())
    });
    trials.collect()
}

/// The self-test takes its program's traps one by one, and reports success only if each was the expected one. One trap
/// occurs in Bochs only: a debug exception at the first instruction of a fast call's entry.
fn entry(width: Width, model: Model) -> Trial {
    let name = format!("{}::entry::entry_self_test_takes_every_trap_as_it_expects", prefix(width, model));
    Trial::test(name, move || match run(width, model, Disc::SelfTest)? {
        (text, Exit::PowerOff) if text.contains(" passed") && text.contains("breakpoint came in ring 0") => Ok(()),
        (text, exit) => Err(format!("{exit:?}\n{text}").into()),
    })
}

fn run(width: Width, model: Model, disc: Disc) -> Result<(String, Exit), String> {
    let boot =
        move || Bochs::start(model, &disc.file(width)).and_then(Bochs::output).map_err(|error| error.to_string());
    watchdog::run(&prefix(width, model), watchdog::LONG, boot)?
}
