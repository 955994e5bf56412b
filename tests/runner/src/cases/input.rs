//! The keyboard's controller, keys and mouse: machines without them, and what a restart of their driver keeps.

use runner::machine::{Direct, Hardware, Machine};
use xtask::Width;

use super::shell::{ask, boot_to_the_prompt, row};
use super::{Case, cases};

pub const CASES: &[Case] = cases![
    Short:
    a_pc_without_an_8042_comes_to_the_prompt,
];

fn a_pc_without_an_8042_comes_to_the_prompt(width: Width) {
    for machine in ["q35,i8042=off", "pc,i8042=off"] {
        let mut machine = boot_to_the_prompt(Hardware::new(width).with(&["-M", machine]), Direct::shipped());
        assert_absent(&mut machine);
        // To be killed it would have to run.
        assert!(ask(&mut machine, "kill keyboard").contains("keyboard"));
        assert_absent(&mut machine);
    }
}

#[track_caller]
fn assert_absent(machine: &mut Machine) {
    let programs = ask(machine, "ps");
    assert_eq!(row(&programs, "keyboard")[1..3], ["absent", "0"], "{programs}");
    let lines = ask(machine, "log").lines().filter(|line| line.starts_with("keyboard: ")).count();
    assert_eq!(lines, 1, "one line says what is missing");
    // Its clients get an error at once.
    let mouse = ask(machine, "mouse");
    assert!(mouse.contains("Unsupported"), "{mouse}");
    assert_eq!(ask(machine, "echo here"), "here\r\n");
}
