//! The conformance suite of the interrupt entry: `x86-entry` must pass every row of the table (`docs/conformance.md`).

use std::time::Duration;

use libtest_mimic::{Failed, Trial};
use runner::abi::{Column, Verdict, run};
use runner::machine::{Direct, Hardware};
use runner::watchdog;
use xtask::Width;
use xtask::abi::{Variant, build};

use super::shell::PROMPT;
use super::{Case, cases};

pub const CASES: &[Case] = cases![Short: a_machine_that_hangs_has_no_exit];
pub const LONG: &[Case] = cases![Long: every_variant_passes];

/// The silence is measured in the machine's own time. A machine that waits for a person looks the same.
fn a_machine_that_hangs_has_no_exit(width: Width) {
    let (text, exit) = Hardware::timed(width).boot(Direct::shipped()).output_unless_silent(Duration::from_secs(10));
    assert_eq!(exit, None, "{text}");
    assert!(text.ends_with(PROMPT), "{text}");
}

/// Boots the kernel's own variant and makes each row that means something on this width a case.
pub fn trials(width: Width) -> Vec<Trial> {
    let trial = |name: &str, result: Result<(), String>| {
        Trial::test(format!("{}::abi::{name}", width.name()), move || result.map_err(Failed::from))
    };
    let name = format!("{}::abi", width.name());
    let rows = move || run(Variant::shipped(width), Column::Entry);
    let verdicts = match watchdog::run(&name, watchdog::SHORT, rows).flatten() {
        Ok(verdicts) => verdicts,
        Err(why) => return vec![trial("runs_to_its_end", Err(why))],
    };
    let rows = verdicts.into_iter().filter_map(|(row, verdict)| {
        let name = format!("row_{row:02}");
        match verdict {
            Verdict::Ok => Some(trial(&name, Ok(()))),
            Verdict::Broken(why) => Some(trial(&name, Err(why))),
            Verdict::None(_) => None,
        }
    });
    rows.collect()
}

/// The other targets and the debug builds, which `just test` has no time to build.
fn every_variant_passes(width: Width) {
    for variant in Variant::all(width) {
        build(variant).unwrap_or_else(|why| panic!("{why}"));
        let verdicts = run(variant, Column::Entry).unwrap_or_else(|why| panic!("{why}"));
        for (row, verdict) in verdicts {
            assert!(!matches!(verdict, Verdict::Broken(_)), "{}, row {row}: {verdict}", variant.name());
        }
    }
}
