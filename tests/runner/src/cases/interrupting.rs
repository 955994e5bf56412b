//! Ctrl-C ends the command that runs, in each kind of wait.

use runner::machine::{Direct, Hardware, Machine};
use serde_json::json;
use xtask::Width;

use super::shell::{CONTROL_C, PROMPT, ask, at_the_prompt, boot_to_the_prompt, row};
use super::{Case, cases};

pub const CASES: &[Case] = cases![
    Short:
    control_c_ends_every_command_that_waits,
    control_c_at_the_keyboard_ends_a_command,
    control_c_ends_a_call_that_nobody_answers,
    calls_that_were_given_up_leave_nothing_behind,
    what_is_typed_ahead_is_for_the_next_line,
    control_c_takes_back_what_was_typed_before,
    control_c_in_a_paste_is_a_byte,
];

/// Types a command, waits until it has begun, and interrupts it.
fn interrupt(machine: &mut Machine, command: &str, begun: &str) {
    machine.type_line(command);
    machine.expect(&format!("{command}\r\n{begun}"));
    machine.send(CONTROL_C);
    machine.expect("^C\r\n");
    machine.expect(PROMPT);
}

/// Types a command that calls a service which doesn't answer, waits until all wait, and interrupts it.
fn give_up(machine: &mut Machine, command: &str) {
    machine.type_line(command);
    machine.expect(&format!("{command}\r\n"));
    machine.wait_until("the CPU to have nothing to do", |machine| machine.monitor("info registers").contains("HLT=1"));
    machine.send(CONTROL_C);
    machine.expect("^C\r\n");
    machine.expect(PROMPT);
}

fn control_c_ends_every_command_that_waits(width: Width) {
    let mut machine = at_the_prompt(width);
    interrupt(&mut machine, "sleep 100000000", "");
    interrupt(&mut machine, "tick 1000000 1000000", "");
    interrupt(&mut machine, "tick 1000000 1", "1\r\n2\r\n");
    // The timer service has no client left that it would notify, and the next client gets the right notifications.
    assert_eq!(ask(&mut machine, "tick 3 5"), "1\r\n2\r\n3\r\n");
    assert_eq!(ask(&mut machine, "sleep 20"), "");
}

fn control_c_at_the_keyboard_ends_a_command(width: Width) {
    let mut machine = at_the_prompt(width);
    machine.keys("sleep 100000000\n");
    machine.expect("sleep 100000000\r\n");
    let keys = ["ctrl", "c"].map(|key| json!({ "type": "qcode", "data": key }));
    machine.command("send-key", json!({ "keys": keys }));
    machine.expect("^C\r\n");
    machine.expect(PROMPT);
    assert_eq!(ask(&mut machine, "echo on"), "on\r\n");
}

/// Ways of a service to be stuck, by the clumsy driver's orders: it takes calls and answers none, or takes none.
const STUCK: [&str; 2] = ["edu 22", "edu 23"];

fn control_c_ends_a_call_that_nobody_answers(width: Width) {
    for order in STUCK {
        let mut machine = with_a_stuck_service(width, order);
        interrupt(&mut machine, "edu 5!", "");
        assert_eq!(ask(&mut machine, "echo on"), "on\r\n");
        expect_to_work_again(&mut machine);
    }
}

/// Far more calls than a process may have threads or handles. The service is told of each.
fn calls_that_were_given_up_leave_nothing_behind(width: Width) {
    for order in STUCK {
        let mut machine = with_a_stuck_service(width, order);
        let held = |machine: &mut Machine| {
            let mut memory = String::new();
            // The thread that makes calls is made with the next call, and a call that is just given up may cost it.
            machine.wait_until("the shell to have two threads", |machine| {
                ask(machine, "sleep 1");
                let row = row(&ask(machine, "ps"), "shell");
                memory.clone_from(&row[5]);
                row[4] == "2"
            });
            memory
        };
        (0..5).for_each(|_| give_up(&mut machine, "edu 5!"));
        let before = held(&mut machine);
        (0..205).for_each(|_| give_up(&mut machine, "edu 5!"));
        assert_eq!(held(&mut machine), before, "memory");
        if order == STUCK[0] {
            let log = ask(&mut machine, "log");
            assert!(log.contains("200 callers have gone"), "{log}");
        }
        assert_eq!(ask(&mut machine, "sleep 1"), "");
        expect_to_work_again(&mut machine);
    }
}

fn with_a_stuck_service(width: Width, order: &str) -> Machine {
    let mut machine = boot_to_the_prompt(Hardware::new(width), Direct::clumsy());
    ask(&mut machine, order);
    machine
}

fn expect_to_work_again(machine: &mut Machine) {
    ask(machine, "kill edu");
    machine.wait_until("the driver works again", |machine| ask(machine, "edu 0").contains("served 0 times"));
}

fn what_is_typed_ahead_is_for_the_next_line(width: Width) {
    let mut machine = at_the_prompt(width);
    machine.send(b"sleep 200\recho one\rtick 2 5\recho two\r");
    machine.expect("sleep 200\r\n");
    machine.expect("echo one\r\none\r\n");
    machine.expect("tick 2 5\r\n1\r\n2\r\n");
    machine.expect("echo two\r\ntwo\r\n");
}

fn control_c_takes_back_what_was_typed_before(width: Width) {
    let mut machine = at_the_prompt(width);
    machine.type_line("sleep 100000000");
    machine.expect("sleep 100000000\r\n");
    machine.send(b"echo never\r\x03echo on\r");
    let shown = machine.expect("echo on\r\non\r\n");
    assert!(!shown.contains("never"), "{shown:?}");
}

fn control_c_in_a_paste_is_a_byte(width: Width) {
    let mut machine = at_the_prompt(width);
    machine.type_line("paste 5");
    machine.expect("send 5 bytes\r\n");
    machine.send(b"a\x03b\x03c");
    assert_eq!(machine.receive(5), b"a\x03b\x03c");
    machine.expect("5 bytes came and went\r\n");
}
