//! The actions of a person: types at the serial line and at the keyboard, ends drivers, pastes, and turns the machine
//! off.

use runner::exit::Exit;
use serde_json::json;
use xtask::Width;

use super::shell::{PROMPT, ask, at_the_prompt, row};
use super::{Case, cases};

pub const CASES: &[Case] = cases![
    Short:
    every_command_answers,
    typed_keys_arrive_at_the_shell,
    a_paste_comes_back_while_the_clock_ticks,
    every_driver_works_again_after_its_end,
    the_mouse_is_followed,
    shutdown_turns_the_machine_off,
    reboot_resets_it,
];

/// How much is pasted: far more than all rings on the way hold.
const PASTE_BYTES: usize = 100 * 1024;

fn every_command_answers(width: Width) {
    let mut machine = at_the_prompt(width);
    assert!(ask(&mut machine, "help").contains("shutdown"));
    assert_eq!(row(&ask(&mut machine, "ps"), "serial")[1], "running");
    assert_eq!(row(&ask(&mut machine, "irq"), "4")[2], "serial");
    assert!(ask(&mut machine, "mem").contains("KiB free"));
    assert!(ask(&mut machine, "time").contains(", up 0:00:"));
    assert!(ask(&mut machine, "log").contains("Bellwire"));
    assert_eq!(ask(&mut machine, "echo  a  'b  c'"), "a b  c\r\n");
    assert_eq!(ask(&mut machine, "sleep 20"), "");
    assert_eq!(ask(&mut machine, "tick 3 5"), "1\r\n2\r\n3\r\n");
    assert!(ask(&mut machine, "kill nobody").contains("no program nobody"));
    assert!(ask(&mut machine, "frobnicate").contains("no command frobnicate"));
    assert!(ask(&mut machine, "rtc 1000").contains("power of two"));
}

/// QMP presses the keys of the keyboard. The text shows on the screen and on the serial line.
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

fn the_mouse_is_followed(width: Width) {
    let mut machine = at_the_prompt(width);
    let movement = |axis: &str, value: i32| json!({ "type": "rel", "data": { "axis": axis, "value": value } });
    machine.command("input-send-event", json!({ "events": [movement("x", 7), movement("y", -5)] }));
    let press = json!({ "type": "btn", "data": { "down": true, "button": "left" } });
    machine.command("input-send-event", json!({ "events": [press] }));
    machine.wait_until("the button to be pressed", |machine| ask(machine, "mouse").contains("left"));
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
