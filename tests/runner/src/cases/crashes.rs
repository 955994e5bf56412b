//! Exceptions and panics of the kernel itself: a crash record, then a halt, never a reset.

use std::time::Duration;

use runner::console::Reader;
use runner::machine::{Direct, Hardware};
use xtask::Width;

use super::shell::{PROMPT, ask};
use super::{Case, cases};

pub const CASES: &[Case] = cases![
    Short:
    a_panic_says_where,
    an_invalid_instruction_is_recorded,
    a_division_by_zero_is_recorded,
    a_general_protection_fault_is_recorded,
    a_null_pointer_is_recorded,
    a_hole_in_the_address_space_is_recorded,
    text_is_not_writable,
    constants_are_not_writable,
    data_is_not_executable,
    a_stack_overflow_is_recorded,
    a_crash_of_early_code_is_recorded,
    an_nmi_shows_what_a_running_system_does,
    a_record_waits_for_a_slow_reader,
];

/// The accesses in a page fault's error code (SDM 3A, 4.7).
const READ: u32 = 0;
const WRITE_TO_PRESENT: u32 = 0x3;
const FETCH_FROM_PRESENT: u32 = 0x11;

/// The words that an entry of the trace begins with.
const TRACED: [&str; 7] = ["interrupt", "call", "fault", "timer", "switch", "exit", "nothing"];

/// Lets the kernel crash in a way that it knows by name, and returns its record.
#[track_caller]
fn crash(width: Width, name: &str) -> String {
    record_of(width, &format!("crash={name}"))
}

/// Boots with this command line, and returns the record that the kernel ends with.
#[track_caller]
fn record_of(width: Width, command_line: &str) -> String {
    let mut machine = Hardware::new(width).boot(Direct::shipped().command_line(command_line));
    machine.expect("CRASH: ");
    let record = machine.expect("The kernel has stopped.\r\n");
    machine.expect_on_screen("CRASH: ");
    machine.expect_halted();
    assert_eq!(machine.unread(), "", "there is more than the record:\n{record}");
    record
}

/// Checks that a record has this exception's name, vector and error code, and every register. Returns CR2.
#[track_caller]
fn check(width: Width, record: &str, name: &str, vector: u32, error: u32) -> u64 {
    assert!(record.starts_with(&format!("{name} (vector {vector}) in the kernel\r\n")), "{record}");
    assert_eq!(value(record, "vector"), u64::from(vector), "{record}");
    assert_eq!(value(record, "code"), u64::from(error), "{record}");
    let (registers, text) = match width {
        Width::I686 => {
            ("eip cs eflags esp eax ebx ecx edx esi edi ebp ds es fs gs cr0 cr3 cr4", 0xC010_0000..=0xC0FF_FFFF)
        }
        Width::X86_64 => (
            "rip cs rflags rsp ss rax rbx rcx rdx rsi rdi rbp r8 r9 r10 r11 r12 r13 r14 r15 cr0 cr3 cr4",
            0xFFFF_FFFF_8010_0000..=0xFFFF_FFFF_80FF_FFFF,
        ),
    };
    for register in registers.split(' ') {
        value(record, register);
    }
    let instruction = value(record, registers.split(' ').next().unwrap_or(""));
    assert!(text.contains(&instruction), "{instruction:#x} isn't in the kernel:\n{record}");
    value(record, "cr2")
}

/// The number behind a word.
#[track_caller]
fn value(record: &str, name: &str) -> u64 {
    let mut words = record.split_whitespace().skip_while(|word| *word != name).skip(1);
    // The first line has the vector in decimal and in parentheses, without a number of this form.
    let digits = words.find_map(|word| word.strip_prefix("0x"));
    let number = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok());
    number.unwrap_or_else(|| panic!("no number behind {name} in\n{record}"))
}

fn a_panic_says_where(width: Width) {
    let record = crash(width, "panic");
    assert!(record.starts_with("panic at boot/src/provoke.rs:"), "{record}");
    assert!(record.contains(": asked for by the command line\r\n"), "{record}");
    assert!(value(&record, "cr3") != 0, "{record}");
}

fn an_invalid_instruction_is_recorded(width: Width) {
    check(width, &crash(width, "invalid-opcode"), "INVALID_OPCODE", 6, 0);
}

fn a_division_by_zero_is_recorded(width: Width) {
    check(width, &crash(width, "divide"), "DIVIDE_ERROR", 0, 0);
}

/// A segment that isn't there: its selector is the error code.
fn a_general_protection_fault_is_recorded(width: Width) {
    check(width, &crash(width, "bad-selector"), "GENERAL_PROTECTION", 13, 0xFFF8);
}

fn a_null_pointer_is_recorded(width: Width) {
    assert_eq!(check(width, &crash(width, "null"), "PAGE_FAULT", 14, READ), 0);
}

fn a_hole_in_the_address_space_is_recorded(width: Width) {
    assert!(check(width, &crash(width, "unmapped"), "PAGE_FAULT", 14, READ) != 0);
}

fn text_is_not_writable(width: Width) {
    check(width, &crash(width, "write-text"), "PAGE_FAULT", 14, WRITE_TO_PRESENT);
}

fn constants_are_not_writable(width: Width) {
    check(width, &crash(width, "write-constant"), "PAGE_FAULT", 14, WRITE_TO_PRESENT);
}

fn data_is_not_executable(width: Width) {
    let record = crash(width, "run-data");
    let address = check(width, &record, "PAGE_FAULT", 14, FETCH_FROM_PRESENT);
    assert_eq!(value(&record, if width == Width::I686 { "eip" } else { "rip" }), address, "{record}");
}

/// Nothing can be pushed any more, so this is a double fault, on a stack of its own. CR2 tells of the guard page.
fn a_stack_overflow_is_recorded(width: Width) {
    let record = crash(width, "stack-overflow");
    let address = check(width, &record, "DOUBLE_FAULT", 8, 0);
    let pointer = value(&record, if width == Width::I686 { "esp" } else { "rsp" });
    assert!(pointer.abs_diff(address) < 0x1000, "the stack at {pointer:#x} didn't end at {address:#x}:\n{record}");
}

/// While the start code's page tables are still in use.
fn a_crash_of_early_code_is_recorded(width: Width) {
    check(width, &record_of(width, "early-crash=invalid-opcode"), "INVALID_OPCODE", 6, 0);
    let record = record_of(width, "early-crash=panic");
    assert!(record.starts_with("panic at boot/src/provoke.rs:"), "{record}");
}

/// A person examines a machine that hangs: asks for this on the command line and presses the button. The record is of a
/// system under full load. It comes from COM1, which a driver owned, and has the last events.
fn an_nmi_shows_what_a_running_system_does(width: Width) {
    let mut machine = Hardware::new(width).boot(Direct::shipped().command_line("nmi=crash"));
    machine.expect(PROMPT);
    assert_eq!(ask(&mut machine, "echo up"), "up\r\n");
    machine.nmi();
    machine.expect("CRASH: ");
    let record = machine.expect("The kernel has stopped.\r\n");
    machine.expect_on_screen("CRASH: ");
    machine.expect_halted();
    assert!(record.starts_with("NON_MASKABLE_INTERRUPT (vector 2)"), "{record}");
    assert_eq!(value(&record, "vector"), 2, "{record}");
    let (_, trace) = record.split_once("the last of them:\r\n").expect("a record has a trace");
    let kinds: Vec<&str> = trace.split_whitespace().filter(|word| TRACED.contains(word)).collect();
    assert_eq!(kinds.len(), 16, "{record}");
    assert!(kinds.contains(&"call"), "{record}");
}

/// While no reader takes bytes, the kernel looks about three million times whether the port has room.
fn a_record_waits_for_a_slow_reader(width: Width) {
    const SILENCE: Duration = Duration::from_secs(20);
    let hardware = Hardware::timed(width).with(&["-icount", "shift=10,sleep=off", "-S"]);
    let mut machine = hardware.boot(Direct::shipped().command_line("crash=invalid-opcode"));
    machine.set_reader(Reader::Pauses);
    let start = machine.time().expect("the machine has a clock");
    machine.monitor("cont");
    machine.wait_until("the machine's clock", |machine| machine.time().is_ok_and(|now| now >= start + SILENCE));
    assert!(!machine.unread().contains("CRASH: "), "the line isn't full:\n{}", machine.unread());
    machine.set_reader(Reader::Listens);
    machine.expect("CRASH: ");
    let record = machine.expect("The kernel has stopped.\r\n");
    check(width, &record, "INVALID_OPCODE", 6, 0);
    machine.expect_halted();
}
