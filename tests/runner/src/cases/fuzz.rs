//! The fuzzer of the kernel's entries, for some seconds. `just fuzz-entry` runs it for longer.

use runner::fuzz::Fuzz;
use xtask::Width;

use super::{Case, cases};

pub const CASES: &[Case] = cases![Short: random_programs_harm_nobody];

/// Another seed than the long run's default.
const SEED: u64 = 20_000;
const STEPS: u64 = 24_576;

fn random_programs_harm_nobody(width: Width) {
    let fuzz = Fuzz { width, cpu: "max".to_owned(), seed: SEED, first: 0, steps: STEPS };
    if let Err(why) = fuzz.run(|_| {}) {
        panic!("{why}");
    }
}
