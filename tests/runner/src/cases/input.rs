//! The keyboard's controller, keys and mouse: machines without them, firmware that left them in any state, and what a
//! restart of their driver keeps.

use runner::machine::{Direct, Hardware, Machine};
use serde_json::json;
use xtask::Width;

use super::shell::{PROMPT, ask, at_the_prompt, boot_to_the_prompt, row};
use super::{Case, cases};

pub const CASES: &[Case] = cases![
    Short:
    a_pc_without_an_8042_comes_to_the_prompt,
    a_controller_left_in_any_state_works_again,
    keys_typed_while_the_driver_restarts_arrive,
    keys_that_nobody_has_read_outlive_the_driver,
    what_is_held_and_switched_outlives_the_driver,
    half_a_mouse_packet_spoils_nothing_after_a_rest,
    a_mouse_that_is_plugged_in_is_told_to_report,
    layouts_change_what_keys_give,
    keys_that_are_no_characters_are_what_xterm_sends,
];

/// The controller's command that makes the next data byte come from the mouse.
const AS_FROM_MOUSE: u8 = 0xD3;
const TO_MOUSE: u8 = 0xD4;
const WRITE_CONFIGURATION: u8 = 0x60;
const STOP_REPORTING: u8 = 0xF5;

fn a_pc_without_an_8042_comes_to_the_prompt(width: Width) {
    for machine in ["q35,i8042=off", "pc,i8042=off"] {
        let mut machine = boot_to_the_prompt(Hardware::new(width).with(&["-M", machine]), Direct::shipped());
        assert_absent(&mut machine);
        // To be killed it would have to run.
        ask(&mut machine, "kill keyboard");
        assert_absent(&mut machine);
    }
}

#[track_caller]
fn assert_absent(machine: &mut Machine) {
    // The driver looks for its device while the shell is started.
    machine.wait_until("the keyboard to be absent", |machine| {
        row(&ask(machine, "ps"), "keyboard")[1..3] == ["absent", "0"]
    });
    let lines = ask(machine, "log").lines().filter(|line| line.contains("keyboard: no PS/2 controller")).count();
    assert_eq!(lines, 1, "one line says what is missing");
    // Its clients get an error at once.
    let mouse = ask(machine, "mouse");
    assert!(!mouse.contains("packets"), "{mouse}");
    assert_eq!(ask(machine, "echo here"), "here\r\n");
}

/// The states that firmware or a predecessor may have left: everything off, no translation, a keyboard and a mouse that
/// report nothing, half a command. The successor is started as the driver is after a boot.
fn a_controller_left_in_any_state_works_again(width: Width) {
    let mut machine = at_the_prompt(width);
    let mut restarts = 0;
    for configuration in [0x00, 0x30, 0x33, 0x70, 0x43] {
        keyboard_port(&mut machine, WRITE_CONFIGURATION, configuration);
        data_port(&mut machine, STOP_REPORTING);
        keyboard_port(&mut machine, TO_MOUSE, STOP_REPORTING);
        command_port(&mut machine, WRITE_CONFIGURATION);
        kill(&mut machine);
        restarts += 1;
        until_restarted(&mut machine, restarts);
        machine.keys("echo Hi!\n");
        machine.expect("\r\nHi!\r\n");
        machine.expect(PROMPT);
        let (_, x, y, _) = mouse(&mut machine);
        movement(&mut machine, 1, -2);
        until_mouse_is_at(&mut machine, x + 1, y + 2);
    }
}

/// The keyboard itself keeps 16 bytes, two for each key.
fn keys_typed_while_the_driver_restarts_arrive(width: Width) {
    let mut machine = at_the_prompt(width);
    // The time until the driver's restart doubles with each. On a slow host the first tries come too late.
    for restarts in 1..10 {
        kill(&mut machine);
        ["e", "c", "h", "o", "spc", "a", "b", "ret"].into_iter().for_each(|key| tap(&mut machine, key));
        let typed_in_time = waits(&mut machine);
        machine.expect("\r\nab\r\n");
        machine.expect(PROMPT);
        until_restarted(&mut machine, restarts);
        if typed_in_time && restarts > 2 {
            return;
        }
    }
    panic!("no key was typed while the driver was dead");
}

/// The shell ends the driver when it reads that line, and what is behind it lies in the driver's ring.
fn keys_that_nobody_has_read_outlive_the_driver(width: Width) {
    let mut machine = at_the_prompt(width);
    let text = "0123456789".repeat(8);
    for character in format!("sleep 1000\nkill keyboard\necho {text}\n").chars() {
        let key = match character {
            ' ' => "spc".to_owned(),
            '\n' => "ret".to_owned(),
            character => character.to_string(),
        };
        tap(&mut machine, &key);
        machine.wait_until("the key to be fetched", |machine| !waits(machine));
    }
    machine.expect("keyboard has ended");
    machine.expect(&format!("\r\n{text}\r\n"));
}

fn what_is_held_and_switched_outlives_the_driver(width: Width) {
    let mut machine = at_the_prompt(width);
    assert_eq!(ask(&mut machine, "layout de"), "the keyboard's layout is de\r\n");
    movement(&mut machine, 7, -5);
    until_mouse_is_at(&mut machine, 7, 5);
    tap(&mut machine, "caps_lock");
    press(&mut machine, "shift");
    machine.wait_until("the keys to be fetched", |machine| !waits(machine));
    kill(&mut machine);
    until_restarted(&mut machine, 1);
    // Shift and caps lock cancel each other out, and the layout has y where others have z.
    ["e", "c", "h", "o", "spc", "z"].into_iter().for_each(|key| tap(&mut machine, key));
    release(&mut machine, "shift");
    ["z", "ret"].into_iter().for_each(|key| tap(&mut machine, key));
    machine.expect("\r\nyY\r\n");
    machine.expect(PROMPT);
    let (packets, x, y, _) = mouse(&mut machine);
    assert_eq!((packets, x, y), (1, 7, 5));
}

fn half_a_mouse_packet_spoils_nothing_after_a_rest(width: Width) {
    let mut machine = at_the_prompt(width);
    for (resyncs, half) in [(1, &[0x08][..]), (2, &[0x08, 9])] {
        half.iter().for_each(|byte| from_mouse(&mut machine, *byte));
        ask(&mut machine, "sleep 100");
        movement(&mut machine, 7, -5);
        until_mouse_is_at(&mut machine, 7 * resyncs, 5 * resyncs);
        // On a slow host the machine may see a rest between two bytes, too.
        assert!(mouse(&mut machine).3 >= resyncs);
    }
    // The driver's successor gives the mouse orders, and half a packet isn't their answer.
    from_mouse(&mut machine, 0x08);
    kill(&mut machine);
    until_restarted(&mut machine, 1);
    movement(&mut machine, 7, -5);
    until_mouse_is_at(&mut machine, 21, 15);
}

fn a_mouse_that_is_plugged_in_is_told_to_report(width: Width) {
    let mut machine = at_the_prompt(width);
    keyboard_port(&mut machine, TO_MOUSE, STOP_REPORTING);
    movement(&mut machine, 1, 1);
    ask(&mut machine, "sleep 100");
    assert_eq!(mouse(&mut machine).0, 0, "it reports nothing");
    from_mouse(&mut machine, 0xAA);
    from_mouse(&mut machine, 0x00);
    // The mouse has understood the orders once its movements are reported.
    machine.wait_until("the mouse to report", |machine| {
        movement(machine, 2, -3);
        mouse(machine).0 != 0
    });
    let (packets, x, y, _) = mouse(&mut machine);
    assert_eq!((x, y), (2 * packets, 3 * packets));
}

fn layouts_change_what_keys_give(width: Width) {
    let mut machine = boot_to_the_prompt(Hardware::new(width), Direct::shipped().command_line("keyboard.layout=de"));
    assert_eq!(ask(&mut machine, "layout"), "the keyboard's layout is de\r\n");
    assert_eq!(pasted(&mut machine, 1, &["z"]), b"y");
    assert_eq!(pasted(&mut machine, 2, &["bracket_left"]), "ü".as_bytes());
    assert_eq!(pasted(&mut machine, 1, &["alt_r", "q"]), b"@");
    assert_eq!(pasted(&mut machine, 3, &["alt_r", "e"]), "€".as_bytes());
    assert_eq!(ask(&mut machine, "layout fr"), "the keyboard's layout is fr\r\n");
    assert_eq!(pasted(&mut machine, 1, &["q"]), b"a");
    assert_eq!(pasted(&mut machine, 2, &["2"]), "é".as_bytes());
    assert_eq!(ask(&mut machine, "layout uk"), "the keyboard's layout is uk\r\n");
    assert_eq!(pasted(&mut machine, 2, &["shift", "3"]), "£".as_bytes());
    assert!(ask(&mut machine, "layout klingon").contains("us, uk, de, fr"));
    assert_eq!(ask(&mut machine, "layout us"), "the keyboard's layout is us\r\n");
    assert_eq!(pasted(&mut machine, 1, &["shift", "3"]), b"#");
    // An unknown layout leaves the usual one.
    let mut machine =
        boot_to_the_prompt(Hardware::new(width), Direct::shipped().command_line("keyboard.layout=klingon"));
    assert_eq!(ask(&mut machine, "layout"), "the keyboard's layout is us\r\n");
    assert!(ask(&mut machine, "log").contains("no layout is called klingon"));
}

fn keys_that_are_no_characters_are_what_xterm_sends(width: Width) {
    let mut machine = at_the_prompt(width);
    for (keys, bytes) in [
        (&["delete"][..], "\x1b[3~"),
        (&["insert"], "\x1b[2~"),
        (&["home"], "\x1b[H"),
        (&["end"], "\x1b[F"),
        (&["f1"], "\x1bOP"),
        (&["f12"], "\x1b[24~"),
        (&["shift", "pgup"], "\x1b[5;2~"),
        (&["ctrl", "right"], "\x1b[1;5C"),
    ] {
        assert_eq!(pasted(&mut machine, bytes.len(), keys), bytes.as_bytes(), "{keys:?}");
    }
}

/// The bytes that a key gives while others are held.
#[track_caller]
fn pasted(machine: &mut Machine, bytes: usize, keys: &[&str]) -> Vec<u8> {
    machine.type_line(&format!("paste {bytes}"));
    machine.expect(&format!("send {bytes} byte"));
    machine.expect("\r\n");
    keys.iter().for_each(|key| press(machine, key));
    keys.iter().rev().for_each(|key| release(machine, key));
    let received = machine.receive(bytes);
    machine.expect(PROMPT);
    received
}

fn press(machine: &mut Machine, key: &str) {
    key_event(machine, json!({ "down": true, "key": { "type": "qcode", "data": key } }));
}

fn release(machine: &mut Machine, key: &str) {
    key_event(machine, json!({ "down": false, "key": { "type": "qcode", "data": key } }));
}

/// Presses a key and lets it go, at once.
fn tap(machine: &mut Machine, key: &str) {
    press(machine, key);
    release(machine, key);
}

fn key_event(machine: &mut Machine, data: serde_json::Value) {
    machine.command("input-send-event", json!({ "events": [{ "type": "key", "data": data }] }));
}

fn movement(machine: &mut Machine, x: i32, y: i32) {
    let axis = |axis: &str, value: i32| json!({ "type": "rel", "data": { "axis": axis, "value": value } });
    machine.command("input-send-event", json!({ "events": [axis("x", x), axis("y", y)] }));
}

/// The mouse's packets, where it is, and how often it was synchronised anew, as the shell says.
#[track_caller]
fn mouse(machine: &mut Machine) -> (i32, i32, i32, i32) {
    let line = ask(machine, "mouse");
    let numbers: Vec<i32> =
        line.split(|character: char| !"-0123456789".contains(character)).filter_map(|word| word.parse().ok()).collect();
    let [packets, x, y, .., resyncs] = numbers[..] else { panic!("no state of a mouse: {line}") };
    (packets, x, y, resyncs)
}

/// The events are the machine's to deliver: it is asked until it has them.
#[track_caller]
fn until_mouse_is_at(machine: &mut Machine, x: i32, y: i32) {
    machine.wait_until(&format!("the mouse to be at {x}, {y}"), |machine| {
        let (_, at_x, at_y, _) = mouse(machine);
        (at_x, at_y) == (x, y)
    });
}

#[track_caller]
fn kill(machine: &mut Machine) {
    assert_eq!(ask(machine, "kill keyboard"), "keyboard has ended\r\n");
}

#[track_caller]
fn until_restarted(machine: &mut Machine, times: u32) {
    machine.wait_until("the driver to run again", |machine| {
        let row = row(&ask(machine, "ps"), "keyboard");
        row[1] == "running" && row[2] == times.to_string()
    });
    // The driver answers once it has told keyboard and mouse to report: what the mouse does before that is lost.
    ask(machine, "layout");
}

/// Whether a byte waits in the controller.
fn waits(machine: &mut Machine) -> bool {
    let answer = machine.monitor("i /b 0x64");
    let status = answer.rsplit("0x").next().and_then(|digits| u8::from_str_radix(digits.trim(), 16).ok());
    status.unwrap_or_else(|| panic!("no status of the controller: {answer}")) & 1 != 0
}

fn command_port(machine: &mut Machine, command: u8) {
    machine.monitor(&format!("o /b 0x64 {command:#x}"));
}

fn data_port(machine: &mut Machine, byte: u8) {
    machine.monitor(&format!("o /b 0x60 {byte:#x}"));
}

fn keyboard_port(machine: &mut Machine, command: u8, byte: u8) {
    command_port(machine, command);
    data_port(machine, byte);
}

/// A byte that comes from the mouse, and is fetched.
#[track_caller]
fn from_mouse(machine: &mut Machine, byte: u8) {
    keyboard_port(machine, AS_FROM_MOUSE, byte);
    machine.wait_until("the byte to be fetched", |machine| !waits(machine));
}
