//! Devices that are absent, that lie, or that firmware left in some state: each driver finds out, and all other
//! programs go on.

use xtask::Width;
use xtask::build::kernel;

use super::shell::{PROMPT, ask, boot_to_the_prompt, counted, row};
use super::{Case, cases};
use runner::gdb::Gdb;
use runner::machine::{Direct, Hardware, Image, Machine};

pub const CASES: &[Case] = cases![
    Short:
    a_device_that_nobody_drives_is_silent,
    a_function_behind_another_root_is_found,
    a_function_behind_another_root_is_found_on_q35,
    a_restart_of_the_bus_leaves_drivers_their_devices,
    without_a_serial_line_the_screen_and_the_keyboard_serve,
    a_serial_line_without_its_interrupt_is_polled,
    without_a_display_there_is_no_screen,
    a_device_without_an_address_is_left_out,
    a_device_that_is_refused_keeps_no_interrupt,
    memory_beyond_all_addresses_is_refused_in_words,
    the_clock_goes_from_one_century_to_the_next,
    the_clock_of_the_next_century_is_right,
    without_acpi_a_clock_of_the_last_century_is_right,
];

const BUS_MASTER: u32 = 1 << 2;
const INTERRUPT_DISABLE: u32 = 1 << 10;

/// Firmware, or a boot ROM, may leave a device on. These devices assert the line of the device at slot 4, since the
/// lines repeat at every fourth slot (QEMU, i440fx).
fn a_device_that_nobody_drives_is_silent(width: Width) {
    const TIMES: u32 = 1000;
    let devices =
        ["-M", "pc", "-device", "edu,addr=4", "-device", "e1000,addr=8,romfile=", "-device", "pci-serial,addr=c"];
    let mut machine = boot_after(Hardware::new(width).with(&devices), width, Direct::shipped(), |machine, gdb| {
        // The e1000's interrupt mask and cause (PCI/PCI-X Family of Gigabit Ethernet Controllers, 13.4.17 to 13.4.20).
        const INTERRUPT_CAUSE_SET: u64 = 0xC8;
        const INTERRUPT_MASK_SET: u64 = 0xD0;
        let registers = u64::from(configuration(machine, 8, 0x10) & !0xF);
        set_command(machine, 8, 0x0007);
        for register in [INTERRUPT_MASK_SET, INTERRUPT_CAUSE_SET] {
            gdb.write_physical(registers + register, &u32::MAX.to_le_bytes()).expect("a register of the e1000");
        }
        // A UART whose transmitter is empty, and which interrupts for that.
        let ports = configuration(machine, 0xC, 0x10) & !3;
        set_command(machine, 0xC, 0x0001);
        machine.monitor(&format!("o/b {:#x} 2", ports + 1));
        for slot in [8, 0xC] {
            const INTERRUPTS: u32 = 1 << 19;
            assert_ne!(configuration(machine, slot, 4) & INTERRUPTS, 0, "slot {slot} was meant to interrupt");
        }
    });
    machine.expect(PROMPT);
    let line: u32 = row(&ask(&mut machine, "pci"), "00:04.0")[4].trim_end_matches(',').parse().expect("a line");
    let others = ["00:08.0", "00:0c.0"].map(|address| row(&ask(&mut machine, "pci"), address)[4].clone());
    assert_eq!(others, [line.to_string(), line.to_string()], "they were meant to share a line");
    let before = counted(&mut machine, line);
    ask(&mut machine, &format!("edu {TIMES}"));
    assert_eq!(counted(&mut machine, line) - before, TIMES, "each once, and none but the device's own");
    for slot in [8, 0xC] {
        let command = configuration(&mut machine, slot, 4);
        assert_eq!(command & (BUS_MASTER | INTERRUPT_DISABLE), INTERRUPT_DISABLE, "slot {slot}: {command:#x}");
    }
}

/// A second host bridge, to which no bridge leads: below it a bridge, and below that the device.
fn a_function_behind_another_root_is_found(width: Width) {
    let devices = ["-M", "pc", "-device", "pxb,id=p,bus_nr=64", "-device", "edu,bus=p,addr=1"];
    is_found(width, &devices, "41:01.0");
}

fn a_function_behind_another_root_is_found_on_q35(width: Width) {
    let root = ["-M", "q35", "-device", "pxb-pcie,id=p,bus_nr=64", "-device", "pcie-root-port,id=r,bus=p,addr=0"];
    is_found(width, &[&root[..], &["-device", "edu,bus=r"]].concat(), "41:00.0");
}

fn is_found(width: Width, devices: &[&str], address: &str) {
    let mut machine = boot_to_the_prompt(Hardware::new(width).with(devices), Direct::messages());
    let functions = ask(&mut machine, "pci");
    assert_eq!(row(&functions, address)[1], "1234:11e8");
    let addresses: Vec<_> = functions.lines().skip(1).filter_map(|line| line.split_whitespace().next()).collect();
    assert!(addresses.iter().all(|one| addresses.iter().filter(|other| *other == one).count() == 1), "{functions}");
    assert!(addresses[0] == "00:00.0" && addresses.last() == Some(&address), "bus 0 first\n{functions}");
    assert!(ask(&mut machine, "edu 100").contains("100"), "it works");
}

/// Functions with a driver go on as they are, by line or by message. Functions without one are off.
fn a_restart_of_the_bus_leaves_drivers_their_devices(width: Width) {
    const DEVICES: [&str; 6] = ["-M", "pc", "-device", "edu,addr=4", "-device", "pci-serial,addr=c"];
    for image in [Direct::shipped(), Direct::messages()] {
        let mut machine = boot_to_the_prompt(Hardware::new(width).with(&DEVICES), image);
        // The driver answers once its device is at rest, and lets it master the bus before that.
        ask(&mut machine, "edu");
        let before = configuration(&mut machine, 4, 4);
        set_command(&mut machine, 0xC, 0x0007);
        ask(&mut machine, "kill pci");
        machine.wait_until("the bus to come back", |machine| ask(machine, "ps").contains("pci ") && is_on(machine));
        assert_eq!(configuration(&mut machine, 4, 4), before);
        assert_eq!(configuration(&mut machine, 0xC, 4) & 0x0407, 0x0403);
        ask(&mut machine, "edu 100");
    }
}

fn is_on(machine: &mut Machine) -> bool {
    row(&ask(machine, "ps"), "pci")[1..3] == ["running", "1"]
}

/// Every register of a chip that isn't there reads as ones, and so as data that is ready for ever.
fn without_a_serial_line_the_screen_and_the_keyboard_serve(width: Width) {
    for machine in ["pc", "q35"] {
        let mut machine = Hardware::new(width).with(&["-M", machine]).without_serial().boot(Direct::shipped());
        machine.expect_on_screen(PROMPT.trim_end());
        machine.keys("ps\n");
        machine.expect_on_screen("(idle)");
        let screen = machine.screen().join("\n");
        assert_eq!(row(&screen, "serial")[1..3], ["absent", "0"], "{screen}");
        assert!(!screen.contains("??"), "{screen}");
        machine.keys("log\n");
        machine.expect_on_screen("serial: no UART answers at 0x3f8");
    }
}

/// A UART that interrupts at another line than its own.
fn a_serial_line_without_its_interrupt_is_polled(width: Width) {
    const UART: [&str; 6] =
        ["-M", "pc", "-chardev", "null,id=other", "-device", "isa-serial,chardev=other,iobase=0x3f8,irq=5"];
    let mut machine = Hardware::new(width).with(&UART).without_serial().boot(Direct::shipped());
    machine.expect_on_screen(PROMPT.trim_end());
    machine.keys("ps\n");
    machine.expect_on_screen("(idle)");
    let screen = machine.screen().join("\n");
    assert_eq!(row(&screen, "serial")[1..3], ["running", "0"], "{screen}");
    machine.keys("log\n");
    machine.expect_on_screen("serial: the interrupt of COM1 doesn't come: it is polled");
}

/// RAM may keep what is written where an adapter has its text memory (QEMU), but nothing keeps the cursor's place.
fn without_a_display_there_is_no_screen(width: Width) {
    for machine in ["pc", "q35"] {
        let hardware = Hardware::new(width).with(&["-M", machine, "-vga", "none"]);
        let mut machine = boot_to_the_prompt(hardware, Direct::shipped());
        assert!(ask(&mut machine, "log").contains("console: there is no screen"));
        machine.keys("echo Hi!\n");
        machine.expect("\r\nHi!\r\n");
    }
}

/// Firmware gives addresses as long as it has some. A function without would answer at address 0; others are driven.
fn a_device_without_an_address_is_left_out(width: Width) {
    const DEVICES: [&str; 6] = ["-M", "pc", "-device", "edu,addr=4", "-device", "edu,addr=8"];
    // Without an address, and with an address in RAM.
    for address in [0, 0x0010_0000] {
        let mut machine = boot_after(Hardware::new(width).with(&DEVICES), width, Direct::shipped(), |machine, _| {
            set_command(machine, 8, 0);
            select(machine, 8, 0x10);
            machine.monitor(&format!("o/w 0xcfc {address:#x}"));
        });
        machine.expect(PROMPT);
        let log = ask(&mut machine, "log");
        assert!(log.contains("00:08.0"), "{log}");
        assert!(ask(&mut machine, "edu 10").starts_with("1 device"), "the other one");
        const MEMORY: u32 = 1 << 1;
        assert_eq!(configuration(&mut machine, 8, 4) & MEMORY, 0);
    }
}

/// The device's registers lie in RAM, which nobody gets. Its interrupt is claimed before that is seen, and is given
/// back: each further start finds it free.
fn a_device_that_is_refused_keeps_no_interrupt(width: Width) {
    const DEVICE: [&str; 4] = ["-M", "pc", "-device", "edu,addr=8"];
    for image in [Direct::shipped(), Direct::messages()] {
        let mut machine = boot_after(Hardware::new(width).with(&DEVICE), width, image, |machine, _| {
            set_command(machine, 8, 0);
            select(machine, 8, 0x10);
            machine.monitor("o/w 0xcfc 0x100000");
        });
        machine.expect(PROMPT);
        let sources = |machine: &mut Machine| ask(machine, "irq").lines().count();
        ask(&mut machine, "start edu");
        let before = sources(&mut machine);
        for _ in 0..3 {
            ask(&mut machine, "start edu");
        }
        assert_eq!(sources(&mut machine), before, "{}", ask(&mut machine, "irq"));
        let log = ask(&mut machine, "log");
        let refusals: Vec<_> = log.lines().filter(|line| line.contains("edu doesn't get")).collect();
        assert!(refusals.len() >= 4 && refusals.iter().all(|line| line.contains("the memory at 0x100000")), "{log}");
    }
}

/// ACPI names the register that holds the century.
fn the_clock_goes_from_one_century_to_the_next(width: Width) {
    for (before, after) in [("1999-12-31", "2000-01-01"), ("2099-12-31", "2100-01-01")] {
        let hardware = Hardware::new(width).with(&["-rtc", &base(before, "23:59:58")]);
        let mut machine = boot_to_the_prompt(hardware, Direct::shipped());
        let first = ask(&mut machine, "time");
        assert!(first.starts_with(before) || first.starts_with(after), "{first}");
        machine.wait_until(after, |machine| {
            let time = ask(machine, "time");
            assert!(time.starts_with(before) || time.starts_with(after), "{time}");
            time.starts_with(after)
        });
    }
}

fn the_clock_of_the_next_century_is_right(width: Width) {
    for machine in ["pc", "q35"] {
        for year in ["1931", "2100", "2199"] {
            shows_year(width, &["-M", machine], year);
        }
    }
}

/// Without a register of the century, two digits are one of the years from 1970 to 2069.
fn without_acpi_a_clock_of_the_last_century_is_right(width: Width) {
    for year in ["1970", "1999", "2069"] {
        shows_year(width, &["-M", "pc,acpi=off"], year);
    }
}

/// (QEMU keeps 32 bits of the distance to the host's clock, which are 68 years: the machine's own time has none.)
fn base(date: &str, time: &str) -> String {
    format!("base={date}T{time},clock=vm")
}

#[track_caller]
fn shows_year(width: Width, machine: &[&str], year: &str) {
    let base = base(&format!("{year}-03-04"), "05:06:07");
    let hardware = Hardware::new(width).with(machine).with(&["-rtc", &base]);
    let time = ask(&mut boot_to_the_prompt(hardware, Direct::shipped()), "time");
    assert!(time.starts_with(&format!("{year}-03-04 05:")), "{year}: {time}");
}

/// Boots, and does something to the hardware when the firmware is done and the kernel hasn't begun.
#[track_caller]
fn boot_after(
    hardware: Hardware,
    width: Width,
    image: impl Into<Image>,
    prepare: impl FnOnce(&mut Machine, &mut Gdb),
) -> Machine {
    let (mut machine, mut gdb) = hardware.debug(image);
    let entry = entry(width);
    gdb.insert(&[entry]).expect("a breakpoint");
    gdb.resume().expect("a debugger").expect("the kernel's entry");
    gdb.remove(&[entry]).expect("no breakpoint");
    prepare(&mut machine, &mut gdb);
    gdb.release().expect("a machine that goes on");
    machine
}

/// Where the kernel begins, by its file's header.
fn entry(width: Width) -> u64 {
    let file = std::fs::read(kernel(width)).expect("the kernel");
    let bytes: [u8; 4] = file[0x18..0x1C].try_into().expect("four bytes");
    u32::from_le_bytes(bytes).into()
}

/// A register of function 0 of a device on bus 0, as the chipset's ports give it to QEMU's monitor.
#[track_caller]
fn configuration(machine: &mut Machine, slot: u32, register: u32) -> u32 {
    select(machine, slot, register);
    let answer = machine.monitor("i/w 0xcfc");
    let value = answer.trim().rsplit_once("0x").and_then(|(_, digits)| u32::from_str_radix(digits, 16).ok());
    value.unwrap_or_else(|| panic!("no value in {answer:?}"))
}

/// Writes a device's command register.
#[track_caller]
fn set_command(machine: &mut Machine, slot: u32, command: u32) {
    select(machine, slot, 4);
    machine.monitor(&format!("o/h 0xcfc {command:#x}"));
}

#[track_caller]
fn select(machine: &mut Machine, slot: u32, register: u32) {
    machine.monitor(&format!("o/w 0xcf8 {:#x}", 0x8000_0000 | slot << 11 | register));
}

/// The clumsy driver claims 4 GiB and one MiB of device memory. A processor of 32 bits has fewer addresses.
fn memory_beyond_all_addresses_is_refused_in_words(width: Width) {
    let mut machine = boot_to_the_prompt(Hardware::new(width), Direct::clumsy());
    let log = ask(&mut machine, "log");
    let refusal = "edu doesn't get device memory at 0x100000000: 4296015872 bytes are more than";
    assert_eq!(log.contains(refusal), width == Width::I686, "{log}");
    assert_eq!(log.contains("doesn't get"), width == Width::I686, "{log}");
    assert_eq!(row(&ask(&mut machine, "ps"), "edu")[1], "running");
}
