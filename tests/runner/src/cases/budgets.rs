//! Shares of the CPU in the shipped system: whatever one program does, the shell answers, and says which one does it.

use super::shell::{ask, boot_to_the_prompt, row};
use super::{Case, cases};
use runner::machine::{Direct, Hardware, Machine};
use xtask::Width;

pub const CASES: &[Case] = cases![
    Short:
    a_loop_at_high_priority_is_named_and_hinders_nobody,
    a_storm_of_timers_hinders_nobody,
    a_paste_beside_a_loop_loses_nothing,
    a_loop_is_ended_where_the_manifest_says_so,
];

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

/// A line of a paste is a command; each has its answer.
fn a_paste_beside_a_loop_loses_nothing(width: Width) {
    let mut machine = boot(width);
    ask(&mut machine, "edu 18");
    for number in 0..20 {
        let words = format!("{number} {}", "abcdefgh ".repeat(8).trim_end());
        assert_eq!(ask(&mut machine, &format!("echo {words}")), format!("{words}\r\n"));
    }
}
