//! The cost of the system's operations: measured, shown, compared with the figures in the tree, and written to its
//! pages.
//!
//! | module | |
//! |---|---|
//! | [`rows`] | what is measured, seL4's figures and the targets |
//! | [`measure`] | boots the machines that measure |
//! | [`interrupts_off`] | the longest stretches with interrupts off, and where the kernel was |
//! | [`mod@file`] | the figures as a file |
//! | [`compare`] | the figures of the tree beside fresh ones |
//! | [`table`] | the tables on the terminal |
//! | [`page`] | the tables of `docs/measuring.md` |
//! | [`scale`] | the same rows while the system is small and large, and [their plot](plot) |

pub mod compare;
pub mod file;
pub mod interrupts_off;
pub mod measure;
pub mod page;
pub mod plot;
pub mod rows;
pub mod scale;
pub mod table;

use std::process::Command;
use std::thread;

use serde_json::{Map, Value};
use xtask::Width;
use xtask::process::command;

/// The order of the widths in tables.
pub const WIDTHS: [Width; 2] = [Width::X86_64, Width::I686];

/// Everything that was measured, and what figures depend on besides the tree.
#[derive(Clone, Debug, PartialEq)]
pub struct Measurement {
    /// The compiler's version.
    pub compiler: String,
    /// The emulator's.
    pub emulator: String,
    /// The figures, in the order of [`WIDTHS`].
    pub both: [Figures; 2],
}

impl Measurement {
    /// Measures both widths at the same time.
    ///
    /// # Panics
    /// If a machine doesn't do what it should: the panic says what.
    pub fn take() -> Measurement {
        let [x86_64, i686] = WIDTHS.map(|width| thread::spawn(move || measure::measure(width)));
        let figures =
            |thread: thread::JoinHandle<Figures>| thread.join().unwrap_or_else(|_| panic!("nothing measured"));
        let both = [figures(x86_64), figures(i686)];
        Measurement { compiler: version(command("rustc")), emulator: version(command(Width::X86_64.qemu())), both }
    }
}

/// The version that a program prints, without what its distribution adds in parentheses.
fn version(mut program: Command) -> String {
    let said = program.arg("--version").output().map(|output| output.stdout).unwrap_or_default();
    let said = String::from_utf8_lossy(&said);
    said.lines().next().and_then(|line| line.split(" (").next()).unwrap_or("unknown").to_owned()
}

/// A width's figures by their names, as they stand in the file.
///
/// A row `NAME` has its cheapest round as `NAME` and its middle one as `NAME_median`; what the clock leaves out stands
/// in `counts`, by row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures(pub Map<String, Value>);

impl Figures {
    /// A figure.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.0.get(name).and_then(Value::as_u64)
    }

    /// One of the counts of a row.
    pub fn count(&self, row: &str, name: &str) -> Option<u64> {
        self.0.get("counts")?.get(row)?.get(name)?.as_u64()
    }

    /// A row of the interrupt entry, in one of its builds.
    pub fn entry(&self, profile: &str, row: &str) -> Option<u64> {
        self.0.get("entry")?.get(profile)?.get(row)?.as_u64()
    }

    /// Sets a figure.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.0.insert(name.to_owned(), value.into());
    }
}
