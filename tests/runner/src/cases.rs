//! All booted cases, by what they are about. Each runs on both widths.

mod abi;
mod anywhere;
mod boot;
mod budgets;
mod clocks;
mod crashes;
mod devices;
mod diagnosis;
mod editing;
mod entry;
mod firmware;
mod fuzz;
mod help;
mod images;
mod input;
mod interrupting;
mod interrupts;
mod linked;
mod machines;
mod memory;
mod pages;
mod pci;
mod person;
mod refusals;
mod reports;
mod shell;
mod storms;
mod stuck;
mod vandal;
mod whole_suite;

use std::time::Duration;

use libtest_mimic::Trial;
use runner::watchdog;
use xtask::Width;

/// A case. Its function fails by panicking.
pub struct Case {
    /// Module and function, as the source has them.
    name: &'static str,
    run: fn(Width),
    length: Length,
}

/// Whether a case is for every run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Length {
    /// Seconds: part of every run.
    Short,
    /// Minutes: only with `--include-ignored`, which `just test-long` passes.
    Long,
}

impl Length {
    /// How long a case may take.
    fn limit(self) -> Duration {
        match self {
            Length::Short => watchdog::SHORT,
            Length::Long => watchdog::LONG,
        }
    }
}

/// Lists functions of the module at hand as cases of a length.
macro_rules! cases {
    ($length:ident: $($case:ident),+ $(,)?) => {
        &[$($crate::cases::Case::new(
            concat!(module_path!(), "::", stringify!($case)), $case, $crate::cases::Length::$length,
        )),+]
    };
}
use cases;

/// A module adds its cases here.
const ALL: &[&[Case]] = &[
    abi::CASES,
    abi::LONG,
    anywhere::CASES,
    anywhere::LONG,
    boot::CASES,
    budgets::CASES,
    storms::CASES,
    stuck::CASES,
    clocks::CASES,
    linked::CASES,
    refusals::CASES,
    crashes::CASES,
    entry::CASES,
    firmware::CASES,
    machines::CASES,
    images::CASES,
    input::CASES,
    memory::CASES,
    person::CASES,
    pages::CASES,
    interrupting::CASES,
    editing::CASES,
    help::CASES,
    pci::CASES,
    pci::LONG,
    devices::CASES,
    diagnosis::CASES,
    reports::CASES,
    interrupts::CASES,
    fuzz::CASES,
    vandal::CASES,
    whole_suite::CASES,
];

impl Case {
    const fn new(name: &'static str, run: fn(Width), length: Length) -> Case {
        Case { name, run, length }
    }

    fn trial(&'static self, width: Width) -> Trial {
        let name = self.name.trim_start_matches(concat!(module_path!(), "::"));
        let name = format!("{}::{name}", width.name());
        let run = self.run;
        let trial =
            Trial::test(name.clone(), move || Ok(watchdog::run(&name, self.length.limit(), move || run(width))?));
        trial.with_ignored_flag(self.length == Length::Long)
    }
}

/// The cases of all modules.
pub fn trials(width: Width) -> Vec<Trial> {
    ALL.iter().copied().flatten().map(|case| case.trial(width)).collect()
}

/// The rows of the interrupt entry's table, which one boot runs all.
pub use abi::trials as rows;
