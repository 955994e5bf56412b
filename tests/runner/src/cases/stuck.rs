//! A program is stuck, and all others go on.

use super::shell::{CONTROL_C, PROMPT, ask, boot_to_the_prompt, row};
use super::{Case, cases};
use runner::machine::{Direct, Hardware, Machine};
use xtask::Width;

pub const CASES: &[Case] = cases![
    Short:
    init_serves_while_the_bus_answers_nobody,
    what_init_wants_of_a_service_ends_no_stand_in,
    init_gives_no_notice_to_a_stuck_server_up,
    the_shell_answers_while_the_keyboard_answers_nobody,
    the_screen_and_the_keyboard_work_while_the_serial_driver_answers_nobody,
];

/// The log's line about a start that the bus didn't answer.
const FAILURE: &str = "can't start edu: the PCI bus says";

/// A driver's start takes the bus. The bus takes no calls, or answers none.
fn init_serves_while_the_bus_answers_nobody(width: Width) {
    for words in ["", "pci.mute"] {
        let hardware = Hardware::new(width).with(&["-device", "edu"]);
        let mut machine = boot_to_the_prompt(hardware, Direct::stuck().command_line(words));
        assert_eq!(failures(&ask(&mut machine, "log")), 0, "the shell was started only after a failure");
        machine.wait_until(FAILURE, |machine| failures(&ask(machine, "log")) != 0);
        // Whether a wait ends just between these commands depends on the host.
        assert!((0..5).any(|_| starts_meanwhile(&mut machine)), "init waits for the bus");
        machine.wait_until("rtc to run again", |machine| row(&ask(machine, "ps"), "rtc")[1] == "running");
        assert_eq!(row(&ask(&mut machine, "ps"), "edu")[1], "waiting");
        assert!(ask(&mut machine, "stop edu").contains("edu is stopped"));
        // Who asks for a start gets an answer once it is known what has come of it.
        let before = failures(&ask(&mut machine, "log"));
        assert!(ask(&mut machine, "start edu").contains("edu is waiting"));
        assert!(failures(&ask(&mut machine, "log")) > before, "start answers before it is known whether edu runs");
    }
}

/// `init` itself waits for the bus, and for the keyboard's driver, which it tells of the shell's end. Then both are
/// stopped.
fn what_init_wants_of_a_service_ends_no_stand_in(width: Width) {
    for words in ["", "keyboard.mute pci.mute"] {
        let hardware = Hardware::new(width).with(&["-device", "edu"]);
        let mut machine = boot_to_the_prompt(hardware, Direct::stuck().command_line(words));
        machine.type_line("kill shell");
        machine.expect("kill shell\r\n");
        machine.expect(PROMPT);
        for (stop, ask_it, start) in
            [("stop pci", "pci", "start pci"), ("stop keyboard anyway", "layout", "start keyboard")]
        {
            ask(&mut machine, stop);
            assert!(ask(&mut machine, ask_it).contains("nobody serves that"));
            assert!(ask(&mut machine, ask_it).contains("nobody serves that"));
            assert!(ask(&mut machine, start).contains(" runs"));
        }
        assert_eq!(row(&ask(&mut machine, "ps"), "pci")[1], "running");
    }
}

/// The servers of a program that has ended are told so. Two of them are stuck, and answer `init` never.
fn init_gives_no_notice_to_a_stuck_server_up(width: Width) {
    let mut machine = boot_to_the_prompt(Hardware::new(width), Direct::stuck().command_line("keyboard.mute pci.mute"));
    for lives in ["1", "2", "3"] {
        machine.type_line("kill shell");
        machine.expect("kill shell\r\n");
        machine.expect(PROMPT);
        assert_eq!(row(&ask(&mut machine, "ps"), "shell")[1..3], ["running", lives]);
    }
    // A notice that a server doesn't take in time is given again: the last one of the shell's, twice or more.
    machine.wait_until("a notice that is given again", |machine| {
        let log = ask(machine, "log");
        let notices = log.lines().filter_map(|line| line.split_once("keyboard: program ").map(|(_, notice)| notice));
        let notices: Vec<_> = notices.collect();
        notices.last().is_some_and(|last| notices.iter().filter(|notice| notice == &last).count() > 1)
    });
}

/// The console fetches keys while it serves the shell. Bytes of the serial line come and go all the same.
fn the_shell_answers_while_the_keyboard_answers_nobody(width: Width) {
    for words in ["", "keyboard.mute"] {
        let mut machine = boot_to_the_prompt(Hardware::new(width), Direct::stuck().command_line(words));
        assert_eq!(ask(&mut machine, "echo on"), "on\r\n");
        // A call that waits for the keyboard.
        machine.type_line("layout");
        machine.expect("layout\r\n");
        machine.send(CONTROL_C);
        machine.expect(PROMPT);
        ask(&mut machine, "kill keyboard");
        machine.wait_until("keyboard to run", |machine| row(&ask(machine, "ps"), "keyboard")[1..3] == ["running", "1"]);
        assert_eq!(ask(&mut machine, "echo still on"), "still on\r\n");
    }
}

/// The driver of the serial line gets stuck while it works. A person goes on at the screen, whatever the shell prints,
/// and so does the log. The driver's successor serves the line again.
fn the_screen_and_the_keyboard_work_while_the_serial_driver_answers_nobody(width: Width) {
    for words in ["", "serial.mute", "serial.spins"] {
        let mut machine = boot_to_the_prompt(Hardware::new(width), Direct::stuck_serial().command_line(words));
        assert_eq!(ask(&mut machine, "echo on"), "on\r\n");
        machine.send(b"\x05");
        // More than there is room for on the way.
        machine.keys("help\necho on  and  on\n");
        machine.expect_on_screen("on and on");
        machine.keys("clear\nlog\n");
        machine.expect_on_screen("the serial line's driver doesn't answer");
        machine.keys("kill serial\necho back  again\n");
        machine.expect("\r\nback again\r\n");
        machine.expect(PROMPT);
        assert_eq!(ask(&mut machine, "echo still on"), "still on\r\n");
        let log = ask(&mut machine, "log");
        assert!(log.contains("the serial line's driver answers again"), "{log}");
    }
}

/// Whether `init` has answered two requests before the bus's answer to the first one is given up.
fn starts_meanwhile(machine: &mut Machine) -> bool {
    let before = failures(&ask(machine, "log"));
    machine.type_line("start edu");
    machine.expect("start edu\r\n");
    machine.send(CONTROL_C);
    machine.expect(PROMPT);
    machine.send(b"kill rtc\rlog\r");
    machine.expect("kill rtc\r\n");
    machine.expect("log\r\n");
    failures(&machine.expect(PROMPT)) == before
}

fn failures(log: &str) -> usize {
    log.matches(FAILURE).count()
}
