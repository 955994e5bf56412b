//! PCI: the functions that are found, and QEMU's teaching device (`edu`) by its line and by messages. The device
//! interrupts when it is told to, so the count of its interrupts is known, and each must arrive once.

use xtask::Width;

use super::shell::{ask, boot_to_the_prompt, counted, raised, row};
use super::{Case, cases};
use runner::machine::{Direct, Hardware, Image, Machine};

pub const CASES: &[Case] = cases![
    Short:
    functions_are_listed_with_their_interrupts,
    without_its_device_a_driver_is_absent,
    a_line_on_i440fx_loses_and_doubles_nothing,
    a_line_on_q35_loses_and_doubles_nothing,
    messages_on_i440fx_lose_and_double_nothing,
    messages_on_q35_lose_and_double_nothing,
    a_line_through_the_8259_loses_and_doubles_nothing,
    messages_go_past_the_8259,
    a_driver_that_dies_with_its_line_asserted_comes_back,
    a_driver_whose_interrupt_does_not_come_gives_up,
    devices_on_one_line_are_served_together,
    devices_with_messages_are_told_apart,
    a_driver_by_its_line_gets_no_bus_master,
    the_bus_comes_back_after_its_end,
    a_pending_transfer_reaches_nobody_else_and_nothing_is_lost,
    without_the_bus_a_driver_that_dies_loses_nothing,
    a_transfer_of_a_dead_driver_reaches_nobody,
];
pub const LONG: &[Case] =
    cases![Long: a_thousand_restarts_lose_nothing, a_thousand_restarts_without_the_bus_lose_nothing];

/// How often a driver is ended with a transfer under way.
const RESTARTS: u32 = 100;
/// How many rounds one call of the program does that has the driver die: as many as a case waits for at once.
const ROUNDS_A_CALL: u32 = 50;
/// How often a device is told to interrupt.
const TIMES: u32 = 3000;
/// A place on the bus that firmware for QEMU's machines wires to a line of its own.
const DEVICE: [&str; 2] = ["-device", "edu,addr=4"];
/// Bits of a function's command register.
const MEMORY: u32 = 1 << 1;
const BUS_MASTER: u32 = 1 << 2;
const INTERRUPT_DISABLE: u32 = 1 << 10;
/// The number of the first message interrupt, as the kernel counts.
const FIRST_MESSAGE: u32 = 97;

fn functions_are_listed_with_their_interrupts(width: Width) {
    let mut machine = with(width, &[&DEVICE, &["-device", "pci-bridge,chassis_nr=1,id=below"]], Direct::shipped());
    let functions = ask(&mut machine, "pci");
    assert_eq!(row(&functions, "00:00.0")[1..3], ["8086:1237", "060000"], "the host bridge");
    let device = row(&functions, "00:04.0");
    assert_eq!(device[1], "1234:11e8");
    assert_eq!(device[3..], ["line", &format!("{},", line(&mut machine)), "msi"]);
    assert!(functions.contains("1b36:0001"), "the bridge");
}

fn without_its_device_a_driver_is_absent(width: Width) {
    let mut machine = with(width, &[], Direct::shipped());
    // The bus is looked through while the shell is started.
    machine.wait_until("edu to be absent", |machine| row(&ask(machine, "ps"), "edu")[1..3] == ["absent", "0"]);
    assert!(ask(&mut machine, "edu 1").contains("no edu device"));
    assert!(!ask(&mut machine, "log").contains("edu"));
}

fn a_line_on_i440fx_loses_and_doubles_nothing(width: Width) {
    by_line(&mut with(width, &[&["-M", "pc"], &DEVICE], Direct::shipped()));
}

fn a_line_on_q35_loses_and_doubles_nothing(width: Width) {
    by_line(&mut with(width, &[&["-M", "q35"], &DEVICE], Direct::shipped()));
}

fn messages_on_i440fx_lose_and_double_nothing(width: Width) {
    by_messages(&mut with(width, &[&["-M", "pc"], &DEVICE], Direct::messages()));
}

fn messages_on_q35_lose_and_double_nothing(width: Width) {
    by_messages(&mut with(width, &[&["-M", "q35"], &DEVICE], Direct::messages()));
}

/// (Without any local APIC, QEMU refuses devices that can send messages.)
fn a_line_through_the_8259_loses_and_doubles_nothing(width: Width) {
    let mut machine = with(width, &[&["-M", "pc,acpi=off"], &DEVICE], Direct::shipped());
    assert!(ask(&mut machine, "log").contains("8259 by local APIC"));
    by_line(&mut machine);
}

/// The local APIC takes them, though lines come by the 8259As.
fn messages_go_past_the_8259(width: Width) {
    let mut machine = with(width, &[&["-M", "pc,acpi=off"], &DEVICE], Direct::messages());
    assert!(ask(&mut machine, "log").contains("8259 by local APIC"));
    by_messages(&mut machine);
}

/// No driver serves the device, so its line stays asserted through the driver's death. All other programs go on, and
/// the successor finds the device at rest.
fn a_driver_that_dies_with_its_line_asserted_comes_back(width: Width) {
    for image in [Direct::shipped(), Direct::messages()] {
        let mut machine = with(width, &[&DEVICE], image);
        let line = line(&mut machine);
        raise(&mut machine, TIMES);
        let before = counted(&mut machine, line);
        ask(&mut machine, "edu hold");
        assert_eq!(counted(&mut machine, line), before + 1, "held, and masked");
        // Other devices interrupt all the same.
        ask(&mut machine, "rtc 64");
        machine.wait_until("the clock's line to interrupt", |machine| counted(machine, 8) > 0);
        ask(&mut machine, "rtc 0");
        assert_eq!(counted(&mut machine, line), before + 1);
        restart(&mut machine, "edu");
        assert_eq!(
            counted(&mut machine, line),
            before + 1,
            "the successor was interrupted by what its predecessor left"
        );
        each_arrives_once(&mut machine, line);
    }
}

/// The device is kept from interrupting. The driver waits for some seconds of the machine's time, in which nothing else
/// happens, and ends. For its successor the device is turned on anew, and the shell, which still waits, is served.
fn a_driver_whose_interrupt_does_not_come_gives_up(width: Width) {
    for (image, on, off) in [(Direct::shipped(), 0, INTERRUPT_DISABLE), (Direct::messages(), BUS_MASTER, 0)] {
        let hardware = Hardware::timed(width).with(&["-M", "pc"]).with(&DEVICE);
        let mut machine = boot_to_the_prompt(hardware, image);
        assert_eq!(raise(&mut machine, 3).served, 3);
        for (request, lives) in [("edu 5", "1"), ("edu 5!", "2")] {
            let command = command_register(&mut machine) & !on | off;
            machine.monitor(&format!("o/h 0xcfc {command:#x}"));
            let answer = ask(&mut machine, request);
            assert!(answer.starts_with("1 device, served 5 times") || answer == "5! = 120\r\n", "{answer}");
            assert_eq!(row(&ask(&mut machine, "ps"), "edu")[1..3], ["running", lives]);
            let log = ask(&mut machine, "log");
            assert_eq!(log.matches("its interrupt doesn't come").count().to_string(), lives, "{log}");
        }
    }
}

/// The first acknowledgement leaves the line asserted by the other device: one interrupt, and both are served.
fn devices_on_one_line_are_served_together(width: Width) {
    let devices: &[&[&str]] = &[&["-M", "pc"], &DEVICE, &["-device", "edu,addr=8"]];
    let mut machine = with(width, devices, Direct::shipped());
    let line = line(&mut machine);
    let (before, taken) = (raise(&mut machine, 0), counted(&mut machine, line));
    let after = raise(&mut machine, TIMES);
    assert_eq!((before.devices, after.served - before.served), (2, 2 * TIMES));
    assert_eq!((after.messages - before.messages, after.interrupts - before.interrupts), (TIMES, TIMES));
    assert_eq!(counted(&mut machine, line) - taken, TIMES);
    // Both assert it when their driver dies.
    ask(&mut machine, "edu hold");
    restart(&mut machine, "edu");
    let after = raise(&mut machine, TIMES);
    assert_eq!((after.served, after.interrupts), (2 * TIMES, TIMES));
}

fn devices_with_messages_are_told_apart(width: Width) {
    let devices: &[&[&str]] = &[&["-M", "pc"], &DEVICE, &["-device", "edu,addr=8"]];
    let mut machine = with(width, devices, Direct::messages());
    let after = raise(&mut machine, TIMES);
    assert_eq!((after.devices, after.served, after.messages, after.interrupts), (2, 2 * TIMES, 2 * TIMES, 2 * TIMES));
    for line in [FIRST_MESSAGE, FIRST_MESSAGE + 1] {
        assert_eq!(counted(&mut machine, line), TIMES);
    }
}

/// Its registers could tell the device to write anywhere, so nothing that it writes arrives.
fn a_driver_by_its_line_gets_no_bus_master(width: Width) {
    for (image, expected) in
        [(Direct::shipped(), MEMORY), (Direct::messages(), MEMORY | BUS_MASTER | INTERRUPT_DISABLE)]
    {
        let mut machine = with(width, &[&DEVICE], image);
        // The driver answers once its device is at rest, and lets it master the bus before that.
        ask(&mut machine, "edu");
        let command = command_register(&mut machine) & (MEMORY | BUS_MASTER | INTERRUPT_DISABLE);
        assert_eq!(command, expected);
    }
}

fn the_bus_comes_back_after_its_end(width: Width) {
    let mut machine = with(width, &[&DEVICE], Direct::shipped());
    let before = ask(&mut machine, "pci");
    let line = line(&mut machine);
    each_arrives_once(&mut machine, line);
    restart(&mut machine, "pci");
    assert_eq!(ask(&mut machine, "pci"), before);
    // Functions that were on stay on, and a driver that is started again finds the new bus.
    each_arrives_once(&mut machine, line);
    restart(&mut machine, "edu");
    each_arrives_once(&mut machine, line);
}

/// A driver dies while its device is about to write to memory. The frames have another owner when the device does
/// write, so nothing that it writes may arrive.
fn a_pending_transfer_reaches_nobody_else_and_nothing_is_lost(width: Width) {
    restart_over_and_over(width, 0, RESTARTS);
}

/// Nobody can turn the device off at once, so what the driver had stays as it is until somebody can.
fn without_the_bus_a_driver_that_dies_loses_nothing(width: Width) {
    restart_over_and_over(width, 1, RESTARTS);
}

/// The driver stays dead, and another program has its frames when the device would write.
fn a_transfer_of_a_dead_driver_reaches_nobody(width: Width) {
    restart_over_and_over(width, 2, ROUNDS_A_CALL);
}

fn a_thousand_restarts_lose_nothing(width: Width) {
    restart_over_and_over(width, 0, 1000);
}

fn a_thousand_restarts_without_the_bus_lose_nothing(width: Width) {
    restart_over_and_over(width, 1, 1000);
}

/// The machine's time is instructions: the device writes 100 ms after it was told to, whatever the host does.
fn restart_over_and_over(width: Width, way: u32, rounds: u32) {
    let watchers_own = ["-device", "piix3-usb-uhci,addr=6"];
    let hardware = Hardware::timed(width).with(&["-M", "pc"]).with(&DEVICE).with(&watchers_own);
    let mut machine = boot_to_the_prompt(hardware, Direct::clumsy());
    for _ in 0..rounds / ROUNDS_A_CALL {
        let answer = ask(&mut machine, &format!("call restarts {way} {ROUNDS_A_CALL}"));
        if !answer.starts_with("label 0, ") {
            panic!("something is lost: {answer}{}", ask(&mut machine, "log"));
        }
        let words = answer.split([' ', '\r']).filter_map(|word| word.parse().ok());
        let numbers: Vec<u32> = words.collect();
        let [starts, same_frames, changed, worked] = numbers[..] else { panic!("{answer}") };
        assert_eq!((starts, worked), (ROUNDS_A_CALL, ROUNDS_A_CALL), "{answer}");
        assert!(same_frames >= ROUNDS_A_CALL / 2, "the frames were meant to be somebody else's: {answer}");
        assert_eq!(changed, 0, "the device wrote to memory of somebody else: {answer}");
    }
}

fn by_line(machine: &mut Machine) {
    let line = line(machine);
    assert_eq!(row(&ask(machine, "irq"), &line.to_string())[1..3], ["level", "edu"]);
    let before = raised(machine, line);
    each_arrives_once(machine, line);
    assert_eq!(raised(machine, line) - before, TIMES, "as QEMU counts");
    calculates(machine, line);
}

fn by_messages(machine: &mut Machine) {
    assert_eq!(row(&ask(machine, "irq"), &FIRST_MESSAGE.to_string())[1..3], ["msi", "edu"]);
    each_arrives_once(machine, FIRST_MESSAGE);
    calculates(machine, FIRST_MESSAGE);
}

/// A device interrupts many times; the device, the kernel and the driver count alike, and each time costs the driver
/// one call.
fn each_arrives_once(machine: &mut Machine, line: u32) {
    let (before, taken, done) = (raise(machine, 0), counted(machine, line), calls(machine));
    let after = raise(machine, TIMES);
    assert_eq!(after.served - before.served, TIMES);
    assert_eq!(after.messages - before.messages, TIMES);
    assert_eq!(after.interrupts - before.interrupts, TIMES);
    assert_eq!(counted(machine, line) - taken, TIMES);
    // The client's call is taken, its right to the answer set aside, and answered at the end. The timer that watches
    // the devices is set and stopped.
    assert_eq!(calls(machine) - done, TIMES + 5);
    let row = row(&ask(machine, "irq"), &line.to_string());
    assert_eq!(row[4..7], ["0", "0", "0"], "coalesced, spurious, dropped");
}

/// The device's other reason to interrupt, which comes when it wants.
fn calculates(machine: &mut Machine, line: u32) {
    let before = counted(machine, line);
    assert_eq!(ask(machine, "edu 10!"), "10! = 3628800\r\n");
    assert_eq!(counted(machine, line) - before, 1);
}

#[track_caller]
fn with(width: Width, hardware: &[&[&str]], image: impl Into<Image>) -> Machine {
    let mut machine = boot_to_the_prompt(Hardware::new(width).with(&hardware.concat()), image);
    // The driver may be started after the shell: it answers once it is ready, or can't be.
    ask(&mut machine, "edu");
    machine
}

/// The driver's line, or its first message.
#[track_caller]
fn line(machine: &mut Machine) -> u32 {
    let table = ask(machine, "irq");
    let row = table.lines().find(|row| row.contains(" edu "));
    let number = row.and_then(|row| row.split_whitespace().next()?.parse().ok());
    number.unwrap_or_else(|| panic!("the driver has no line in\n{table}"))
}

/// The driver's counts.
struct Counts {
    devices: u32,
    served: u32,
    messages: u32,
    interrupts: u32,
}

/// Has each device interrupt `times` times.
#[track_caller]
fn raise(machine: &mut Machine, times: u32) -> Counts {
    let answer = ask(machine, &format!("edu {times}"));
    let numbers: Vec<u32> = answer.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let [devices, served, messages, interrupts] = numbers[..] else { panic!("no counts in {answer:?}") };
    Counts { devices, served, messages, interrupts }
}

/// How many calls the driver has done.
#[track_caller]
fn calls(machine: &mut Machine) -> u32 {
    let row = row(&ask(machine, "ps"), "edu");
    row[6].parse().unwrap_or_else(|_| panic!("{row:?} has no number of calls"))
}

/// Ends a program and waits until it runs again.
#[track_caller]
fn restart(machine: &mut Machine, program: &str) {
    let restarts = |machine: &mut Machine| row(&ask(machine, "ps"), program)[1..3].to_vec();
    let before: u32 = restarts(machine)[1].parse().expect("a number of restarts");
    ask(machine, &format!("kill {program}"));
    let wanted = ["running".to_owned(), (before + 1).to_string()];
    machine.wait_until(&format!("{program} to run again"), |machine| restarts(machine) == wanted);
}

/// The device's command register, as the chipset's ports give it to QEMU's monitor.
#[track_caller]
fn command_register(machine: &mut Machine) -> u32 {
    machine.monitor("o/w 0xcf8 0x80002004");
    let answer = machine.monitor("i/w 0xcfc");
    let value = answer.trim().rsplit_once("0x").and_then(|(_, digits)| u32::from_str_radix(digits, 16).ok());
    value.unwrap_or_else(|| panic!("no value in {answer:?}"))
}
