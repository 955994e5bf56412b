//! Devices that interrupt without end: the shell answers all the same, and says whose interrupts these are.

use super::shell::{ask, boot_to_the_prompt, counted, row};
use super::{Case, cases};
use runner::machine::{Direct, Hardware, Machine};
use xtask::Width;

pub const CASES: &[Case] = cases![
    Short:
    a_level_that_is_never_quieted_is_switched_off,
    a_level_through_the_8259_is_switched_off,
    messages_without_end_are_switched_off,
    the_teaching_devices_line_is_switched_off,
    a_clock_that_leaves_no_time_is_switched_off,
    a_clock_through_the_8259_is_switched_off,
];

/// The second serial port, which the clumsy driver drives.
const SERIAL: [&str; 4] = ["-chardev", "null,id=second", "-device", "isa-serial,chardev=second,iobase=0x2f8,irq=3"];

const EDU: [&str; 2] = ["-device", "edu,addr=4"];

const PIC: [&str; 2] = ["-M", "pc,acpi=off"];

/// An instruction takes a nanosecond, so that a busy host doesn't matter.
fn quick(width: Width) -> Hardware {
    Hardware::counting(width).with(&["-rtc", "clock=vm"])
}

/// An instruction takes 4 nanoseconds, so that an interrupt of the 8254 comes every 419 instructions. Taking it and
/// noting that it came takes about as many: without the kernel's bound no program would ever run.
fn slow(width: Width) -> Hardware {
    Hardware::new(width).with(&["-icount", "shift=2,sleep=off", "-rtc", "base=2000-01-01,clock=vm"])
}

/// Begins a storm by a command, and looks at what the shell and `init` say while it goes on.
fn expect_storm(machine: &mut Machine, command: &str, name: &str, line: u32) {
    ask(machine, command);
    assert_eq!(ask(machine, "echo on"), "on\r\n");
    for milliseconds in [20, 40, 80] {
        let text = format!("init: edu's {name} storms: off for {milliseconds} ms");
        machine.wait_until(&text, |machine| ask(machine, "log").contains(&text));
    }
    let off = format!("{name} came too often, ");
    machine.wait_until("the source to be off", |machine| {
        let table = ask(machine, "irq");
        assert!(table.contains(&off), "{table}");
        assert!(table.lines().all(|line| line.trim_end().chars().count() <= 80), "{table}");
        row(&table, &line.to_string())[1].ends_with('!')
    });
    machine.wait_until("the shell to say so of the line, too", |machine| {
        let report = ask(machine, &format!("irq {line}")).split_whitespace().collect::<Vec<_>>().join(" ");
        report.contains(&format!("{name} is switched off for a while"))
    });
    // All others work, the clock's interrupts among them.
    ask(machine, "rtc 64");
    machine.wait_until("the clock to tick", |machine| counted(machine, 8) > 10);
    ask(machine, "rtc 0");
}

/// Ends the storm's driver. The next one isn't disturbed.
fn end(machine: &mut Machine) {
    ask(machine, "kill edu");
    machine.wait_until("edu to run again", |machine| row(&ask(machine, "ps"), "edu")[1..3] == ["running", "1"]);
    assert_eq!(ask(machine, "echo on"), "on\r\n");
}

fn a_level_that_is_never_quieted_is_switched_off(width: Width) {
    let mut machine = boot_to_the_prompt(quick(width).with(&SERIAL), Direct::clumsy());
    expect_storm(&mut machine, "edu 12", "line 3", 3);
    end(&mut machine);
}

fn a_level_through_the_8259_is_switched_off(width: Width) {
    let mut machine = boot_to_the_prompt(quick(width).with(&PIC).with(&SERIAL), Direct::clumsy());
    expect_storm(&mut machine, "edu 12", "line 3", 3);
    end(&mut machine);
}

fn messages_without_end_are_switched_off(width: Width) {
    const FIRST_MESSAGE: u32 = 97;
    let mut machine = boot_to_the_prompt(quick(width).with(&EDU), Direct::messages());
    expect_storm(&mut machine, "edu storm", "message interrupt 97", FIRST_MESSAGE);
    end(&mut machine);
    each_arrives(&mut machine);
}

fn the_teaching_devices_line_is_switched_off(width: Width) {
    let mut machine = boot_to_the_prompt(quick(width).with(&EDU), Direct::shipped());
    expect_storm(&mut machine, "edu storm", "line 11", 11);
    end(&mut machine);
    each_arrives(&mut machine);
}

/// The successor's interrupts arrive, once its source is on again.
fn each_arrives(machine: &mut Machine) {
    let answer = ask(machine, "edu 5");
    assert!(answer.starts_with("1 device, served 5 times"), "{answer}");
}

fn a_clock_that_leaves_no_time_is_switched_off(width: Width) {
    let mut machine = boot_to_the_prompt(slow(width), Direct::clumsy());
    start_clock(&mut machine);
    expect_storm(&mut machine, "edu 20", "line 0", 0);
    end(&mut machine);
}

fn a_clock_through_the_8259_is_switched_off(width: Width) {
    let mut machine = boot_to_the_prompt(slow(width).with(&PIC), Direct::clumsy());
    start_clock(&mut machine);
    expect_storm(&mut machine, "edu 20", "line 0", 0);
    end(&mut machine);
}

/// Has channel 0 of the 8254 interrupt as often as it can: in mode 2 it counts down from 2, at 1.19 MHz (8254 data
/// sheet, "Control Word Format").
fn start_clock(machine: &mut Machine) {
    for (port, byte) in [(0x43, 0x34), (0x40, 2), (0x40, 0)] {
        machine.monitor(&format!("o /b {port:#x} {byte:#x}"));
    }
}
