//! The suite of user-mode test programs on machines with less than the usual one: each of its tests must pass there
//! too.

use xtask::Width;

use super::{Case, cases};
use runner::machine::{Direct, Hardware};

pub const CASES: &[Case] = cases![
    Short:
    passes_on_an_old_cpu,
    passes_without_an_apic,
    passes_without_the_newest_instructions,
];

/// On i686 a CPU without SSE, NX and the rest; on x86_64 the first of all.
fn passes_on_an_old_cpu(width: Width) {
    match width {
        Width::I686 => passes(width, "pentium2"),
        Width::X86_64 => passes(width, "qemu64"),
    }
}

fn passes_without_an_apic(width: Width) {
    passes(width, "max,-apic");
}

/// Without what keeps the kernel out of programs' pages, without XSAVE, and on i686 without `sysenter`.
fn passes_without_the_newest_instructions(width: Width) {
    passes(width, "max,-sep,-xsave,-smap,-smep,-umip");
}

fn passes(width: Width, cpu: &str) {
    let mut machine = Hardware::new(width).with(&["-cpu", cpu]).boot(Direct::suite());
    let (text, exit) = machine.output();
    let failed: Vec<_> = text.lines().filter(|line| line.contains("... FAILED")).collect();
    let ended = text.lines().any(|line| line.starts_with("suite: ") && line.contains(" passed, 0 failed, "));
    assert!(failed.is_empty() && ended, "the suite ended by {exit:?} with these failures: {failed:#?}");
}
