//! `x86-entry` by itself, in kernels that have nothing else: its examples.

use std::collections::HashSet;
use std::path::Path;
use std::process::Command;

use runner::exit::Exit;
use runner::listing::Listing;
use runner::machine::{Direct, Hardware, Machine};
use runner::stepped::{missed, stubs};
use xtask::build::{
    CHECKED_KERNEL, RED_ZONE_KERNEL, SSE_KERNEL, TWO_CRATES_KERNEL, build_without_user_data, entry_kernel,
    entry_kernel_with_symbols, refuse_sse,
};
use xtask::{Width, root};

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
    entry_data_of_several_cpus_lie_at_one_address,
    entry_example_with_sse_runs,
    entry_kernel_that_forgets_sse_does_not_compile,
    entry_kernel_without_user_data_compiles_on_x86_64_alone,
    entry_kernel_with_the_red_zone_is_told,
    entry_kernel_in_two_crates_takes_back_both_returns,
    entry_stubs_are_those_asked_for_with_short_names,
];

/// The kernel takes its program's traps one by one, and ends with 0 only if each was the expected one. Meanwhile a
/// debug exception has come at each instruction of each stub.
///
/// Instructions are the machine's time, so each storm's NMIs come at the same ones in every run. By the host's time,
/// they can come faster than an emulated CPU gets through the way in.
fn entry_self_test_takes_every_trap_as_it_expects(width: Width) {
    let (text, exit) = Hardware::counting(width).boot(Direct::kernel(entry_kernel(width, "self_test"))).output();
    assert_eq!(exit, Exit::Debug(0), "{text}");
    assert!(text.contains("self-test: hooks saw and changed"), "{text}");
    assert!(text.contains("self-test: 3 switches of ring 0"), "{text}");
    assert!(text.contains(" steps of a trap of ring 3") && text.contains(" steps of a fast call"), "{text}");
    assert!(text.contains(" passed"), "{text}");
    assert_all_stepped(width, &text);
}

/// The stubs of #DB, with the reason why no #DB may come there.
const UNSTEPPED: [(&str, &str); 2] = [
    ("debug_stub", "a #DB at #DB's own stub would begin at the same end of its stack"),
    ("debug_common", "a #DB at #DB's own stub would begin at the same end of its stack"),
];

/// Checks that the self-test has single-stepped each instruction of each stub that the crate has for the width.
fn assert_all_stepped(width: Width, text: &str) {
    let addresses = text.lines().filter_map(|line| line.strip_prefix("self-test: stepped at 0x"));
    let stepped: HashSet<u64> = addresses.filter_map(|address| u64::from_str_radix(address.trim(), 16).ok()).collect();
    let other = if width == Width::I686 { ["x86_64", ""] } else { ["i686", "task_gate"] };
    let stubs = stubs(&root().join("arch/entry/src"), &|name| other.contains(&name)).expect("the source is there");
    let listing = Listing::of(&entry_kernel_with_symbols(width, "self_test")).expect("the self-test was built");
    for stub in stubs.iter().filter(|stub| UNSTEPPED.iter().all(|(name, _)| name != stub)) {
        match missed(&listing, stub, |address| stepped.contains(&address)) {
            None => panic!("{stub}: the self-test has no such stub"),
            Some(missed) => assert!(missed.is_empty(), "{stub}: not stepped: {missed:#?}"),
        }
    }
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
    let count = if width == Width::I686 { 13 } else { 18 };
    assert!(text.contains(&format!("misuse: {count} mistakes, each said")), "{text}");
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

/// Interrupts, NMIs, and traps of ring 3 use the CPU's own data, with returns checked and unchecked. While one CPU is
/// in `paranoid_trap`, another returns from a trap.
fn entry_data_of_several_cpus_lie_at_one_address(width: Width) {
    for (name, count) in [("fixed", 2), ("fixed", 4), (CHECKED_KERNEL, 2), (CHECKED_KERNEL, 4)] {
        let machine = Hardware::new(width).with(&["-smp", &count.to_string()]);
        let (text, exit) = machine.boot(Direct::kernel(entry_kernel(width, name))).output();
        assert_eq!(exit, Exit::Debug(0), "{name}, {count} CPUs: {text}");
        assert!(text.contains(&format!("fixed: {count} CPUs, 200 interrupts and NMIs each")), "{text}");
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

/// The stubs of i686 load `user_data` into DS and ES, from ring 0 too. Those of x86_64 don't.
fn entry_kernel_without_user_data_compiles_on_x86_64_alone(width: Width) {
    let said = build_without_user_data(width).unwrap_or_else(|why| panic!("{why}"));
    match width {
        Width::I686 => {
            let said = said.expect("a kernel that would load null selectors compiles");
            assert!(said.contains("every stub loads SELECTORS.user_data into DS and ES"), "{said}");
        }
        Width::X86_64 => assert_eq!(said, None),
    }
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

/// The compiler makes a copy of a generic function in each crate. A return that faults is the resumed code's fault,
/// whichever copy it began in.
fn entry_kernel_in_two_crates_takes_back_both_returns(width: Width) {
    let text = run(width, TWO_CRATES_KERNEL);
    assert!(text.contains("crates: both faults came back"), "{text}");
}

/// The length of a stub's symbol. It has the paths of the kernel's type and of the handler, and what is left is the
/// crate's: without codes for classes it was 277.
const LONGEST_SYMBOL: usize = 190;

/// The bytes of a stub in a block of stubs.
const STUB_BYTES: u64 = 12;

/// A stub exists for each vector that is led somewhere, and for no other.
fn entry_stubs_are_those_asked_for_with_short_names(width: Width) {
    let bare = entry_kernel_with_symbols(width, "bare");
    // All vectors, the timer's, the system call's; two handlers of exceptions.
    let kernels = [(bare, 256 + 1 + 1, 2), (entry_kernel_with_symbols(width, TWO_CRATES_KERNEL), 48, 0)];
    for (file, in_blocks, alone) in kernels {
        let symbols = symbols_of_stubs(&file);
        let longest = symbols.iter().map(|(name, _)| name).max_by_key(|name| name.len()).expect("there are stubs");
        assert!(longest.len() <= LONGEST_SYMBOL, "{} characters: {longest}", longest.len());
        let bytes: u64 = symbols.iter().filter(|(name, _)| name.contains("4stub5stubs")).map(|(_, size)| size).sum();
        assert_eq!(bytes / STUB_BYTES, in_blocks, "{}: stubs in blocks", file.display());
        let count = symbols.iter().filter(|(name, _)| name.contains("4gate4stub")).count();
        assert_eq!(count, alone, "{}: stubs by themselves", file.display());
    }
}

/// Returns the mangled names of a kernel's stubs, with their sizes.
fn symbols_of_stubs(file: &Path) -> Vec<(String, u64)> {
    let output = Command::new("nm").arg("--print-size").arg(file).output().expect("nm runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    let symbols = text.lines().filter_map(|line| {
        let [_, size, _, name] = line.split_whitespace().collect::<Vec<_>>().try_into().ok()?;
        let size = u64::from_str_radix(size, 16).ok()?;
        name.contains("9x86_entry4stub").then(|| (name.to_owned(), size))
    });
    symbols.collect()
}

/// Boots an example, which must end with 0 (and counts a few ticks, or one more where the host is slow), and returns
/// what it printed.
fn run(width: Width, name: &str) -> String {
    let (text, exit) = Machine::boot(width, Direct::kernel(entry_kernel(width, name))).output();
    assert_eq!(exit, Exit::Debug(0), "{text}");
    text
}
