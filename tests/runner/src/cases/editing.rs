//! Editing as a person sees it: at the serial line, at the keyboard, on the screen.

use runner::machine::{Direct, Hardware, Machine};
use serde_json::json;
use xtask::Width;

use super::shell::{PROMPT, ask, at_the_prompt};
use super::{Case, cases};

pub const CASES: &[Case] = cases![
    Short:
    a_line_is_edited_at_the_serial_line,
    a_line_is_edited_at_the_keyboard,
    tab_completes_commands_and_programs,
    the_history_is_searched,
    a_line_that_is_too_long_is_not_carried_out,
    a_long_line_scrolls_on_the_screen,
    arguments_are_quoted,
    the_screen_scrolls_back,
    the_screen_is_cleared,
    colours_are_shown_where_they_are_understood,
    a_narrow_terminal_gets_narrow_tables,
    bytes_of_a_paste_are_no_colours_and_no_keys,
];

/// Presses keys together, by QEMU's names.
fn press(machine: &mut Machine, keys: &[&str]) {
    let keys: Vec<_> = keys.iter().map(|key| json!({ "type": "qcode", "data": key })).collect();
    machine.command("send-key", json!({ "keys": keys }));
}

fn a_line_is_edited_at_the_serial_line(width: Width) {
    let mut machine = at_the_prompt(width);
    // Typed in a wrong order: behind "ho", then before it, in the middle, and at the end.
    machine.send(b"ho b\x01ec\x05 d\x1b[D\x1b[D\x1b[1;5D'a \x1b[F'\x17'\r");
    machine.expect("\r\na b ");
    machine.expect(PROMPT);
    machine.send(b"kill everything\x15echo gone\r");
    machine.expect("\r\ngone\r\n");
    machine.expect(PROMPT);
    machine.send("echo xäöß\x1b[D\x7Fü\r".as_bytes());
    machine.expect("\r\nxäüß\r\n");
    // The letters in code page 437.
    machine.expect_on_screen("echo x\u{84}\u{81}\u{E1}");
}

fn a_line_is_edited_at_the_keyboard(width: Width) {
    let mut machine = at_the_prompt(width);
    machine.keys("cho two");
    press(&mut machine, &["home"]);
    machine.keys("e");
    press(&mut machine, &["end"]);
    (0..3).for_each(|_| press(&mut machine, &["left"]));
    machine.keys("one ");
    machine.expect_on_screen("bellwire> echo one two");
    machine.keys("\n");
    machine.expect("\r\none two\r\n");
    machine.expect(PROMPT);
    press(&mut machine, &["up"]);
    press(&mut machine, &["ctrl", "w"]);
    machine.keys("three\n");
    machine.expect("\r\none three\r\n");
    machine.expect_on_screen("bellwire> echo one three");
}

fn tab_completes_commands_and_programs(width: Width) {
    let mut machine = at_the_prompt(width);
    machine.send(b"shu\t");
    machine.expect("shutdown ");
    machine.send(b"\x15kill key\t");
    machine.expect("kill keyboard ");
    machine.send(b"\x15kill \t\t");
    machine.expect("\r\nconsole");
    machine.expect("timer");
    machine.expect(&format!("{PROMPT}kill "));
    machine.send(b"\x15echo \t\x03");
    machine.expect("^C\r\n");
}

fn the_history_is_searched(width: Width) {
    let mut machine = at_the_prompt(width);
    ask(&mut machine, "echo first");
    ask(&mut machine, "echo second");
    machine.send(b"\x12fir");
    machine.expect_on_screen("search 'fir': echo first");
    machine.send(b"\r");
    machine.expect("\r\nfirst\r\n");
    machine.expect(PROMPT);
    assert_eq!(
        ask(&mut machine, "history"),
        "   1  echo first\r\n   2  echo second\r\n   3  echo first\r\n   4  history\r\n"
    );
}

/// Ends with what would be a command of its own.
fn a_line_that_is_too_long_is_not_carried_out(width: Width) {
    let mut machine = at_the_prompt(width);
    let mut line = b"echo ".to_vec();
    line.resize(5000, b'x');
    machine.send(&line);
    machine.send(b"\r");
    machine.expect("The line was longer than 4096 characters. Nothing was carried out.\r\n");
    machine.expect(PROMPT);
    let long = "y".repeat(4000);
    machine.type_line(&format!("echo {long}"));
    machine.expect(&format!("\r\n{long}\r\n"));
}

fn a_long_line_scrolls_on_the_screen(width: Width) {
    let mut machine = at_the_prompt(width);
    let text = "0123456789".repeat(9);
    machine.send(format!("echo {text}").as_bytes());
    machine.expect_on_screen("bellwire> <");
    machine.send(b"\x01");
    machine.expect_on_screen("bellwire> echo 0123456789");
    machine.send(b"\r");
    machine.expect(&format!("{PROMPT}echo {text}\r\n{text}\r\n"));
}

fn arguments_are_quoted(width: Width) {
    let mut machine = at_the_prompt(width);
    assert_eq!(ask(&mut machine, r#"echo 'a  b' "it's \"" c\ \ d"#), "a  b it's \" c  d\r\n");
    assert_eq!(ask(&mut machine, "'echo' x"), "x\r\n");
    assert_eq!(ask(&mut machine, "echo 'x"), "The line isn't complete: a closing ' is missing.\r\n");
    assert_eq!(ask(&mut machine, "sleep soon"), "Usage: sleep MILLISECONDS\r\n");
    assert_eq!(ask(&mut machine, "ps aux"), "ps takes no arguments.\r\n");
}

fn the_screen_scrolls_back(width: Width) {
    let mut machine = at_the_prompt(width);
    ask(&mut machine, "tick 100 2");
    machine.expect_on_screen("100");
    let shows = |machine: &mut Machine, line: &str| machine.screen().iter().any(|shown| shown == line);
    assert!(!shows(&mut machine, "40"));
    press(&mut machine, &["pgup"]);
    press(&mut machine, &["shift", "pgup"]);
    machine.wait_until("line 40 on the screen", |machine| shows(machine, "40") && !shows(machine, "100"));
    press(&mut machine, &["pgdn"]);
    machine.wait_until("line 78 on the screen", |machine| shows(machine, "78") && !shows(machine, "100"));
    machine.keys("x");
    machine.expect_on_screen("bellwire> x");
    press(&mut machine, &["pgup"]);
    machine.wait_until("an earlier part", |machine| !shows(machine, "100"));
    machine.send(b"y");
    machine.expect_on_screen("bellwire> xy");
    let typed = machine.unread();
    assert!(!typed.contains('~'), "{typed:?}");
}

fn the_screen_is_cleared(width: Width) {
    let mut machine = at_the_prompt(width);
    ask(&mut machine, "help");
    machine.type_line("clear");
    machine.expect("\x1b[H\x1b[2J");
    machine.expect(PROMPT);
    let is_clear = |machine: &mut Machine| {
        let screen = machine.screen();
        screen[0].starts_with(PROMPT.trim_end()) && screen[1..].iter().all(String::is_empty)
    };
    machine.wait_until("nothing but the prompt", is_clear);
    machine.send(b"echo x\r");
    machine.expect("\r\nx\r\n");
    machine.expect(PROMPT);
    machine.send(b"half\x0c");
    machine.wait_until("nothing but the line", |machine| {
        let screen = machine.screen();
        screen[0] == "bellwire> half" && screen[1..].iter().all(String::is_empty)
    });
}

/// The colour byte of the screen's first character of a text.
fn colour(machine: &mut Machine, text: &str) -> u8 {
    machine.expect_on_screen(text);
    let screen = machine.screen();
    let (row, column) =
        (0..).zip(&screen).find_map(|(row, line): (u64, &String)| Some((row, line.find(text)?))).expect("it is there");
    machine.memory(0xB8000 + (row * 80 + column as u64) * 2, 2)[1]
}

fn colours_are_shown_where_they_are_understood(width: Width) {
    const HEADING: u8 = 0x0F;
    const PLAIN: u8 = 0x07;
    let mut machine = at_the_prompt(width);
    assert!(!ask(&mut machine, "ps").contains('\x1b'), "colours without an answer about colours");
    assert_eq!(colour(&mut machine, "NAME"), HEADING);
    ask(&mut machine, "clear");
    ask(&mut machine, "colour off");
    ask(&mut machine, "pci");
    assert_eq!(colour(&mut machine, "ADDRESS"), PLAIN);
    machine.type_line("colour on");
    machine.type_line("ps");
    machine.expect("\x1b[1mNAME\x1b[m");
    machine.expect("\x1b[32mrunning\x1b[m");
    machine.type_line("colour off");
    machine.expect("\x1b[1;32mbellwire> \x1b[m");
    machine.expect(PROMPT);

    let mut machine = Hardware::new(width).boot(Direct::shipped().command_line("console.colour=off"));
    assert!(!machine.expect(PROMPT).contains('\x1b'), "no terminal is asked what it knows");
    ask(&mut machine, "pci");
    assert_eq!(colour(&mut machine, "ADDRESS"), PLAIN);
}

/// The console asks the terminal for its size, and here one answers.
fn a_narrow_terminal_gets_narrow_tables(width: Width) {
    let mut machine = Hardware::new(width).boot(Direct::shipped());
    machine.expect("\x1b[6n");
    machine.expect(PROMPT);
    machine.send(b"\x1b[30;40Rps\r");
    machine.expect("ps\r\n");
    let table = machine.expect("bellwire> ");
    assert!(table.contains("\x1b[1mNAME"), "a terminal that answers knows colours: {table:?}");
    machine.send(b"colour off\r");
    machine.expect(PROMPT);
    for command in ["ps", "help", "pci", "help edu", "help echo"] {
        let shown = ask(&mut machine, command);
        for line in shown.lines() {
            assert!(line.chars().count() <= 40, "{command}: {line:?} in\n{shown}");
        }
    }
    // The editor keeps within the width, too.
    machine.send(format!("echo {}", "z".repeat(60)).as_bytes());
    machine.expect_on_screen("bellwire> <");
}

fn bytes_of_a_paste_are_no_colours_and_no_keys(width: Width) {
    let mut machine = at_the_prompt(width);
    let bytes = b"\x1b[31m\x1b[5~\x1b[24;40R\x03\x1b";
    machine.type_line(&format!("paste {}", bytes.len()));
    machine.expect("bytes\r\n");
    machine.send(bytes);
    assert_eq!(machine.receive(bytes.len()), bytes);
    machine.expect("bytes came and went\r\n");
    assert!(!ask(&mut machine, "ps").contains('\x1b'));
}
