//! A machine check at an instruction: the kernel's end, and a record that says where and why.

use runner::machine::Hardware;
use xtask::Width;

use super::bench::Bench;

/// The status in the bank: valid, uncorrected, enabled, with an address and more, its state corrupt (SDM 3B, 16.3.2).
const STATUS: u64 = 0xBE00_0000_0000_0135;
const BANK: u32 = 4;
const GLOBAL: u64 = 5;
const ADDRESS: u64 = 0x0123_4567;
const MORE: u64 = 0x8C;

/// How many instructions are tried.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Extent {
    /// So many of them, spread evenly.
    Some(usize),
    /// All of them.
    All,
}

/// Lets a machine check come at instructions of the ways in and out, and at one of ring 3, each on a machine of its
/// own.
pub fn run(width: Width, extent: Extent) {
    let listing = Bench::listing(width);
    let boot = || Bench::boot(Hardware::new(width).with(&["-icount", "shift=0"]), width, &listing);
    let mut bench = boot();
    let places: Vec<u64> = bench.paths.own.iter().copied().collect();
    let program = bench.go_to_ring_3();
    strike(&mut bench, program, "a program");
    let step = match extent {
        Extent::Some(count) => places.len().div_ceil(count),
        Extent::All => 1,
    };
    for place in places.iter().step_by(step) {
        let mut bench = boot();
        if !bench.go_to(*place) {
            // Only an NMI may lead there, by way of CR0.TS.
            bench = boot();
            bench.put_at(*place);
        }
        strike(&mut bench, *place, "the kernel");
    }
    let tried = places.iter().step_by(step).count();
    println!("{}: a machine check at {tried} of {} instructions of the ways in and out", width.name(), places.len());
}

/// Lets one come here, and reads the record.
fn strike(bench: &mut Bench, place: u64, whose: &str) {
    let here = bench.gdb.registers().expect("registers");
    assert_eq!(here.instruction(), place, "the machine isn't there");
    raise(bench);
    check_record(bench, place, whose);
}

/// Raises one where the machine is stopped.
pub fn raise(bench: &mut Bench) {
    let said = bench.machine.monitor(&format!("mce 0 {BANK} {STATUS:#x} {GLOBAL:#x} {ADDRESS:#x} {MORE:#x}"));
    assert_eq!(said.trim(), "", "QEMU raises no machine check");
}

/// Lets the kernel write its record, and checks it.
pub fn check_record(bench: &mut Bench, place: u64, whose: &str) {
    bench.let_it_crash();
    bench.machine.expect("CRASH: ");
    let record = bench.machine.expect("The kernel has stopped.\r\n");
    bench.machine.expect_halted();
    let described = bench.listing.describe(place);
    let (name, digits) = if bench.width == Width::I686 { ("eip", 10) } else { ("rip", 18) };
    let ring = if whose == "the kernel" { 0 } else { 3 };
    let lines = [
        format!("MACHINE_CHECK (vector 18) in {whose}\r\n"),
        format!("{name} {place:#0digits$x} cs "),
        format!("machine check: global status {GLOBAL:#x}\r\n"),
        format!("bank {BANK}: status {STATUS:#x} address {ADDRESS:#x} more {MORE:#x}\r\n"),
    ];
    for line in lines {
        assert!(record.contains(&line), "no {line:?} in the record of a machine check at {described}:\n{record}");
    }
    let code = record.split(" cs 0x").nth(1).and_then(|rest| u64::from_str_radix(rest.split(' ').next()?, 16).ok());
    assert_eq!(code.map(|code| code & 3), Some(ring), "the ring in the record at {described}:\n{record}");
    assert!(!record.contains("CRASH"), "the record itself went wrong at {described}:\n{record}");
    assert_eq!(bench.machine.unread(), "", "there is more than the record");
}
