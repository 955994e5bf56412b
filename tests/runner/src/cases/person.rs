//! What a person does: types at the serial line and at the keyboard, ends drivers, pastes, and turns the machine off.

use runner::exit::Exit;
use runner::machine::{Direct, Hardware, Image, Machine};
use serde_json::json;
use xtask::Width;

use super::{Case, cases};

pub const CASES: &[Case] = cases![
    Short:
    the_iso_comes_up_to_the_prompt,
    every_command_answers,
    typed_keys_arrive_at_the_shell,
    a_paste_comes_back_while_the_clock_ticks,
    every_driver_works_again_after_its_end,
    counts_agree_with_what_the_device_raised,
    an_interrupt_costs_its_driver_one_call,
    an_nmi_is_recorded_and_the_system_goes_on,
    the_mouse_is_followed,
    shutdown_turns_the_machine_off,
    reboot_resets_it,
];

pub(super) const PROMPT: &str = "bellwire> ";

/// How much is pasted: far more than all rings on the way hold.
const PASTE_BYTES: usize = 100 * 1024;

fn at_the_prompt(width: Width) -> Machine {
    let mut machine = Machine::boot(width, Direct::shipped());
    machine.expect(PROMPT);
    machine
}

/// Types a command by the serial line, and returns what it prints.
pub(super) fn ask(machine: &mut Machine, command: &str) -> String {
    machine.type_line(command);
    machine.expect(&format!("{command}\r\n"));
    machine.expect(PROMPT).trim_end_matches(PROMPT).to_owned()
}

/// The row of a table that begins with a word, as words.
fn row(table: &str, name: &str) -> Vec<String> {
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    match table.lines().map(words).find(|row| row.first().is_some_and(|first| first == name)) {
        Some(row) => row,
        None => panic!("no row {name:?} in\n{table}"),
    }
}

/// What users get, with a framebuffer where the direct boot has text.
fn the_iso_comes_up_to_the_prompt(width: Width) {
    let mut machine = Machine::boot(width, Image::Iso);
    machine.expect(PROMPT);
    machine.keys("echo Hi!\n");
    machine.expect("\r\nHi!\r\n");
}

fn every_command_answers(width: Width) {
    let mut machine = at_the_prompt(width);
    assert!(ask(&mut machine, "help").contains("shutdown"));
    assert_eq!(row(&ask(&mut machine, "ps"), "serial")[1], "running");
    assert_eq!(row(&ask(&mut machine, "irq"), "4")[2], "serial");
    assert!(ask(&mut machine, "mem").contains("KiB free"));
    assert!(ask(&mut machine, "time").contains(", up 0:00:"));
    assert!(ask(&mut machine, "log").contains("Bellwire"));
    assert_eq!(ask(&mut machine, "echo  a  b"), "a  b\r\n");
    assert_eq!(ask(&mut machine, "sleep 20"), "");
    assert_eq!(ask(&mut machine, "tick 3 5"), "1\r\n2\r\n3\r\n");
    assert!(ask(&mut machine, "kill nobody").contains("no program nobody is running"));
    assert!(ask(&mut machine, "frobnicate").contains("no command"));
    assert!(ask(&mut machine, "rtc 1000").contains("power of two"));
}

/// By QMP, at the keyboard: they show on the screen and on the serial line.
fn typed_keys_arrive_at_the_shell(width: Width) {
    let mut machine = at_the_prompt(width);
    machine.keys("echo Hi!x\u{8}\n");
    machine.expect("\r\nHi!\r\n");
    machine.expect(PROMPT);
    machine.expect_on_screen("bellwire> echo Hi!");
    machine.command("send-key", json!({ "keys": [{ "type": "qcode", "data": "up" }] }));
    machine.expect("echo Hi!");
    machine.keys("\n");
    machine.expect("\r\nHi!\r\n");
}

/// Byte for byte, every value among them, in the face of 1024 further interrupts a second.
fn a_paste_comes_back_while_the_clock_ticks(width: Width) {
    let mut machine = at_the_prompt(width);
    ask(&mut machine, "rtc 1024");
    machine.type_line(&format!("paste {PASTE_BYTES}"));
    machine.expect(&format!("send {PASTE_BYTES} bytes\r\n"));
    let sent: Vec<u8> = (0..PASTE_BYTES).map(|at| (at * 7 + at / 251) as u8).collect();
    machine.send(&sent);
    let received = machine.receive(PASTE_BYTES);
    if let Some(at) = (0..PASTE_BYTES).find(|at| received[*at] != sent[*at]) {
        panic!("byte {at} of the paste came back as {:#x}, not as {:#x}", received[at], sent[at]);
    }
    machine.expect(PROMPT);
    let ticks = ask(&mut machine, "rtc 0");
    let count: u32 = ticks.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(0);
    assert!(count > 0, "{ticks}");
}

fn every_driver_works_again_after_its_end(width: Width) {
    let mut machine = at_the_prompt(width);
    for name in ["serial", "keyboard", "rtc", "timer", "console", "shell"] {
        machine.type_line(&format!("kill {name}"));
        machine.expect(PROMPT);
        assert_eq!(ask(&mut machine, &format!("echo after {name}")), format!("after {name}\r\n"));
        assert!(ask(&mut machine, "time").contains(", up "));
        assert_eq!(ask(&mut machine, "sleep 1"), "");
        machine.keys(&format!("echo keys after {name}\n"));
        machine.expect(&format!("\r\nkeys after {name}\r\n"));
        machine.expect(PROMPT);
        machine.expect_on_screen(&format!("keys after {name}"));
        let row = row(&ask(&mut machine, "ps"), name);
        assert_eq!((row[1].as_str(), row[2].as_str()), ("running", "1"), "{row:?}");
    }
}

/// QEMU counts for itself how often each of its devices raised its line. All its clocks count instructions here, so
/// that the driver is always in time: a second edge before the first is served is one to QEMU and two to the processor.
fn counts_agree_with_what_the_device_raised(width: Width) {
    let mut machine = Hardware::counting(width).with(&["-rtc", "clock=vm"]).boot(Direct::shipped());
    machine.expect(PROMPT);
    let before = (raised(&mut machine, 8), counted(&mut machine, "8"));
    ask(&mut machine, "rtc 512");
    ask(&mut machine, "sleep 300");
    let ticks = ask(&mut machine, "rtc 0");
    let after = (raised(&mut machine, 8), counted(&mut machine, "8"));
    assert_eq!(after.0 - before.0, after.1 - before.1);
    assert!(after.1 > before.1, "the clock never ticked");
    assert!(ticks.starts_with(&format!("{} ticks,", after.1)), "{ticks}");
}

/// The clock's driver does nothing but receive: once for each tick, and once for each of the two commands between.
fn an_interrupt_costs_its_driver_one_call(width: Width) {
    let mut machine = Hardware::counting(width).with(&["-rtc", "clock=vm"]).boot(Direct::shipped());
    machine.expect(PROMPT);
    let before = calls(&mut machine, "rtc");
    ask(&mut machine, "rtc 512");
    ask(&mut machine, "sleep 300");
    ask(&mut machine, "rtc 0");
    let ticks = counted(&mut machine, "8");
    assert!(ticks > 20, "{ticks} ticks");
    assert_eq!(calls(&mut machine, "rtc") - before, ticks + 2);
}

/// How many system calls a program has done, as the shell says.
fn calls(machine: &mut Machine, program: &str) -> u32 {
    let row = row(&ask(machine, "ps"), program);
    row[6].parse().unwrap_or_else(|_| panic!("{row:?} has no number of calls"))
}

/// How often a line was raised, as QEMU's interrupt controllers say.
fn raised(machine: &mut Machine, line: u32) -> u32 {
    let text = machine.command("human-monitor-command", json!({ "command-line": "info irq" }));
    let text = text.as_str().unwrap_or("").to_owned();
    let name = format!("{line}:");
    let counts = text.lines().map(|row| row.split_whitespace().collect::<Vec<_>>());
    let of_line = counts.filter(|row| row.first() == Some(&name.as_str()));
    of_line.filter_map(|row| row.get(1)?.parse().ok()).max().unwrap_or(0)
}

/// How often it was taken, as the shell says.
pub(super) fn counted(machine: &mut Machine, line: &str) -> u32 {
    let row = row(&ask(machine, "irq"), line);
    row[3].parse().unwrap_or_else(|_| panic!("{row:?} has no count"))
}

fn an_nmi_is_recorded_and_the_system_goes_on(width: Width) {
    let mut machine = at_the_prompt(width);
    assert!(ask(&mut machine, "irq").contains("; 0 NMIs"));
    machine.nmi();
    assert!(ask(&mut machine, "irq").contains("; 1 NMIs"));
}

fn the_mouse_is_followed(width: Width) {
    let mut machine = at_the_prompt(width);
    let movement = |axis: &str, value: i32| json!({ "type": "rel", "data": { "axis": axis, "value": value } });
    machine.command("input-send-event", json!({ "events": [movement("x", 7), movement("y", -5)] }));
    let press = json!({ "type": "btn", "data": { "down": true, "button": "left" } });
    machine.command("input-send-event", json!({ "events": [press] }));
    // The events are the machine's to deliver: it is asked until it has them.
    while !ask(&mut machine, "mouse").contains("LEFT") {}
    assert!(ask(&mut machine, "mouse").contains("at 7, 5"));
}

fn shutdown_turns_the_machine_off(width: Width) {
    let mut machine = at_the_prompt(width);
    machine.type_line("shutdown");
    assert_eq!(machine.wait_exit(), Exit::PowerOff);
}

fn reboot_resets_it(width: Width) {
    let mut machine = at_the_prompt(width);
    machine.type_line("reboot");
    assert_eq!(machine.wait_exit(), Exit::Reset);
}
