//! Finds the instructions of the entry and exit paths: all that can be reached from a gate or a fast call without going
//! through Rust.
//!
//! The gates are read from the running machine, so their targets are those that this CPU uses. The rest follows from
//! the disassembly. The walk thus leaves out padding, and variants for other CPUs.

use std::collections::{BTreeMap, BTreeSet};

use runner::gdb::Gdb;
use runner::listing::{Function, Instruction, Listing};
use runner::machine::Machine;
use xtask::Width;

/// Rust's first instructions behind a path, and its last ones before, that are looked at too.
const NEIGHBOURS: usize = 4;

/// How many instructions before and behind a change of what a CPU can switch.
const BESIDE_SWITCH: usize = 2;

/// The entries of the CPU's tables.
pub struct Tables {
    /// The first instruction behind each gate.
    pub gates: Vec<u64>,
    /// The task state segment in use.
    pub task: u64,
    /// Where the segments' descriptors are.
    descriptors: u64,
    /// The task of an NMI, on i686.
    nmi: Option<u64>,
}

/// The paths of a kernel.
pub struct Paths {
    /// Every instruction of the paths themselves.
    pub own: BTreeSet<u64>,
    /// The instructions that this kernel never comes to, each with the reason.
    pub unused: BTreeMap<u64, &'static str>,
    /// Instructions of Rust beside these paths, and instructions where the kernel changes state that a task switch or
    /// an interrupt's return uses as well: page tables, floating point, segment bases.
    pub neighbours: BTreeSet<u64>,
}

impl Tables {
    /// Reads them from a stopped machine, in which the kernel has loaded them.
    pub fn read(width: Width, machine: &mut Machine, gdb: &mut Gdb) -> Tables {
        let registers = machine.monitor("info registers");
        let [descriptors, gates, task] = ["GDT=", "IDT=", "TR ="].map(|name| base(&registers, name));
        let gates = gdb.read(gates, 256 * gate_bytes(width)).expect("the gates");
        let nmi = &gates[NMI * gate_bytes(width)..];
        let nmi = (width == Width::I686).then(|| task_at(gdb, descriptors, number(&nmi[2..4])));
        let first = |gate: &[u8]| match width {
            Width::X86_64 => number(&gate[..2]) | number(&gate[6..12]) << 16,
            Width::I686 if gate[5] & 0x1F == TASK_GATE => {
                let task = task_at(gdb, descriptors, number(&gate[2..4]));
                number(&gdb.read(task + TASK_INSTRUCTION, 4).expect("a task"))
            }
            Width::I686 => number(&gate[..2]) | number(&gate[6..8]) << 16,
        };
        Tables { gates: gates.chunks(gate_bytes(width)).map(first).collect(), task, descriptors, nmi }
    }

    /// The task that an NMI has interrupted: its link says which.
    pub fn interrupted_task(&self, gdb: &mut Gdb) -> u64 {
        let nmi = self.nmi.expect("a task gate");
        let link = number(&gdb.read(nmi, 2).expect("a task"));
        task_at(gdb, self.descriptors, link)
    }
}

/// Where the task of a selector lies.
fn task_at(gdb: &mut Gdb, descriptors: u64, selector: u64) -> u64 {
    let descriptor = gdb.read(descriptors + (selector & !7), 8).expect("a task's descriptor");
    number(&descriptor[2..5]) | number(&descriptor[7..8]) << 24
}

/// The vector of non-maskable interrupts.
pub const NMI: usize = 2;

/// The kind of gate that switches tasks (SDM 3A, table 3-2).
const TASK_GATE: u8 = 5;
/// Where a 32-bit TSS holds CR3, EIP, EFLAGS and CS (SDM 3A, figure 8-2).
pub const TASK_PAGE_TABLES: u64 = 0x1C;
pub const TASK_INSTRUCTION: u64 = 0x20;
pub const TASK_FLAGS: u64 = 0x24;
pub const TASK_CODE: u64 = 0x4C;

fn gate_bytes(width: Width) -> usize {
    match width {
        Width::I686 => 8,
        Width::X86_64 => 16,
    }
}

/// Reads `GDT=     fffffffff0000000 0000004f`, or a segment register, whose selector comes first.
fn base(registers: &str, name: &str) -> u64 {
    let line = registers.lines().find_map(|line| line.split_once(name)).expect("QEMU lists tables").1;
    let word = line.split_whitespace().nth(usize::from(name == "TR =")).expect("a base");
    u64::from_str_radix(word, 16).expect("a number")
}

/// A number as the CPU stores it.
pub fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

impl Paths {
    /// Follows the paths of a kernel from its gates, its fast calls and the other places that the CPU or a frame leads
    /// to.
    pub fn of(width: Width, listing: &Listing, tables: &Tables) -> Paths {
        let starts = ["_entry::<", "::leave_with::<", "::continue_as_trap::<", "::idle"];
        let others = listing.functions().iter().filter(|function| {
            is_path(function) && starts.iter().any(|start| function.name.contains(start)) && !is_task(function)
        });
        let mut ahead: Vec<u64> = tables.gates.iter().copied().chain(others.map(Function::address)).collect();
        let mut paths = Paths { own: BTreeSet::new(), unused: BTreeMap::new(), neighbours: BTreeSet::new() };
        while let Some(address) = ahead.pop() {
            let Some(function) = listing.function(address) else { panic!("nothing is at {address:#x}") };
            if !is_path(function) {
                paths.neighbours.extend(first_instructions(function, address));
                continue;
            }
            if is_other_kernels(width, function, address) || !paths.own.insert(address) {
                continue;
            }
            let index = function.index(address).expect("the function has it");
            let instruction = &function.instructions[index];
            ahead.extend(instruction.target());
            let next = function.instructions.get(index + 1).filter(|_| instruction.goes_on());
            // The bytes that follow a call of the way out are padding.
            ahead.extend(next.filter(|next| next.text != "int3").map(|next| next.address));
        }
        paths.add_ways_out(listing);
        paths.add_switches(listing);
        paths.note_unused(width, listing);
        paths
    }

    fn add_switches(&mut self, listing: &Listing) {
        let switches = listing.functions().iter().filter(|function| {
            ["FloatingPoint>::exchange", "kernel::Kernel<", "arch::trap::"]
                .iter()
                .any(|name| function.name.contains(name))
        });
        for function in switches {
            for (index, _) in function.instructions.iter().enumerate().filter(|(_, instruction)| is_switch(instruction))
            {
                let around =
                    index.saturating_sub(BESIDE_SWITCH)..(index + BESIDE_SWITCH + 1).min(function.instructions.len());
                self.neighbours.extend(function.instructions[around].iter().map(|instruction| instruction.address));
            }
        }
    }

    /// Notes the instructions that no program and no device can reach in this kernel.
    fn note_unused(&mut self, width: Width, listing: &Listing) {
        for function in listing.functions().iter().filter(|function| is_path(function)) {
            let own: Vec<_> = function.instructions.iter().filter(|one| self.own.contains(&one.address)).collect();
            // The part for ring 0 is behind a jump, or a function of its own.
            let is_call_gate = function.name.contains("Call<");
            let from_ring_0 = if function.name.contains("::saved_in_ring_0::<") {
                Some(function.address())
            } else if function.name.contains("::saved::<") {
                own.iter().find(|one| one.mnemonic() == "je").and_then(|one| one.target())
            } else {
                None
            };
            for one in own.iter().filter(|one| is_call_gate && from_ring_0.is_some_and(|start| one.address >= start)) {
                self.unused.insert(one.address, "the kernel does no calls by `int`");
            }
            for (index, one) in own.iter().enumerate().filter(|(_, one)| one.mnemonic() == "call") {
                let callee = one.target().and_then(|target| listing.function(target)).filter(|callee| !is_path(callee));
                let Some(reason) = callee.and_then(|callee| why_it_stays(width, &callee.name)) else { continue };
                // The way out takes what was returned: two instructions.
                self.unused.extend(own[index + 1..].iter().take(2).map(|one| (one.address, reason)));
            }
        }
    }

    /// The last instructions of Rust before it leaves by a path.
    fn add_ways_out(&mut self, listing: &Listing) {
        for function in listing.functions().iter().filter(|function| !is_path(function)) {
            for (index, instruction) in function.instructions.iter().enumerate() {
                if instruction.target().is_some_and(|target| self.own.contains(&target)) {
                    let before = &function.instructions[index.saturating_sub(NEIGHBOURS)..=index];
                    self.neighbours.extend(before.iter().map(|instruction| instruction.address));
                }
            }
        }
    }
}

/// Why one of the kernel's functions doesn't return to the path that called it.
fn why_it_stays(width: Width, name: &str) -> Option<&'static str> {
    let returns = ["from_ring_0", "::paranoid", "InRing0", "debug_in_ring_0", "::run::<", "::Run<"];
    let leaves = !returns.iter().any(|part| name.contains(part));
    // On i686 #NM in ring 0 returns, see CR0.TS.
    let dies = name.contains("::from_ring_0") && width == Width::X86_64;
    leaves.then_some("the kernel leaves by the way out itself").or(dies.then_some("ring 0 was idle, or is dead"))
}

/// Whether an instruction of the slow way out is for kernels without message calls. On i686 this kernel's calls return
/// by the way out of message calls, which has a `sysexit` of its own. The self-test of `x86-entry` takes the other.
fn is_other_kernels(width: Width, function: &Function, address: u64) -> bool {
    let Some(index) = function.index(address) else { return false };
    let is_way_out = width == Width::I686 && function.name.ends_with("::exit::resume_frame");
    let (before, rest) = function.instructions.split_at(index);
    is_way_out
        && before.iter().any(|one| one.mnemonic() == "iret")
        && rest.iter().any(|one| one.mnemonic() == "sysexit")
}

/// Whether an instruction changes state that other code must find changed together with it.
fn is_switch(instruction: &Instruction) -> bool {
    let saves = ["clts", "fxsave", "xsave", "fnsave", "fxrstor", "xrstor", "frstor", "wrmsr"];
    let is_register = ["%cr0", "%cr3"].iter().any(|register| instruction.text.ends_with(register));
    is_register || saves.iter().any(|name| instruction.mnemonic().starts_with(name))
}

/// Straight on from an address, as far as no jump comes.
fn first_instructions(function: &Function, address: u64) -> impl Iterator<Item = u64> {
    let index = function.index(address).expect("the function has it");
    let some = function.instructions[index..].iter().take(NEIGHBOURS);
    let count = some.clone().take_while(|instruction| instruction.target().is_none() && instruction.goes_on()).count();
    some.take(count + 1).map(|instruction| instruction.address)
}

/// Whether a function is all assembly and part of the ways in and out: the stubs, the tasks, and the idle loop.
fn is_path(function: &Function) -> bool {
    let name = &function.name;
    let is_stub = name.starts_with("x86_entry::stub::") && !name.contains("::debug_in_ring_0");
    is_stub
        || is_task(function)
        || name.starts_with("x86_entry::task_gate::continue_as_trap")
        || name.ends_with("::idle")
}

fn is_task(function: &Function) -> bool {
    function.name.starts_with("x86_entry::task_gate::task_entry")
}

/// Whether a function is where a gate leads to.
pub fn is_stub(function: &Function) -> bool {
    ["::stub::stubs::<", "::stub::direct_stubs::<"].iter().any(|name| function.name.contains(name))
}

/// Whether a function is the own way in of one of the vectors that may come between any two instructions.
pub fn is_own_of(function: &Function, vectors: &[u8]) -> bool {
    let is_own = function.name.contains("::paranoid_") || is_task(function);
    is_own && vectors.iter().any(|vector| function.name.ends_with(&format!(", {vector}>")))
        || function.name.starts_with("x86_entry::task_gate::continue_as_trap")
}
