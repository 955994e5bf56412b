//! Helpers that ask the shell, and QEMU beside it. This file has no cases.

use runner::machine::{Direct, Hardware, Image, Machine};
use xtask::Width;

pub const PROMPT: &str = "bellwire> ";
/// What ends a command that runs.
pub const CONTROL_C: &[u8] = b"\x03";

/// The usual machine, booted as quickly as can be.
#[track_caller]
pub fn at_the_prompt(width: Width) -> Machine {
    boot_to_the_prompt(Hardware::new(width), Direct::shipped())
}

/// Any machine, from any image.
#[track_caller]
pub fn boot_to_the_prompt(hardware: Hardware, image: impl Into<Image>) -> Machine {
    let mut machine = hardware.boot(image);
    machine.expect(PROMPT);
    machine
}

/// Types a command by the serial line, and returns what it prints.
#[track_caller]
pub fn ask(machine: &mut Machine, command: &str) -> String {
    machine.type_line(command);
    machine.expect(&format!("{command}\r\n"));
    machine.expect(PROMPT).trim_end_matches(PROMPT).to_owned()
}

/// The row of a table that begins with a word, as words.
#[track_caller]
pub fn row(table: &str, name: &str) -> Vec<String> {
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    match table.lines().map(words).find(|row| row.first().is_some_and(|first| first == name)) {
        Some(row) => row,
        None => panic!("no row {name:?} in\n{table}"),
    }
}

/// How often a line was raised, as QEMU's interrupt controllers say.
#[track_caller]
pub fn raised(machine: &mut Machine, line: u32) -> u32 {
    let text = machine.monitor("info irq");
    let name = format!("{line}:");
    let counts = text.lines().map(|row| row.split_whitespace().collect::<Vec<_>>());
    let of_line = counts.filter(|row| row.first() == Some(&name.as_str()));
    of_line.filter_map(|row| row.get(1)?.parse().ok()).max().unwrap_or(0)
}

/// How often a line's interrupt was taken, as the shell says.
#[track_caller]
pub fn counted(machine: &mut Machine, line: u32) -> u32 {
    let row = row(&ask(machine, "irq"), &line.to_string());
    row[3].parse().unwrap_or_else(|_| panic!("{row:?} has no count"))
}

/// How many non-maskable interrupts were taken, as the shell says.
#[track_caller]
pub fn counted_nmis(machine: &mut Machine) -> u32 {
    let table = ask(machine, "irq");
    let count =
        table.trim_end().trim_end_matches('s').strip_suffix(" NMI").and_then(|text| text.split_whitespace().last());
    count.and_then(|word| word.parse().ok()).unwrap_or_else(|| panic!("no count of NMIs at the end of\n{table}"))
}
