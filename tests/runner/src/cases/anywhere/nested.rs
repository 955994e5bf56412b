//! NMIs inside NMIs, and inside machine checks and double faults.
//!
//! A CPU holds a second NMI back until the first one's `iret` (SDM 3A, 7.7.1). So the kernel may execute no `iret`
//! before the stack, or the task, can be used again.

use std::collections::BTreeSet;

use runner::gdb::{Interrupts, Registers};
use runner::machine::Hardware;
use xtask::Width;

use super::bench::Bench;
use super::machine_check;

/// An instruction of an NMI's way in and out.
struct Step {
    registers: Registers,
    /// Where a second NMI is taken that is raised here.
    taken_at: u64,
}

/// Interrupts NMIs that came in ring 0 and in ring 3.
pub fn run(width: Width) {
    let mut bench = Bench::boot(Hardware::new(width).with(&["-icount", "shift=0"]), width, &Bench::listing(width));
    let here = bench.gdb.registers().expect("registers");
    let in_ring_0 = nest(&mut bench, &here);
    bench.go_to_ring_3();
    let here = bench.gdb.registers().expect("registers");
    let in_ring_3 = nest(&mut bench, &here);
    println!("{}: NMIs at {in_ring_0} instructions of an NMI of ring 0, at {in_ring_3} of one of ring 3", width.name());
    assert!(bench.run_to(&[]).is_none(), "no breakpoint is left");
    bench.check_end();
}

/// Raises an NMI here, and another at each of its instructions. Returns how many these are.
fn nest(bench: &mut Bench, base: &Registers) -> usize {
    let steps = trace(bench, base);
    for step in &steps {
        bench.inject(base);
        let entered = bench.expect_taken_at(base.instruction());
        if step.registers.differences(&entered).iter().any(|(name, ..)| name == "rip" || name == "eip") {
            run_to(bench, step);
        }
        bench.inject(&step.registers);
        bench.expect_taken_at(step.taken_at);
        bench.expect_back(base);
    }
    steps.len()
}

/// Goes through an NMI step by step. Its own instructions are of interest, and the Rust before its `iret`.
fn trace(bench: &mut Bench, base: &Registers) -> Vec<Step> {
    bench.inject(base);
    let mut here = bench.expect_taken_at(base.instruction());
    let mut met = BTreeSet::new();
    let mut steps: Vec<Step> = Vec::new();
    let mut after_iret = None;
    while (here.instruction(), here.stack()) != (base.instruction(), base.stack()) {
        let place = here.instruction();
        if met.insert(place) && (after_iret.is_none() || bench.paths.own.contains(&place)) {
            steps.push(Step { registers: here.clone(), taken_at: place });
        }
        let is_iret = bench.listing.mnemonic(place).starts_with("iret");
        here = bench.gdb.step(Interrupts::HeldBack).expect("a step").expect("a machine");
        if is_iret && after_iret.is_none() {
            let next = here.instruction();
            after_iret = Some(next);
            steps.iter_mut().for_each(|step| step.taken_at = next);
        }
    }
    steps
}

fn run_to(bench: &mut Bench, step: &Step) {
    loop {
        let stop = bench.run_to(&[step.registers.instruction()]).expect("a machine");
        if stop.stack() == step.registers.stack() {
            return;
        }
        bench.gdb.step(Interrupts::HeldBack).expect("a step");
    }
}

/// Interrupts the ways to the records of a machine check and of a double fault at each of their instructions.
pub fn interrupt_the_dying(width: Width) {
    let listing = Bench::listing(width);
    let boot = || Bench::boot(Hardware::new(width).with(&["-icount", "shift=0"]), width, &listing);
    let mut bench = boot();
    let place = bench.gdb.registers().expect("registers").instruction();
    machine_check::raise(&mut bench);
    let in_ring_0 = interrupt(&mut bench, 18);
    machine_check::check_record(&mut bench, place, "the kernel");

    let mut bench = boot();
    let place = bench.go_to_ring_3();
    machine_check::raise(&mut bench);
    let in_ring_3 = interrupt(&mut bench, 18);
    machine_check::check_record(&mut bench, place, "a program");

    let mut bench = boot();
    // A stub begins with a push.
    let place = bench.tables.gates[BREAKPOINT];
    bench.put_at(place);
    let stack = if width == Width::I686 { "esp" } else { "rsp" };
    bench.gdb.set(stack, NO_STACK).expect("a stack pointer");
    let in_double_fault = interrupt(&mut bench, 8);
    bench.gdb.release().expect("a debugger");
    bench.machine.expect("CRASH: DOUBLE_FAULT (vector 8) in the kernel");
    let record = bench.machine.expect("The kernel has stopped.\r\n");
    assert!(record.contains(&format!("{place:x} cs 0x8")), "not at {}:\n{record}", bench.listing.describe(place));
    println!(
        "{}: NMIs at {in_ring_0} instructions of a machine check of ring 0, {in_ring_3} of one of ring 3, \
         {in_double_fault} of a double fault",
        width.name()
    );
}

/// The gate of `int3`.
const BREAKPOINT: usize = 3;

/// Nothing is there: the first page is never the kernel's.
const NO_STACK: u64 = 0x800;

/// Waits for the vector, and goes on from there to the crash record, with an NMI at each instruction.
fn interrupt(bench: &mut Bench, vector: usize) -> usize {
    let entry = bench.tables.gates[vector];
    let mut here = bench.run_to(&[entry]).expect("a machine");
    assert_eq!(here.instruction(), entry, "vector {vector} came");
    let mut count = 0;
    while !bench.is_crash(here.instruction()) {
        bench.strike(&here);
        count += 1;
        here = bench.gdb.step(Interrupts::HeldBack).expect("a step").expect("a machine");
    }
    count
}
