//! Shares of the CPU in the shipped system: whatever one program does, the shell answers, and says which one does it.

use super::shell::{PROMPT, ask, boot_to_the_prompt, row};
use super::{Case, cases};
use runner::machine::{Direct, Hardware, Machine};
use std::time::Duration;
use xtask::Width;

pub const CASES: &[Case] = cases![
    Short:
    a_loop_at_high_priority_is_named_and_hinders_nobody,
    a_storm_of_timers_hinders_nobody,
    a_paste_beside_a_loop_loses_nothing,
    without_budgets_a_loop_stops_a_paste,
    a_loop_is_ended_where_the_manifest_says_so,
];

/// The second serial port, which the clumsy driver drives.
const DEVICE: [&str; 4] = ["-chardev", "null,id=second", "-device", "isa-serial,chardev=second,iobase=0x2f8,irq=3"];

/// Instructions are this machine's time, so that a busy host doesn't matter.
fn boot(width: Width) -> Machine {
    boot_to_the_prompt(Hardware::timed(width), Direct::clumsy())
}

fn a_loop_at_high_priority_is_named_and_hinders_nobody(width: Width) {
    let mut machine = boot(width);
    ask(&mut machine, "edu 18");
    assert_eq!(ask(&mut machine, "echo on"), "on\r\n");
    let text = "init: edu has used up its 5 % for 2 s";
    machine.wait_until(text, |machine| ask(machine, "log").contains(text));
    let programs = ask(&mut machine, "ps");
    assert!(row(&programs, "edu").iter().any(|word| word == "!"), "{programs}");
    assert!(programs.lines().all(|line| line.trim_end().chars().count() <= 80), "{programs}");
    // init works, too.
    ask(&mut machine, "kill edu");
    machine.wait_until("edu to run again", |machine| row(&ask(machine, "ps"), "edu")[1..3] == ["running", "1"]);
    let log = ask(&mut machine, "log");
    assert_eq!(log.matches("edu has used up").count(), 1, "{log}");
}

fn a_storm_of_timers_hinders_nobody(width: Width) {
    let mut machine = boot(width);
    ask(&mut machine, "edu 19");
    assert_eq!(ask(&mut machine, "echo on"), "on\r\n");
    ask(&mut machine, "kill edu");
    machine.wait_until("edu to run again", |machine| row(&ask(machine, "ps"), "edu")[1..3] == ["running", "1"]);
}

fn a_loop_is_ended_where_the_manifest_says_so(width: Width) {
    let mut machine = boot(width);
    assert_eq!(ask(&mut machine, "call runaway 0"), "label 0, words 0 0 0 0\r\n");
    machine.wait_until("runaway to run again", |machine| row(&ask(machine, "ps"), "runaway")[1..3] == ["running", "1"]);
    let log = ask(&mut machine, "log");
    assert!(log.contains("init: runaway has used up its 5 % for 2 s, and is ended for that"), "{log}");
    // It serves again.
    assert_eq!(ask(&mut machine, "call runaway 0"), "label 0, words 0 0 0 0\r\n");
}

const PASTE_BYTES: usize = 100 << 10;

/// How long a machine without budgets is watched: as much of its time as the whole paste takes, many times over.
const SILENCE: Duration = Duration::from_secs(10);

/// No two places within some kilobytes have the same bytes around them.
fn pasted() -> Vec<u8> {
    (0..PASTE_BYTES).map(|at| (at * 31 + at / 251) as u8).collect()
}

/// Begins a paste. Returns what has come back when a program begins to run for ever, after half of it; all is sent.
fn paste_beside_a_loop(machine: &mut Machine) -> Vec<u8> {
    ask(machine, "edu 21");
    machine.type_line(&format!("paste {PASTE_BYTES}"));
    machine.expect(&format!("send {PASTE_BYTES} bytes\r\n"));
    let sent = pasted();
    let (first, last) = sent.split_at(PASTE_BYTES / 4 * 3);
    machine.send(first);
    let received = machine.receive(PASTE_BYTES / 2);
    // The driver's device interrupts: its interrupt enable register gets the bit of an empty transmitter.
    machine.monitor("o /b 0x2f9 0x02");
    machine.send(last);
    received
}

/// A program begins to run for ever in the middle of a paste. That costs the paste time and no byte.
fn a_paste_beside_a_loop_loses_nothing(width: Width) {
    let mut machine = boot_to_the_prompt(Hardware::timed(width).with(&DEVICE), Direct::clumsy());
    let mut received = paste_beside_a_loop(&mut machine);
    received.extend(machine.receive(PASTE_BYTES - received.len()));
    let differs = received.iter().zip(&pasted()).position(|(received, sent)| received != sent);
    assert_eq!(differs, None, "the first byte that came back as another");
    machine.expect(&format!("{PASTE_BYTES} bytes came and went\r\n"));
    machine.expect(PROMPT);
    let programs = ask(&mut machine, "ps");
    assert!(row(&programs, "edu").iter().any(|word| word == "!"), "{programs}");
}

/// The paste beside a loop tests something: without budgets it ends there.
fn without_budgets_a_loop_stops_a_paste(width: Width) {
    let without = Direct::clumsy().command_line("init.budgets=off");
    let mut machine = boot_to_the_prompt(Hardware::timed(width).with(&DEVICE), without);
    paste_beside_a_loop(&mut machine);
    let (_, exit) = machine.output_unless_silent(SILENCE);
    assert_eq!(exit, None, "the machine ended");
    let rest = machine.unread_count();
    assert!(rest < PASTE_BYTES / 2, "{rest} bytes came back, which is the whole rest");
}
