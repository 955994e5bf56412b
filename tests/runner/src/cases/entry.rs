//! `x86-entry` by itself, in kernels that have nothing else: its examples.

use runner::exit::Exit;
use runner::machine::{Direct, Hardware, Machine};
use xtask::Width;
use xtask::build::{RED_ZONE_KERNEL, SSE_KERNEL, entry_kernel, refuse_sse};

use super::{Case, cases};

pub const CASES: &[Case] = cases![
    Short:
    entry_self_test_takes_every_trap_as_it_expects,
    entry_example_of_a_bare_kernel_runs,
    entry_example_before_the_port_runs,
    entry_example_half_ported_runs,
    entry_example_after_the_port_runs,
    entry_mistakes_are_said,
    entry_example_of_several_cpus_runs,
    entry_example_with_sse_runs,
    entry_kernel_that_forgets_sse_does_not_compile,
    entry_kernel_with_the_red_zone_is_told,
];

/// The kernel takes its program's traps one by one, and ends with 0 only if each was the expected one.
fn entry_self_test_takes_every_trap_as_it_expects(width: Width) {
    let text = run(width, "self_test");
    assert!(text.contains("self-test: hooks saw and changed"), "{text}");
    assert!(text.contains("self-test: 3 switches of ring 0"), "{text}");
    assert!(text.contains(" steps of a trap of ring 3") && text.contains(" steps of a fast call"), "{text}");
    assert!(text.contains(" passed"), "{text}");
}

fn entry_example_of_a_bare_kernel_runs(width: Width) {
    let text = run(width, "bare");
    assert!(text.contains("bare: breakpoint at 0x1"), "{text}");
    assert!(text.contains(" ticks"), "{text}");
    assert!(text.contains("address 0xd0000000, PageFaultErrorCode(USER)"), "{text}");
    assert!(text.contains("bare: the program ends with 0x51515151"), "{text}");
}

/// The example with the compiler's ABI.
fn entry_example_before_the_port_runs(width: Width) {
    let text = run(width, "port-before");
    assert!(text.contains("port: x86-interrupt on "), "{text}");
    assert!(text.contains(" ticks, loaded 0x0"), "{text}");
    assert!(text.contains("port: the program ends with 0xcaff"), "{text}");
}

/// The example whose GDT and TSS stay the kernel's own.
fn entry_example_half_ported_runs(width: Width) {
    let text = run(width, "port-kept");
    assert!(text.contains(", segments kept"), "{text}");
    assert!(text.contains(" ticks, loaded 0x51515151"), "{text}");
    assert!(text.contains("port: the program ends with 0xcaff"), "{text}");
}

/// As before, with a register changed.
fn entry_example_after_the_port_runs(width: Width) {
    let text = run(width, "port-after");
    assert!(text.contains("port: x86-entry on "), "{text}");
    assert!(text.contains(" ticks, loaded 0x51515151"), "{text}");
    assert!(text.contains("port: the program ends with 0xcaff"), "{text}");
}

/// Each mistake of the example is a panic with the sentence that the example expects.
fn entry_mistakes_are_said(width: Width) {
    let text = run(width, "misuse");
    assert!(text.contains("misuse: 4 mistakes, each said"), "{text}");
}

/// Each CPU is started, and takes an interrupt and an NMI with data of its own.
fn entry_example_of_several_cpus_runs(width: Width) {
    for count in [2, 4] {
        let machine = Hardware::new(width).with(&["-smp", &count.to_string()]);
        let (text, exit) = machine.boot(Direct::kernel(entry_kernel(width, "cpus"))).output();
        assert_eq!(exit, Exit::Debug(0), "{text}");
        let others = count - 1;
        assert!(text.contains(&format!("cpus: {count} CPUs, {others} interrupts, {others} NMIs")), "{text}");
    }
}

/// The kernel and its handlers compute in xmm registers.
fn entry_example_with_sse_runs(width: Width) {
    let text = run(width, SSE_KERNEL);
    assert!(text.contains("sse: every result is right"), "{text}");
}

/// The error says what to set.
fn entry_kernel_that_forgets_sse_does_not_compile(width: Width) {
    let said = refuse_sse(width, "bare").unwrap_or_else(|why| panic!("{why}"));
    assert!(said.contains("set KernelEntry::FLOATING_POINT_USE to Anywhere"), "{said}");
}

/// On x86_64 an interrupt of ring 0 would overwrite what a function keeps below its stack pointer. i686 has no red
/// zone.
fn entry_kernel_with_the_red_zone_is_told(width: Width) {
    let (text, exit) = Machine::boot(width, Direct::kernel(entry_kernel(width, RED_ZONE_KERNEL))).output();
    match width {
        Width::I686 => assert_eq!(exit, Exit::Debug(0), "{text}"),
        Width::X86_64 => {
            assert_eq!(exit, Exit::Debug(2), "{text}");
            assert!(text.contains("the kernel is built with the red zone"), "{text}");
            assert!(text.contains("-C no-redzone"), "{text}");
        }
    }
}

/// Boots an example, which must end with 0 (and counts a few ticks, or one more where the host is slow), and returns
/// what it printed.
fn run(width: Width, name: &str) -> String {
    let (text, exit) = Machine::boot(width, Direct::kernel(entry_kernel(width, name))).output();
    assert_eq!(exit, Exit::Debug(0), "{text}");
    text
}
