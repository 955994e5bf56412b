//! The kernel on a machine whose every instruction can be stopped at, and what is done there.

use std::fmt::Write as _;
use std::rc::Rc;

use runner::exit::Exit;
use runner::gdb::{Gdb, Interrupts, Registers};
use runner::listing::Listing;
use runner::machine::{Direct, Hardware, Machine};
use xtask::Width;
use xtask::build::kernel_with_symbols;

use super::paths::{
    NMI, Paths, TASK_CODE, TASK_FLAGS, TASK_INSTRUCTION, TASK_PAGE_TABLES, Tables, is_own_of, is_stub, number,
};

/// The vectors whose own ways in few cases go through: NMI, #DF and #MC.
pub const RARE: [u8; 3] = [2, 8, 18];

/// Where `sysexit` goes back to in the call page: behind `mov ecx, esp` and `sysenter`.
pub const AFTER_SYSENTER: u64 = 4;

/// EFLAGS.IF.
const INTERRUPT_FLAG: u64 = 1 << 9;

/// EFLAGS.RF. A CPU sets it in the flags that a fault saves, and keeps it in those that an interrupt saves (SDM 3B,
/// 18.3.1.1). QEMU 10 sets it for interrupts, too; the next instruction clears it.
const RESUME_FLAG: u64 = 1 << 16;

/// `sti`.
const STI_BYTES: u64 = 1;

/// CR0.TS, which every task switch sets (SDM 3A, 8.3).
const TASK_SWITCHED: u64 = 1 << 3;

/// The ends of the names of those registers that the idle loop keeps.
const GENERAL: [&str; 15] =
    ["ax", "bx", "cx", "dx", "si", "di", "bp", "sp", "flags", "cs", "ss", "ds", "es", "cr4", "efer"];

/// The machine, its debugger, and what is known of its kernel.
pub struct Bench {
    pub width: Width,
    pub machine: Machine,
    pub gdb: Gdb,
    pub listing: Rc<Listing>,
    pub tables: Tables,
    pub paths: Paths,
    /// The address at which every NMI begins; on i686 its task goes on behind its last `iret` from the second on.
    entry: u64,
    idle: u64,
    /// Where a crash record begins.
    crash: u64,
    injected: u32,
    /// Where the last NMI was raised.
    last: u64,
    /// RF, once this emulator has set it in the flags that an NMI saved.
    set_by_interrupts: u64,
}

/// Where an interrupt found the CPU.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Interrupted {
    pub instruction: u64,
    pub ring: u64,
    flags: u64,
}

impl Bench {
    /// The kernel's instructions: reading them takes longer than booting.
    pub fn listing(width: Width) -> Rc<Listing> {
        Rc::new(Listing::of(&kernel_with_symbols(width)).expect("a listing of the kernel"))
    }

    /// Boots what the suite does for every way into the kernel, and stops it at the first system call.
    #[track_caller]
    pub fn boot(hardware: Hardware, width: Width, listing: &Rc<Listing>) -> Bench {
        let listing = Rc::clone(listing);
        let (mut machine, mut gdb) = hardware.debug(Direct::suite().command_line("only=anywhere"));
        // On a kernel stack, with the registers as the entry found them.
        let first_call = [listing.address(&["Bell as x86_entry", "::message_call"])];
        gdb.insert(&first_call).expect("a breakpoint");
        if gdb.resume().expect("a debugger").is_none() {
            panic!("the machine ended before its first system call: {}", machine.last_words());
        }
        gdb.remove(&first_call).expect("no breakpoint");
        let tables = Tables::read(width, &mut machine, &mut gdb);
        let paths = Paths::of(width, &listing, &tables);
        let idle = listing.address(&["::idle::idle"]);
        let entry = tables.gates[NMI];
        let crash = listing.address(&["arch::crash::record"]);
        gdb.insert(&[crash]).expect("a breakpoint");
        let mut bench = Bench {
            width,
            machine,
            gdb,
            listing,
            tables,
            paths,
            entry,
            idle,
            crash,
            injected: 0,
            last: first_call[0],
            set_by_interrupts: 0,
        };
        if width == Width::I686 {
            bench.move_entry();
        }
        bench
    }

    /// The first NMI of a task gate begins at the task's first instruction, every other behind the `iret` of the last.
    fn move_entry(&mut self) {
        let here = self.gdb.registers().expect("registers");
        self.strike(&here);
        let function = self.listing.function(self.entry).expect("the task");
        let after = function.instructions.iter().skip_while(|instruction| instruction.mnemonic() != "iret").nth(1);
        let after = after.expect("an instruction behind the task's `iret`").address;
        self.entry = after;
    }

    /// Lets the machine run up to one of the places, or to a breakpoint that is set already. Returns nothing if it ends
    /// before.
    #[track_caller]
    pub fn run_to(&mut self, places: &[u64]) -> Option<Registers> {
        self.gdb.insert(places).expect("breakpoints");
        let stop = self.gdb.resume().expect("a debugger")?;
        self.gdb.remove(places).expect("no breakpoints");
        if stop.instruction() == self.crash {
            self.show_crash();
        }
        Some(stop)
    }

    /// Lets the machine run to an instruction of the paths, or puts the CPU there if the program is known not to reach
    /// it. Returns whether the CPU is there. It isn't if the machine has ended.
    pub fn go_to(&mut self, place: u64) -> bool {
        let function = self.listing.function(place).expect("a function");
        if self.paths.unused.contains_key(&place) || is_stub(function) || is_own_of(function, &RARE) {
            self.put_at(place);
            return true;
        }
        self.run_to(&[place]).is_some()
    }

    /// Puts the CPU at an instruction.
    pub fn put_at(&mut self, place: u64) {
        let pointer = if self.width == Width::I686 { "eip" } else { "rip" };
        self.gdb.set(pointer, place).expect("an instruction pointer");
    }

    /// Lets the machine, which is at its first fast call, go back to the program, and returns where that is.
    #[track_caller]
    pub fn go_to_ring_3(&mut self) -> u64 {
        let here = self.gdb.registers().expect("registers");
        let place = match self.width {
            Width::I686 => u64::from(abi::CALL_PAGE_I686) + AFTER_SYSENTER,
            Width::X86_64 => here.get("rcx"),
        };
        let there = self.run_to(&[place]).expect("the call comes back");
        assert_eq!((there.instruction(), there.ring()), (place, 3), "the program goes on behind its call");
        place
    }

    /// Lets the program, which has ended, say whether all was well, and the kernel how many NMIs it counted.
    #[track_caller]
    pub fn check_end(mut self) {
        let (text, exit) = self.machine.output();
        let passed = text.lines().any(|line| line.starts_with("suite: ") && line.contains(" passed, 0 failed"));
        assert!(passed && matches!(exit, Exit::Debug(_)), "the suite ended by {exit:?}:\n{text}");
        let counted = format!("anywhere: {} non-maskable interrupts", self.injected);
        assert!(text.contains(&counted), "{counted:?} is what the kernel should have counted:\n{text}");
    }

    /// Whether a crash record begins there.
    pub fn is_crash(&self, place: u64) -> bool {
        place == self.crash
    }

    /// Lets the machine run on to a crash that is meant.
    pub fn let_it_crash(&mut self) {
        self.gdb.remove(&[self.crash]).expect("no breakpoint");
        self.gdb.release().expect("a debugger");
    }

    /// Lets the kernel write its record, and fails with it.
    #[track_caller]
    fn show_crash(&mut self) -> ! {
        self.let_it_crash();
        let record = self.machine.expect("The kernel has stopped.");
        panic!("the kernel crashed after an NMI at {}:\n{record}", self.listing.describe(self.last));
    }

    /// Raises an NMI where the machine is stopped; it is taken when the machine goes on.
    pub fn inject(&mut self, here: &Registers) {
        self.last = here.instruction();
        self.machine.nmi();
        self.injected += 1;
    }

    /// Sees an NMI being taken, exactly there.
    #[track_caller]
    pub fn expect_taken_at(&mut self, instruction: u64) -> Registers {
        if self.last == self.entry {
            // Raised there, it waits; the breakpoint would be met at once.
            self.gdb.step(Interrupts::HeldBack).expect("a step");
        }
        let Some(entered) = self.run_to(&[self.entry]) else { self.fail("the machine ended before it took the NMI") };
        if entered.instruction() != self.entry {
            let found = self.listing.describe(entered.instruction());
            self.fail(&format!("not the NMI's entry came next but {found}"));
        }
        let interrupted = self.interrupted(&entered);
        self.set_by_interrupts |= interrupted.flags & RESUME_FLAG;
        if interrupted.instruction != instruction {
            let found = self.listing.describe(interrupted.instruction);
            self.fail(&format!("the NMI was taken at {found}"));
        }
        entered
    }

    /// Interrupts the code that is stopped with these registers, and sees that it goes on with the same.
    #[track_caller]
    pub fn strike(&mut self, before: &Registers) {
        self.inject(before);
        self.expect_taken_at(before.instruction());
        self.expect_back(before);
    }

    /// Waits until interrupted code goes on, and compares every register that the debugger shows.
    #[track_caller]
    pub fn expect_back(&mut self, before: &Registers) {
        let back = self.goes_on_at(before);
        loop {
            let Some(after) = self.run_to(&[back]) else { self.fail("the machine ended in the NMI") };
            if after.instruction() == back && after.stack() == before.stack() && after.ring() == before.ring() {
                return self.compare(before, &after, back);
            }
            // The way back goes through instructions that are to be interrupted themselves. A step ignores breakpoints.
            self.gdb.step(Interrupts::HeldBack).expect("a step");
        }
    }

    /// The idle loop begins anew, lest it halts without having seen what came; all else goes on where it was.
    fn goes_on_at(&self, before: &Registers) -> u64 {
        if self.is_idle(before) {
            self.idle
        } else if self.is_sysexit(before) {
            before.instruction() - STI_BYTES
        } else {
            before.instruction()
        }
    }

    /// No interrupt comes between `sti` and `sysexit`, unless an NMI's return ends the shadow: `sti` must be done
    /// again.
    fn is_sysexit(&self, registers: &Registers) -> bool {
        self.listing.mnemonic(registers.instruction()) == "sysexit"
    }

    fn is_idle(&self, registers: &Registers) -> bool {
        let function = self.listing.function(registers.instruction());
        registers.ring() == 0 && function.is_some_and(|function| function.address() == self.idle)
    }

    #[track_caller]
    fn compare(&mut self, before: &Registers, after: &Registers, back: u64) {
        // Other interrupts are let through there, and other programs may have run.
        let in_idle = self.is_idle(before);
        if after.ring() == 0 && !in_idle && after.get("eflags") & INTERRUPT_FLAG != 0 {
            self.fail("the kernel goes on with interrupts on");
        }
        let mut differences = String::new();
        for (name, was, is) in before.differences(after) {
            let explained = match name.as_str() {
                "eip" | "rip" => before.instruction() != back,
                "eflags" if self.is_sysexit(before) => before.get("eflags") & !INTERRUPT_FLAG == after.get("eflags"),
                // The flags that another interrupt saved in the idle loop aren't compared.
                "eflags" => {
                    let set = if in_idle { RESUME_FLAG } else { self.set_by_interrupts };
                    before.get("eflags") | set == after.get("eflags")
                }
                name if in_idle => !GENERAL.iter().any(|general| name.ends_with(general)),
                "cr3" => self.is_noted(after.get("cr3")),
                "cr0" => self.width == Width::I686 && before.get("cr0") | TASK_SWITCHED == after.get("cr0"),
                _ => false,
            };
            if !explained {
                let _ = write!(differences, "\n{name} was {was} and is {is}");
            }
        }
        if !differences.is_empty() {
            self.fail(&format!("the NMI changed registers:{differences}"));
        }
    }

    /// Whether the task's end has loaded page tables that the kernel was about to load itself.
    fn is_noted(&mut self, page_tables: u64) -> bool {
        let noted = self.gdb.read(self.tables.task + TASK_PAGE_TABLES, 4).expect("a task");
        self.width == Width::I686 && number(&noted) == page_tables
    }

    /// Where an NMI came that has just been taken by its gate.
    fn interrupted(&mut self, entered: &Registers) -> Interrupted {
        if self.width == Width::X86_64 {
            return self.pushed(entered, 0);
        }
        let task = self.tables.interrupted_task(&mut self.gdb);
        let word = |gdb: &mut Gdb, at: u64| number(&gdb.read(task + at, 4).expect("a task"));
        let instruction = word(&mut self.gdb, TASK_INSTRUCTION);
        let ring = word(&mut self.gdb, TASK_CODE) & 3;
        Interrupted { instruction, ring, flags: word(&mut self.gdb, TASK_FLAGS) }
    }

    /// Reads the interrupt's frame, which the CPU pushed below `words` words of the stack.
    pub fn pushed(&mut self, entered: &Registers, words: u64) -> Interrupted {
        let size = if self.width == Width::I686 { 4 } else { 8 };
        let frame = self.gdb.read(entered.stack() + words * size, 3 * size as usize).expect("a frame");
        let [instruction, code, flags] =
            [0, 1, 2].map(|index| number(&frame[index * size as usize..][..size as usize]));
        Interrupted { instruction, ring: code & 3, flags }
    }

    /// Fails, and says where the last NMI came.
    #[track_caller]
    pub fn fail(&self, what: &str) -> ! {
        let log = self.machine.unread();
        let lines: Vec<_> = log.lines().collect();
        let end = lines[lines.len().saturating_sub(30)..].join("\n");
        panic!("an NMI at {}: {what}\n{end}", self.listing.describe(self.last))
    }
}
