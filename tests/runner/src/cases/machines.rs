//! Machines with less than the usual one: other interrupt controllers, another timer, older CPUs. On each, lines of
//! both halves of the controller interrupt, the timer fires, and an NMI is counted.

use xtask::Width;

use super::shell::{PROMPT, ask, boot_to_the_prompt, counted, counted_nmis};
use super::{Case, cases};
use runner::machine::{Direct, Hardware};

pub const CASES: &[Case] = cases![
    Short:
    without_an_apic_the_8259_and_the_8254_serve,
    without_acpi_lines_come_through_the_8259,
    with_pci_express_lines_come_through_the_ioapic,
    an_old_cpu_runs_it,
    without_its_newest_instructions_a_cpu_runs_it,
    little_memory_suffices,
    memory_beyond_32_bits_is_found,
];

fn without_an_apic_the_8259_and_the_8254_serve(width: Width) {
    serves(width, &["-cpu", "max,-apic"], "interrupts: 8259\r\n", "timer: 8254\r\n");
}

fn without_acpi_lines_come_through_the_8259(width: Width) {
    serves(width, &["-M", "pc,acpi=off"], "interrupts: 8259 by local APIC\r\n", "timer: local APIC");
}

fn with_pci_express_lines_come_through_the_ioapic(width: Width) {
    serves(width, &["-M", "q35"], "interrupts: IOAPIC\r\n", "timer: local APIC");
}

/// On i686 a CPU without SSE, NX and the rest; on x86_64 the first of all.
fn an_old_cpu_runs_it(width: Width) {
    let cpu = match width {
        Width::I686 => "pentium2",
        Width::X86_64 => "qemu64",
    };
    serves(width, &["-cpu", cpu], "interrupts: IOAPIC\r\n", "timer: local APIC");
}

/// Neither `sysenter`, so that calls go through the gate on i686, nor XSAVE.
fn without_its_newest_instructions_a_cpu_runs_it(width: Width) {
    serves(width, &["-cpu", "max,-sep,-xsave"], "interrupts: IOAPIC\r\n", "timer: local APIC");
}

fn little_memory_suffices(width: Width) {
    serves(width, &["-m", "16M"], "interrupts: IOAPIC\r\n", "timer: local APIC");
}

/// On i686 this memory is also beyond what the kernel itself can map. The records of a machine that large need less
/// than 64 MiB.
fn memory_beyond_32_bits_is_found(width: Width) {
    let mut machine = boot_to_the_prompt(Hardware::new(width).with(&["-m", "5G"]), Direct::shipped());
    let memory = ask(&mut machine, "mem");
    let kibibytes: Option<u64> = memory.split_whitespace().next().and_then(|word| word.parse().ok());
    assert!(kibibytes.is_some_and(|all| (5 << 20) - (64 << 10) < all && all <= 5 << 20), "{memory}");
}

/// Boots the shipped image, and sees that it found those controllers and that they work.
fn serves(width: Width, hardware: &[&str], controllers: &str, timer: &str) {
    let mut machine = Hardware::new(width).with(hardware).boot(Direct::shipped());
    machine.expect(controllers);
    machine.expect(timer);
    machine.expect(PROMPT);
    machine.keys("echo Hi!\n");
    machine.expect("\r\nHi!\r\n");
    machine.expect(PROMPT);
    assert!(counted(&mut machine, 1) > 0, "the keyboard's line");
    ask(&mut machine, "rtc 64");
    assert_eq!(ask(&mut machine, "sleep 100"), "");
    ask(&mut machine, "rtc 0");
    assert!(counted(&mut machine, 8) > 0, "the clock's line, of the second controller");
    machine.nmi();
    assert_eq!(counted_nmis(&mut machine), 1);
}
