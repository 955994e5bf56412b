//! The clocks by which the kernel measures time, on machines that have fewer than a PC.

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use runner::machine::{Direct, Hardware, Machine};
use xtask::Width;

use super::shell::{PROMPT, ask};
use super::{Case, cases};

pub const CASES: &[Case] = cases![
    Short:
    without_an_8254_another_clock_measures,
    with_the_real_time_clock_alone_it_measures,
    without_any_clock_is_one_line,
    without_a_timer_that_interrupts_is_one_line,
    a_busy_host_changes_no_clock,
];

/// The rate of the time stamp counter where QEMU counts instructions, in megahertz.
const COUNTED: u64 = 1000;

/// Awaits the line about the clock: the rate in megahertz, and the ruler.
#[track_caller]
fn clock(machine: &mut Machine) -> (u64, String) {
    machine.expect("clock: ");
    let line = machine.expect(", timer: ");
    let (rate, ruler) = line.split_once(" MHz by ").unwrap_or_else(|| panic!("{line:?} names no ruler"));
    (rate.parse().unwrap_or_else(|_| panic!("{line:?} has no rate")), ruler.trim_end_matches(", timer: ").to_owned())
}

/// Boots a machine whose time is instructions, and compares the rate with QEMU's. Then a sleep must end.
#[track_caller]
fn measures(width: Width, arguments: &[&str], by: &str) {
    let mut machine = Hardware::timed(width).with(arguments).boot(Direct::shipped());
    let (rate, ruler) = clock(&mut machine);
    assert_eq!(ruler, by);
    assert!((COUNTED - 5..=COUNTED + 5).contains(&rate), "{rate} MHz by {ruler}");
    machine.expect(PROMPT);
    assert_eq!(ask(&mut machine, "sleep 100"), "");
}

fn without_an_8254_another_clock_measures(width: Width) {
    measures(width, &["-M", "q35,pit=off"], "the HPET");
    measures(width, &["-M", "q35,pit=off,hpet=off"], "ACPI's timer");
    measures(width, &["-M", "pc,hpet=off,acpi=off"], "the 8254");
}

/// This machine has no keyboard and no PCI either.
fn with_the_real_time_clock_alone_it_measures(width: Width) {
    let arguments = ["-M", "microvm,pit=off,rtc=on", "-vga", "none"];
    let mut machine = Hardware::timed(width).with(&arguments).boot(Direct::shipped());
    let (rate, ruler) = clock(&mut machine);
    assert_eq!(ruler, "the real-time clock");
    assert!((COUNTED - 5..=COUNTED + 5).contains(&rate), "{rate} MHz by {ruler}");
    machine.expect("started in ");
}

fn refuses(width: Width, arguments: &[&str], reason: &str) {
    let mut machine = Hardware::timed(width).with(arguments).boot(Direct::shipped());
    machine.expect("Bellwire can't start: ");
    let line = machine.expect("\r\n");
    assert!(line.contains(reason), "the reason was {line:?}, not {reason:?}");
    machine.expect_halted();
}

fn without_any_clock_is_one_line(width: Width) {
    let machine = ["-M", "microvm,pit=off,rtc=off,acpi=off", "-vga", "none"];
    refuses(width, &machine, "no clock to measure time by");
}

fn without_a_timer_that_interrupts_is_one_line(width: Width) {
    refuses(width, &["-M", "pc,pit=off", "-cpu", "max,-apic"], "no timer can interrupt");
}

/// The host stops the emulator for some milliseconds again and again, which its time stamp counter doesn't.
fn a_busy_host_changes_no_clock(width: Width) {
    const BOOTS: usize = 8;
    const MOST_STOPS: usize = 10_000;
    // Without the HPET as by most of those who measure: the ruler makes no difference.
    let hardware = || Hardware::new(width).with(&["-M", "pc,hpet=off"]);
    let (right, _) = clock(&mut hardware().boot(Direct::shipped()));
    for boot in 0..BOOTS {
        let mut machine = hardware().boot(Direct::shipped());
        let emulator = machine.process().to_string();
        let done = AtomicBool::new(false);
        let (rate, ruler) = thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..MOST_STOPS {
                    if done.load(Ordering::Relaxed) {
                        break;
                    }
                    signal("-STOP", &emulator);
                    thread::sleep(Duration::from_millis(3));
                    signal("-CONT", &emulator);
                    thread::sleep(Duration::from_millis(1 + boot as u64 % 3));
                }
            });
            let measured = clock(&mut machine);
            done.store(true, Ordering::Relaxed);
            measured
        });
        let off = rate.abs_diff(right) * 1000 / right;
        assert!(off <= 2, "boot {boot}: {rate} MHz by {ruler} instead of {right}");
    }
}

fn signal(name: &str, process: &str) {
    // A process that has ended takes none.
    let _ = Command::new("kill").args([name, process]).status();
}
