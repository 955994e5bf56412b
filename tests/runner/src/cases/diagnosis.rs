//! `irq LINE`: a line in each state in which its interrupts don't come, and what the shell says of it.

use super::shell::{ask, boot_to_the_prompt};
use super::{Case, cases};
use runner::machine::{Direct, Hardware, Machine};
use xtask::Width;

pub const CASES: &[Case] = cases![
    Short:
    a_driver_is_diagnosed_in_every_state,
    a_driver_behind_the_8259_is_diagnosed,
    lines_without_a_driver_are_diagnosed,
    a_kept_message_is_diagnosed,
    a_device_that_shares_a_line_is_diagnosed,
    a_client_without_the_right_cannot_reset_the_machine,
];

/// A network card without a driver, on the line of the teaching device at slot 4.
const CARD: [&str; 2] = ["-device", "e1000,addr=8"];

/// The second serial port, which the clumsy driver drives.
const DEVICE: [&str; 4] = ["-chardev", "null,id=second", "-device", "isa-serial,chardev=second,iobase=0x2f8,irq=3"];

/// The driver's orders, and the diagnosis of its line for each.
const WAYS: &[(u32, &str)] = &[
    (1, "edu is ready, nothing masks line 3, and its device has never interrupted"),
    (2, "All is well: one came, the last message (N) is completed; it waits for messages."),
    (3, "edu has received message N and hasn't completed it, so line 3 is masked; it waits for messages."),
    (4, "edu has received message N and hasn't completed it; it could run, and others do."),
    (5, "A message of 1 interrupt is pending, and edu doesn't receive it: it could run, and others do."),
    (6, "A message of 1 interrupt is pending, and edu doesn't receive it: it waits for the answer of timer."),
    (7, "A message of 1 interrupt is pending, and edu doesn't receive it: it calls a service that nobody serves."),
    (8, "A message of 1 interrupt is pending, and edu doesn't receive it: it waits for messages on another endpoint."),
    (9, "edu can't receive: it has raised invalid opcode (vector 6) at 0x"),
    (
        10,
        "More than 4096 interrupts came unread, so line 3 is masked until edu receives and completes message N; \
         it could run",
    ),
    (11, "More than 4096 interrupts came unread, so line 3 is masked until edu completes message N; it could run"),
    // Whether it comes often enough to be switched off depends on the host.
    (12, "edu doesn't quiet its device."),
    (13, "edu has bound line 3, and it waits for messages on another endpoint."),
];

fn a_driver_is_diagnosed_in_every_state(width: Width) {
    let mut machine = boot_to_the_prompt(Hardware::new(width).with(&DEVICE), Direct::clumsy());
    let not_bound = "edu owns line 3 and hasn't bound it to an endpoint; until it does, it is masked.";
    expect_verdict(&mut machine, "3", not_bound);
    for (way, verdict) in WAYS {
        get_stuck(&mut machine, *way, verdict);
        expect_verdict(&mut machine, "3", verdict);
    }
    ask(&mut machine, "stop edu");
    expect_verdict(&mut machine, "3", "edu owns line 3 and is stopped (\"start edu\" starts it)");
}

/// There the request of a masked line is known.
fn a_driver_behind_the_8259_is_diagnosed(width: Width) {
    let hardware = Hardware::new(width).with(&["-M", "pc,acpi=off"]).with(&DEVICE);
    let mut machine = boot_to_the_prompt(hardware, Direct::clumsy());
    for (way, verdict) in WAYS.iter().filter(|(way, _)| [2, 3, 5].contains(way)) {
        get_stuck(&mut machine, *way, verdict);
        let report = expect_verdict(&mut machine, "3", verdict);
        assert!(report.contains("input 3 of the first 8259A"), "{report}");
        if *way == 3 {
            assert!(report.contains("8259A IMR 1, IRR 1, ISR 0"), "{report}");
            assert!(report.contains("The device asserts the line."), "{report}");
        }
    }
}

fn lines_without_a_driver_are_diagnosed(width: Width) {
    let mut machine = boot_to_the_prompt(Hardware::new(width).with(&CARD), Direct::shipped());
    expect_verdict(&mut machine, "60", "This machine has no line 60: no controller has an input for it.");
    expect_verdict(
        &mut machine,
        "5",
        "Nobody owns line 5, so it is masked: no program's manifest has it in its lines.",
    );
    expect_verdict(&mut machine, "11", "no program drives 00:08.0 8086:100e, which is wired to it.");
    expect_verdict(&mut machine, "120", "No device has message interrupt 120: nobody has claimed it.");
    expect_verdict(&mut machine, "nmi", "The NMI is no line and is never masked. Nobody has claimed it; none came.");
    machine.nmi();
    expect_verdict(&mut machine, "nmi", "Nobody has claimed it; one came.");
    assert!(ask(&mut machine, "irq 256").contains("Usage: irq [-w | LINE]"));
    drop(machine);
    // Without a local APIC, the kernel's timer is the 8254.
    let hardware = Hardware::new(width).with(&["-M", "pc,acpi=off", "-cpu", "max,-apic"]);
    let mut machine = boot_to_the_prompt(hardware, Direct::shipped());
    expect_verdict(&mut machine, "0", "Line 0 is the kernel's own: its timer interrupts there.");
}

/// The teaching device's driver leaves its device as it is, and its message uncompleted.
fn a_kept_message_is_diagnosed(width: Width) {
    let device = ["-device", "edu,addr=4"];
    for image in [Direct::shipped(), Direct::messages()] {
        let mut machine = boot_to_the_prompt(Hardware::new(width).with(&device), image);
        // The driver answers once it has bound its line.
        ask(&mut machine, "edu");
        let table = ask(&mut machine, "irq");
        let row = table.lines().find(|row| row.contains(" edu ")).unwrap_or_else(|| panic!("no row in\n{table}"));
        let line = row.split_whitespace().next().unwrap_or_default().to_owned();
        ask(&mut machine, "edu 3");
        expect_verdict(&mut machine, &line, "All is well: 3 came");
        ask(&mut machine, "edu hold");
        expect_verdict(&mut machine, &line, "edu has received message N and hasn't completed it");
    }
}

/// A function without a driver holds the line of a function that has one.
fn a_device_that_shares_a_line_is_diagnosed(width: Width) {
    let mut machine =
        boot_to_the_prompt(Hardware::new(width).with(&["-device", "edu,addr=4"]).with(&CARD), Direct::shipped());
    // The driver answers once it has bound its line.
    ask(&mut machine, "edu");
    let report = expect_verdict(&mut machine, "11", "edu is ready, nothing masks line 11");
    assert!(report.contains("wired to 00:04.0 1234:11e8, 00:08.0 8086:100e"), "{report}");
}

/// Asks why interrupts of a line don't come.
#[track_caller]
fn expect_verdict(machine: &mut Machine, line: &str, verdict: &str) -> String {
    let report = ask(machine, &format!("irq {line}"));
    let words = without_numbers_of_messages(&report);
    assert!(words.contains(verdict), "{verdict:?} isn't the verdict of\n{report}");
    for row in report.lines() {
        assert!(row.trim_end().chars().count() <= 80, "too wide: {row}");
    }
    words
}

/// The report in one line, with N for the numbers of messages: they count on when a driver is started again.
fn without_numbers_of_messages(report: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for word in report.split_whitespace() {
        let is_number = words.last().is_some_and(|before| before == "message");
        let digits = word.trim_matches(|character: char| !character.is_ascii_digit());
        words.push(if is_number && !digits.is_empty() { word.replace(digits, "N") } else { word.to_owned() });
    }
    words.join(" ")
}

/// Starts the clumsy driver anew, tells it how to get stuck, and waits until it is.
#[track_caller]
fn get_stuck(machine: &mut Machine, way: u32, verdict: &str) {
    assert!(ask(machine, "stop edu").contains("edu is stopped"));
    // The name is free once the process is torn down.
    machine.wait_until("edu to run", |machine| ask(machine, "start edu").contains("runs"));
    ask(machine, &format!("edu {way}"));
    let is_stuck = |machine: &mut Machine| without_numbers_of_messages(&ask(machine, "irq 3")).contains(verdict);
    machine.wait_until(&format!("way {way}: {verdict}"), is_stuck);
}

/// The shell of the clumsy system lacks the right `reset`. It asks both services that can: the chipset's and the
/// keyboard controller's.
fn a_client_without_the_right_cannot_reset_the_machine(width: Width) {
    let hardware = Hardware::new(width).with(&DEVICE).with(&["-action", "reboot=shutdown"]);
    let mut machine = boot_to_the_prompt(hardware, Direct::clumsy());
    let answer = ask(&mut machine, "reboot");
    assert!(answer.contains("the shell hasn't the right to that"), "{answer:?}");
    assert_eq!(ask(&mut machine, "sleep 10"), "", "the machine goes on");
}
