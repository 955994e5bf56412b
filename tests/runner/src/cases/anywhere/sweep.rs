//! An NMI at each instruction once, as the program gets there.

use std::collections::BTreeSet;

use runner::gdb::{Interrupts, Registers};
use runner::listing::{Function, Instruction};
use runner::machine::Hardware;
use xtask::Width;

use super::bench::{AFTER_SYSENTER, Bench, Interrupted, RARE};
use super::paths::is_own_of;

/// How many bytes `int n`, `syscall` and `sysenter` have.
const CALL_BYTES: u64 = 2;

/// The gate of system calls.
const CALL_GATE: usize = 0x80;

/// The gate of `into`, which nothing but the end of the program uses.
const OVERFLOW: usize = 4;

/// The vectors for which the CPU pushes an error code (SDM 3A, table 6-1).
const ERROR_CODES: [usize; 10] = [8, 10, 11, 12, 13, 14, 17, 21, 29, 30];

/// EFLAGS.TF.
const TRAP_FLAG: u64 = 1 << 8;

struct Sweep {
    bench: Bench,
    /// Where no NMI has come yet.
    ahead: BTreeSet<u64>,
    /// The instructions that an NMI itself goes through, and which must not stop it.
    shared: BTreeSet<u64>,
    /// Ring 3's last and first instructions around a way into the kernel.
    in_ring_3: BTreeSet<u64>,
    /// Gates that were met.
    met: BTreeSet<u64>,
    /// The count of instructions at which the CPU was put by hand.
    placed: usize,
}

/// Boots the machine, and lets NMIs come at every instruction.
pub fn run(hardware: Hardware, width: Width) {
    let bench = Bench::boot(hardware, width, &Bench::listing(width));
    let own: BTreeSet<u64> =
        bench.paths.own.iter().copied().filter(|address| !has_name(&bench, *address, is_other)).collect();
    let neighbours: BTreeSet<u64> =
        bench.paths.neighbours.iter().copied().filter(|address| !has_name(&bench, *address, is_nmi_alone)).collect();
    let ahead: BTreeSet<u64> = own.union(&neighbours).copied().collect();
    let shared = ahead.iter().copied().filter(|address| has_name(&bench, *address, is_shared)).collect();
    let (in_ring_3, met) = (BTreeSet::new(), BTreeSet::new());
    let mut sweep = Sweep { bench, ahead, shared, in_ring_3, met, placed: 0 };
    sweep.run();
    sweep.report(&own, &neighbours);
}

fn has_name(bench: &Bench, address: u64, is: fn(&Function) -> bool) -> bool {
    bench.listing.function(address).is_some_and(is)
}

fn is_other(function: &Function) -> bool {
    is_own_of(function, &RARE)
}

/// Rust that runs in an NMI and nowhere else.
fn is_nmi_alone(function: &Function) -> bool {
    [
        "Bell as x86_entry::kernel_entry::KernelEntry>::paranoid_trap",
        "x86_entry::task_gate::run::<",
        "x86_entry::task_gate::Run<",
    ]
    .iter()
    .any(|name| function.name.contains(name))
}

/// Whether an NMI goes through this function, too.
fn is_shared(function: &Function) -> bool {
    let names =
        ["::exit::resume_", "::continue_as_trap::<", "KernelEntry>::trap", "arch::trap::exception", ">::non_maskable"];
    names.iter().any(|name| function.name.contains(name))
}

impl Sweep {
    fn run(&mut self) {
        let first = self.bench.gdb.registers().expect("registers");
        let unused: Vec<u64> = self.bench.paths.unused.keys().copied().collect();
        for place in unused {
            self.place(&first, &[place]);
        }
        self.bench.gdb.restore(&first).expect("the registers as they were");
        self.trap_in_ring_0(&first);
        let all: Vec<u64> = self.ahead.iter().copied().collect();
        self.bench.gdb.insert(&all).expect("breakpoints");
        // The program's last act before it asks how many NMIs there were.
        let end = self.bench.tables.gates[OVERFLOW];
        self.bench.gdb.insert(&[end]).expect("a breakpoint");
        loop {
            let Some(stop) = self.bench.run_to(&[]) else { return };
            let here = stop.instruction();
            if here == end {
                break;
            }
            if !self.ahead.remove(&here) {
                self.bench.fail("the machine stopped where no breakpoint is");
            }
            let aside: Vec<u64> = self.shared.intersection(&self.ahead).copied().chain([here]).collect();
            self.bench.gdb.remove(&aside).expect("no breakpoints");
            self.bench.strike(&stop);
            if self.met.insert(here) {
                self.add_ring_3(&stop);
                self.walk_gates_like(&stop);
            }
            let aside: Vec<u64> = self.shared.intersection(&self.ahead).copied().collect();
            self.bench.gdb.insert(&aside).expect("breakpoints");
        }
        let rest: Vec<u64> = self.ahead.iter().copied().collect();
        self.bench.gdb.remove(&rest).expect("no breakpoints");
        self.bench.gdb.remove(&[end]).expect("no breakpoint");
        assert!(self.bench.run_to(&[]).is_none(), "no breakpoint is left");
    }

    /// Single-steps the kernel, which nothing else does on x86_64: #DB then interrupts ring 0.
    fn trap_in_ring_0(&mut self, here: &Registers) {
        self.bench.gdb.set("eflags", here.get("eflags") | TRAP_FLAG).expect("a flag");
    }

    /// Ring 3 goes on where it was interrupted. Before that stands the call, if it was one.
    fn add_ring_3(&mut self, entered: &Registers) {
        let Some(function) = self.bench.listing.function(entered.instruction()) else { return };
        let is_fast_call =
            ["::message_entry::<", "::sysenter_entry::<"].iter().any(|name| function.name.contains(name));
        let is_syscall = is_fast_call && self.bench.width == Width::X86_64;
        let is_sysenter = is_fast_call && self.bench.width == Width::I686;
        let goes_on = if is_syscall {
            entered.get("rcx")
        } else if is_sysenter {
            u64::from(abi::CALL_PAGE_I686) + AFTER_SYSENTER
        } else if let Some(interrupted) = self.interrupted(entered).filter(|interrupted| interrupted.ring == 3) {
            interrupted.instruction
        } else {
            return;
        };
        let is_call = is_syscall || is_sysenter || self.bench.tables.gates[CALL_GATE] == entered.instruction();
        let before = if is_call { CALL_BYTES } else { 0 };
        for place in [goes_on - before, goes_on] {
            if self.in_ring_3.insert(place) {
                self.ahead.insert(place);
                self.bench.gdb.insert(&[place]).expect("a breakpoint");
            }
        }
    }

    /// The context that a gate has interrupted which has just been entered.
    fn interrupted(&mut self, entered: &Registers) -> Option<Interrupted> {
        let here = entered.instruction();
        let vector = self.bench.tables.gates.iter().position(|gate| *gate == here)?;
        let pushed = if ERROR_CODES.contains(&vector) { 1 } else { 0 };
        Some(self.bench.pushed(entered, pushed))
    }

    /// Puts the CPU at each gate of the same kind, with the frame that it has pushed for this one: no machine has
    /// devices and faults for all 256 vectors.
    fn walk_gates_like(&mut self, entered: &Registers) {
        let here = entered.instruction();
        let Some(kind) = self.kind(here).filter(|_| self.bench.tables.gates.contains(&here)) else { return };
        let others = self.bench.tables.gates.iter().copied().filter(|gate| *gate != here);
        let alike: BTreeSet<u64> = others.filter(|gate| self.kind(*gate) == Some(kind)).collect();
        for gate in alike {
            let places: Vec<u64> = self.stub(gate)[..kind.0].iter().map(|instruction| instruction.address).collect();
            let new: Vec<u64> = places.iter().copied().filter(|place| self.ahead.contains(place)).collect();
            if !new.is_empty() {
                self.bench.gdb.remove(&new).expect("no breakpoints");
                self.place(entered, &places);
            }
        }
        self.bench.gdb.restore(entered).expect("the registers as they were");
    }

    /// Puts the CPU at instructions that follow each other, with the registers that it had elsewhere.
    fn place(&mut self, registers: &Registers, places: &[u64]) {
        self.bench.gdb.restore(registers).expect("registers");
        self.bench.put_at(places[0]);
        for (index, place) in places.iter().enumerate() {
            let here = self.bench.gdb.registers().expect("registers");
            assert_eq!(here.instruction(), *place, "the instructions don't follow each other");
            self.bench.strike(&here);
            self.placed += usize::from(self.ahead.remove(place));
            if index + 1 < places.len() {
                self.bench.gdb.step(Interrupts::HeldBack).expect("a step");
            }
        }
    }

    /// How many instructions a stub has, and where it goes on.
    fn kind(&self, gate: u64) -> Option<(usize, u64)> {
        let stub = self.stub(gate);
        let count = stub.iter().position(|instruction| instruction.mnemonic() == "jmp")? + 1;
        Some((count, stub[count - 1].target()?)).filter(|_| count <= 3)
    }

    /// The instructions from a gate's first one on: stubs of one kind may lie in one function.
    fn stub(&self, gate: u64) -> &[Instruction] {
        let Some(function) = self.bench.listing.function(gate) else { return &[] };
        function.index(gate).map_or(&[], |index| &function.instructions[index..])
    }

    fn report(self, own: &BTreeSet<u64>, neighbours: &BTreeSet<u64>) {
        let missed: Vec<u64> = own.intersection(&self.ahead).copied().collect();
        let not_met = neighbours.intersection(&self.ahead).count();
        println!(
            "{}: NMIs at {} of {} instructions of the ways in and out ({} of them with the CPU put there), \
             {} of {} beside them, {} in ring 3",
            self.bench.width.name(),
            own.len() - missed.len(),
            own.len(),
            self.placed,
            neighbours.len() - not_met,
            neighbours.len(),
            self.in_ring_3.len(),
        );
        let missed: Vec<String> = missed.iter().map(|address| self.bench.listing.describe(*address)).collect();
        // Why the program went no further says more than where it didn't come.
        self.bench.check_end();
        assert!(missed.is_empty(), "no NMI came at\n{}", missed.join("\n"));
    }
}
