//! Boots Bellwire in QEMU and reports like libtest: `runner i686|x86_64 [FILTER] [LIBTEST OPTIONS]`.
//!
//! A case is a function that boots machines and talks to them as a person or a device would (`cases/`,
//! `runner::machine`). The suite of user-mode test programs is booted once, and each of its tests becomes a case of its
//! own. At most two machines run at a time, since an emulated machine keeps a core busy.

mod cases;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};
use runner::exit::Exit;
use runner::machine::{Direct, Machine};
use runner::suite::{self, wants};
use runner::watchdog;
use xtask::Width;
use xtask::build::Set;

/// How many machines may run at a time.
const MACHINES: usize = 2;

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
    let mut arguments = Arguments::from_iter(std::iter::once(program).chain(words));
    arguments.test_threads = Some(arguments.test_threads.unwrap_or(MACHINES).min(MACHINES));
    let mut trials = cases::trials(width);
    if wants(&arguments, "suite") && Set::Suite.exists() {
        trials.extend(suite::trials(width.name(), run_suite(width)));
    }
    if wants(&arguments, "abi") {
        trials.extend(cases::rows(width));
    }
    check_unique(&trials);
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Boots the suite. Without a result, what went wrong was printed.
fn run_suite(width: Width) -> Option<(String, Exit)> {
    let name = format!("{}::suite", width.name());
    let suite = move || Machine::boot(width, Direct::suite()).output();
    let booted = std::panic::catch_unwind(|| watchdog::run(&name, watchdog::SHORT, suite)).ok()?;
    booted.map_err(|why| eprintln!("{why}")).ok()
}

/// Two cases of one name would hide each other in reports.
fn check_unique(trials: &[Trial]) {
    let mut names: Vec<&str> = trials.iter().map(Trial::name).collect();
    names.sort_unstable();
    for pair in names.windows(2) {
        assert!(pair[0] != pair[1], "two cases are called {}", pair[0]);
    }
}
