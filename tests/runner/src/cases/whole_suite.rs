//! The suite of user-mode test programs on machines with less than the usual one: each of its tests must pass there
//! too.

use xtask::Width;

use super::{Case, cases};
use runner::console::Reader;
use runner::machine::{Direct, Hardware};
use std::time::Duration;

pub const CASES: &[Case] = cases![
    Short:
    passes_on_an_old_cpu,
    passes_without_an_apic,
    passes_without_the_newest_instructions,
    the_log_goes_on_while_its_line_is_full,
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

/// Nobody reads the line from the first program on, so that it is full soon. The suite still comes to its end, and
/// waits there; once somebody reads, the line gets all of the log.
fn the_log_goes_on_while_its_line_is_full(width: Width) {
    const SILENCE: Duration = Duration::from_secs(4);
    let image = Direct::suite().command_line("log=plain only=log:: times=32");
    let mut machine = Hardware::timed(width).boot(image);
    machine.expect("started in");
    machine.monitor("stop");
    machine.set_reader(Reader::Pauses);
    let start = machine.time().expect("the machine has a clock");
    machine.monitor("cont");
    machine.wait_until("the machine's clock", |machine| machine.time().is_ok_and(|now| now >= start + SILENCE));
    let unread = machine.unread();
    assert!(!unread.contains("suite: "), "the line isn't full:\n{unread}");
    machine.set_reader(Reader::Listens);
    let (text, exit) = machine.output();
    let lines = text.lines().filter(|line| *line == "...............").count();
    assert_eq!(lines, 32 * 64, "lines of the log on the line, after {exit:?}:\n{text}");
    assert!(text.contains("suite: 32 passed, 0 failed, 0 ignored"), "{exit:?}:\n{text}");
}
