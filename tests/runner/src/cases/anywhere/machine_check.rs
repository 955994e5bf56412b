//! A machine check at an instruction: the kernel's end, and a record that says where and why.

use std::rc::Rc;

use runner::listing::Listing;
use runner::machine::Hardware;
use xtask::Width;
use xtask::build::kernel_with_symbols;

use super::bench::Bench;

/// What the hardware says of itself: valid, uncorrected, enabled, with an address and more, its state corrupt (SDM 3B,
/// 16.3.2).
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

/// Lets a machine check come at instructions of the ways in and out, and at one of ring 3, each on a machine of its own.
pub fn run(width: Width, extent: Extent) {
    let listing = Rc::new(Listing::of(&kernel_with_symbols(width)).expect("a listing of the kernel"));
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
        bench.go_to(*place);
        strike(&mut bench, *place, "the kernel");
    }
    let tried = places.iter().step_by(step).count();
    println!("{}: a machine check at {tried} of {} instructions of the ways in and out", width.name(), places.len());
}

/// Lets one come here.
fn strike(bench: &mut Bench, place: u64, whose: &str) {
    let here = bench.gdb.registers().expect("registers");
    assert_eq!(here.instruction(), place, "the machine isn't there");
    let said = bench.machine.monitor(&format!("mce 0 {BANK} {STATUS:#x} {GLOBAL:#x} {ADDRESS:#x} {MORE:#x}"));
    assert_eq!(said.trim(), "", "QEMU raises no machine check");
    bench.gdb.release().expect("a debugger");
    bench.machine.expect("CRASH: ");
    let record = bench.machine.expect("The kernel has stopped.\r\n");
    bench.machine.expect_halted();
    let described = bench.listing.describe(place);
    let name = if bench.width == Width::I686 { "eip" } else { "rip" };
    let digits = if bench.width == Width::I686 { 10 } else { 18 };
    for line in [
        format!("MACHINE_CHECK (vector 18) in {whose}\r\n"),
        format!("{name} {place:#0digits$x} cs {:#x} ", here.get("cs")),
        format!("machine check: global status {GLOBAL:#x}"),
        format!("bank {BANK}: status {STATUS:#x} address {ADDRESS:#x} more {MORE:#x}"),
    ] {
        assert!(record.contains(&line), "no {line:?} in the record of a machine check at {described}:\n{record}");
    }
    assert!(!record.contains("CRASH"), "the record itself went wrong at {described}:\n{record}");
    assert_eq!(bench.machine.unread(), "", "there is more than the record");
}
