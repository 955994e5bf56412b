//! The system's reports about itself: programs, memory, time, the log. Also starting and stopping programs.

use super::shell::{CONTROL_C, PROMPT, ask, at_the_prompt, boot_to_the_prompt, row};
use super::{Case, cases};
use runner::machine::{Direct, Hardware, Machine};
use xtask::Width;

pub const CASES: &[Case] = cases![
    Short:
    idle_time_is_counted,
    programs_and_kernel_hold_what_is_not_free,
    time_since_the_start_begins_anew_with_a_reset,
    each_line_of_the_log_has_its_time,
    the_log_without_times_is_plain,
    the_log_is_followed_until_control_c,
    rates_are_drawn_until_control_c,
    a_stopped_program_stays_stopped_and_its_clients_go_on,
    what_can_not_be_stopped_says_why,
    ends_are_told_in_words,
];

fn idle_time_is_counted(width: Width) {
    let mut machine = at_the_prompt(width);
    let programs = ask(&mut machine, "ps");
    let idle = row(&programs, "(idle)");
    assert!(idle.len() == 2 && idle[1] != "0ns", "{programs}");
    assert!(programs.lines().all(|line| line.trim_end().chars().count() <= 80), "{programs}");
}

fn programs_and_kernel_hold_what_is_not_free(width: Width) {
    let mut machine = at_the_prompt(width);
    let numbers = |text: &str| -> Vec<u32> { text.split_whitespace().filter_map(|word| word.parse().ok()).collect() };
    // A heap may grow by what is asked, and what is asked for twice is the same.
    ask(&mut machine, "ps");
    let memory = ask(&mut machine, "mem");
    let [total, free, programs, kernel] = numbers(&memory)[..] else { panic!("{memory}") };
    assert_eq!(total, free + programs + kernel, "{memory}");
    let table = ask(&mut machine, "ps");
    let held = |line: &str| line.split_whitespace().find_map(|word| word.strip_suffix('K')?.parse::<u32>().ok());
    assert_eq!(table.lines().filter_map(held).sum::<u32>(), programs + kernel, "{memory}{table}");
}

/// The counter runs on. Instructions are this machine's time, so that a busy host doesn't matter.
fn time_since_the_start_begins_anew_with_a_reset(width: Width) {
    let hardware = Hardware::timed(width).with(&["-action", "reboot=reset"]);
    let mut machine = boot_to_the_prompt(hardware, Direct::shipped());
    ask(&mut machine, "sleep 100000");
    assert!(up(&mut machine) >= 100, "it has slept");
    machine.type_line("reboot");
    machine.expect("Type help");
    machine.expect(PROMPT);
    assert!(up(&mut machine) < 100, "the time before the reset counts");
}

/// Seconds since the start.
#[track_caller]
fn up(machine: &mut Machine) -> u32 {
    let answer = ask(machine, "time");
    let time = answer.rsplit_once(", up ").and_then(|(_, time)| time.split_once('.')).map(|(whole, _)| whole);
    let parts: Vec<u32> = time.unwrap_or_default().split(':').filter_map(|part| part.parse().ok()).collect();
    let [hours, minutes, seconds] = parts[..] else { panic!("no time in {answer}") };
    (hours * 60 + minutes) * 60 + seconds
}

fn each_line_of_the_log_has_its_time(width: Width) {
    let mut machine = Hardware::new(width).boot(Direct::shipped());
    let start = machine.expect(PROMPT);
    assert!(start.contains("[    0.000000] Bellwire"), "COM1 shows times too:\n{start}");
    ask(&mut machine, "kill rtc");
    let log = ask(&mut machine, "log");
    let times: Vec<f64> = log.lines().map(|line| time(line).unwrap_or_else(|| panic!("no time: {line:?}"))).collect();
    assert!(times.len() > 5 && times[1] > 0.0, "what came before the clock was measured has its time too:\n{log}");
    assert!(times.is_sorted(), "{log}");
    assert!(log.contains("] init: rtc was killed by shell; it is started again in 20 ms"), "{log}");
}

/// The seconds in front of a line of the log.
fn time(line: &str) -> Option<f64> {
    let (time, rest) = line.strip_prefix('[')?.split_once("] ")?;
    let time = time.trim_start();
    (time.split_once('.')?.1.len() == 6 && !rest.is_empty()).then(|| time.parse().ok())?
}

fn the_log_without_times_is_plain(width: Width) {
    let mut machine = boot_to_the_prompt(Hardware::new(width), Direct::shipped().command_line("log=plain"));
    assert!(ask(&mut machine, "log").contains("\nclock: "));
}

fn the_log_is_followed_until_control_c(width: Width) {
    let mut machine = boot_to_the_prompt(Hardware::new(width), Direct::clumsy());
    // The driver panics in a second, when the log is being followed.
    ask(&mut machine, "edu 17");
    machine.type_line("log -f");
    machine.expect("started in ");
    machine.expect("as it was told a second ago\r\n");
    machine.expect("init: edu panicked; it is started again in ");
    machine.send(CONTROL_C);
    machine.expect("^C\r\n");
    machine.expect(PROMPT);
    assert_eq!(ask(&mut machine, "echo on"), "on\r\n");
}

fn rates_are_drawn_until_control_c(width: Width) {
    let mut machine = at_the_prompt(width);
    ask(&mut machine, "rtc 1024");
    for command in ["irq -w", "irqtop"] {
        machine.type_line(command);
        // Twice, one over the other.
        machine.expect(" interrupts a second");
        machine.expect(" interrupts a second");
        let drawn = machine.expect(" #");
        let clock = drawn.lines().last().unwrap_or_default();
        assert!(clock.contains("rtc"), "the most frequent comes first, with a bar:\n{drawn}");
        machine.send(CONTROL_C);
        machine.expect("^C\r\n");
        machine.expect(PROMPT);
    }
    assert_eq!(ask(&mut machine, "echo on"), "on\r\n");
}

fn a_stopped_program_stays_stopped_and_its_clients_go_on(width: Width) {
    let mut machine = at_the_prompt(width);
    assert_eq!(ask(&mut machine, "stop rtc"), "rtc is stopped\r\n");
    assert_eq!(row(&ask(&mut machine, "ps"), "rtc")[1..3], ["stopped", "0"]);
    assert!(ask(&mut machine, "time").contains("its program is stopped"));
    assert!(ask(&mut machine, "log").contains("] init: rtc was stopped by shell\r\n"));
    assert!(ask(&mut machine, "kill rtc").contains("rtc doesn't run."));
    assert!(ask(&mut machine, "stop rtc").contains("rtc is stopped already."));
    assert_eq!(ask(&mut machine, "start rtc"), "rtc runs\r\n");
    assert!(ask(&mut machine, "time").contains(", up 0:"));
    assert!(ask(&mut machine, "start rtc").contains("rtc runs already."));
    // A program that is started again is ended for good by a stop, too.
    ask(&mut machine, "kill rtc");
    machine.wait_until("rtc to be stopped", |machine| ask(machine, "stop rtc").contains("rtc is"));
    assert_eq!(row(&ask(&mut machine, "ps"), "rtc")[1], "stopped");
    // The answer comes once it is known whether the device is there.
    assert!(ask(&mut machine, "edu").contains("no edu device"));
    assert!(ask(&mut machine, "start edu").contains("edu is absent"));
}

fn what_can_not_be_stopped_says_why(width: Width) {
    let mut machine = at_the_prompt(width);
    for command in ["kill init", "stop init", "start init"] {
        assert!(ask(&mut machine, command).contains("init supervises all other programs"), "{command}");
    }
    assert!(ask(&mut machine, "stop shell").contains("can't stop itself"));
    assert!(ask(&mut machine, "stop console").contains("You type by the console"));
    assert!(ask(&mut machine, "stop nobody").contains("There is no program nobody"));
}

fn ends_are_told_in_words(width: Width) {
    let mut machine = boot_to_the_prompt(Hardware::new(width), Direct::clumsy());
    for (way, text) in [
        (14, "of general protection (vector 13): a privileged instruction"),
        (15, ": it wrote to 0x10, where nothing is mapped; it is started again in "),
        (16, "init: edu panicked; it is started again in "),
    ] {
        machine.wait_until("edu to run", |machine| row(&ask(machine, "ps"), "edu")[1] == "running");
        ask(&mut machine, &format!("edu {way}"));
        machine.wait_until(text, |machine| ask(machine, "log").contains(text));
    }
}
