//! Interrupts from outside, counted by who raised them and by who took them.

use runner::machine::{Direct, Hardware, Machine};
use xtask::Width;

use super::shell::{PROMPT, ask, at_the_prompt, boot_to_the_prompt, counted, counted_nmis, raised, row};
use super::{Case, cases};

pub const CASES: &[Case] = cases![
    Short:
    nmis_are_recorded_when_idle,
    nmis_are_recorded_under_load,
    each_byte_of_a_key_is_an_interrupt,
    the_clock_ticks_as_often_as_it_says,
    an_interrupt_costs_its_driver_one_call,
];

const KEYBOARD_LINE: u32 = 1;
const CLOCK_LINE: u32 = 8;

/// The shell waits for a line, so the CPU is in the idle loop.
fn nmis_are_recorded_when_idle(width: Width) {
    let mut machine = at_the_prompt(width);
    assert_eq!(counted_nmis(&mut machine), 0);
    for count in 1..=5 {
        machine.nmi();
        assert_eq!(counted_nmis(&mut machine), count);
    }
    assert_eq!(ask(&mut machine, "echo on"), "on\r\n");
}

/// A paste runs through drivers, console and shell, so the NMIs hit all of them, and the kernel.
fn nmis_are_recorded_under_load(width: Width) {
    const NMIS: usize = 64;
    const PIECE: usize = 64;
    let mut machine = at_the_prompt(width);
    ask(&mut machine, "rtc 1024");
    machine.type_line(&format!("paste {}", NMIS * PIECE));
    machine.expect(&format!("send {} bytes\r\n", NMIS * PIECE));
    for number in 0..NMIS {
        let sent = [b'a' + (number % 26) as u8; PIECE];
        machine.send(&sent);
        // The first half is back, so the NMI before was taken; the second is under way.
        assert_eq!(machine.receive(PIECE / 2), sent[..PIECE / 2]);
        machine.nmi();
        assert_eq!(machine.receive(PIECE / 2), sent[..PIECE / 2]);
    }
    machine.expect(PROMPT);
    assert_eq!(counted_nmis(&mut machine), NMIS as u32);
    assert!(ask(&mut machine, "rtc 0").contains(" ticks"));
}

/// A letter is a byte when it is pressed and one when it is let go.
fn each_byte_of_a_key_is_an_interrupt(width: Width) {
    const TYPED: &str = "echo bellwire\n";
    let mut machine = at_the_prompt(width);
    let before = (raised(&mut machine, KEYBOARD_LINE), counted(&mut machine, KEYBOARD_LINE));
    machine.keys(TYPED);
    machine.expect("\r\nbellwire\r\n");
    machine.expect(PROMPT);
    let bytes = 2 * TYPED.len() as u32;
    machine.wait_until("the last key to be let go", |machine| raised(machine, KEYBOARD_LINE) >= before.0 + bytes);
    assert_eq!(raised(&mut machine, KEYBOARD_LINE), before.0 + bytes);
    assert_eq!(counted(&mut machine, KEYBOARD_LINE), before.1 + bytes);
}

/// Three count: QEMU's controller, the kernel, and the driver, which adds up what its messages say.
fn the_clock_ticks_as_often_as_it_says(width: Width) {
    let mut machine = with_exact_time(width);
    let before = (raised(&mut machine, CLOCK_LINE), counted(&mut machine, CLOCK_LINE));
    let started = ticks(&ask(&mut machine, "rtc 512"));
    ask(&mut machine, "sleep 300");
    let running = ticks(&ask(&mut machine, "rtc"));
    assert!(running > started, "the clock doesn't tick");
    let ended = ticks(&ask(&mut machine, "rtc 0"));
    let after = (raised(&mut machine, CLOCK_LINE), counted(&mut machine, CLOCK_LINE));
    assert_eq!(after.0 - before.0, after.1 - before.1, "QEMU's count and the kernel's");
    assert_eq!(after.1 - before.1, ended - started, "the kernel's count and the driver's");
    assert_eq!(ticks(&ask(&mut machine, "rtc")), ended, "the clock still ticks");
}

/// The clock's driver does nothing but receive: once for each tick, and once for each of the two commands between.
fn an_interrupt_costs_its_driver_one_call(width: Width) {
    let mut machine = with_exact_time(width);
    let before = calls(&mut machine, "rtc");
    ask(&mut machine, "rtc 512");
    ask(&mut machine, "sleep 300");
    ask(&mut machine, "rtc 0");
    let ticks = counted(&mut machine, CLOCK_LINE);
    assert!(ticks > 20, "{ticks} ticks");
    assert_eq!(calls(&mut machine, "rtc") - before, ticks + 2);
}

/// A machine whose clocks all count instructions, so the clock's driver is always in time. Otherwise a second edge
/// before the first is served counts once in QEMU and twice in the processor.
#[track_caller]
fn with_exact_time(width: Width) -> Machine {
    boot_to_the_prompt(Hardware::counting(width).with(&["-rtc", "clock=vm"]), Direct::shipped())
}

/// How many system calls a program has done, as the shell says.
fn calls(machine: &mut Machine, program: &str) -> u32 {
    let row = row(&ask(machine, "ps"), program);
    row[6].parse().unwrap_or_else(|_| panic!("{row:?} has no number of calls"))
}

fn ticks(answer: &str) -> u32 {
    let count = answer.split_whitespace().next().and_then(|word| word.parse().ok());
    count.unwrap_or_else(|| panic!("no count in {answer:?}"))
}
