//! Runs the fuzzer of the portable core, with its real tables and with small ones.

use crate::process::{command, run};
use crate::{Result, say};

/// The package.
pub const PACKAGE: &str = "fuzz-calls";

/// The package's feature for tables of a few entries.
pub const SMALL: &str = "small-tables";

/// Runs the fuzzer once with each size of tables. `arguments` go to it.
pub fn fuzz(arguments: &[&str]) -> Result {
    for features in [&[][..], &["--features", SMALL]] {
        say(if features.is_empty() { "fuzzing the calls, full tables" } else { "fuzzing the calls, small tables" });
        let mut cargo = command("cargo");
        cargo.args(["run", "--quiet", "--release", "-p", PACKAGE]).args(features).arg("--").args(arguments);
        run(cargo)?;
    }
    Ok(())
}
