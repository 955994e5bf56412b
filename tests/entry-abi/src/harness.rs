//! Runs a program with known registers until it traps, and returns its registers at the trap.
//!
//! [`Program::run`] loads every register and goes to ring 3 or ring 0. A trap that no column handles, and the program's
//! own `int` [`DONE`], come to stubs of the harness. They note all registers and return from [`Program::run`] as from a
//! call, so a broken handler costs its row and no more. No code here is under test.
use core::cell::UnsafeCell;

use x86_entry::{EntryData, FloatingPointFormat, Gate, InterruptDescriptorTable, PrivilegeLevel};

use crate::console::Text;
use crate::floats::Floats;
use crate::kernel::Ours;
use crate::segments::{self, SELECTORS};
use crate::start::{Memory, USER};

#[cfg(target_arch = "x86")]
#[path = "harness/i686.rs"]
mod width;
#[cfg(target_arch = "x86_64")]
#[path = "harness/x86_64.rs"]
mod width;

pub use width::{Registers, data_register};

/// The vector by which a program ends.
pub const DONE: u8 = 0xE0;

/// The ring that a program runs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ring {
    /// The kernel's own: the trap stays on the program's stack.
    Zero,
    /// A user's.
    Three,
}

/// Where programs are copied to, and the ends of their stacks, in the part of memory that ring 3 may use.
const CODE: usize = USER;
const CODE_BYTES: usize = 512;
const STACK_END: usize = USER + (1 << 20);
/// Data of programs.
pub const USER_DATA: usize = USER + (2 << 20);

/// The stack of programs in ring 0, and of traps from ring 3.
static RING_0_STACK: Memory<{ 32 * 1024 }> = Memory::new();
static TRAP_STACK: Memory<{ 32 * 1024 }> = Memory::new();
/// The harness's own stubs run there where the CPU can switch to it.
#[cfg(target_arch = "x86_64")]
static HARNESS_STACK: Memory<4096> = Memory::new();

struct Table(UnsafeCell<InterruptDescriptorTable>);

// SAFETY: one CPU, and `table` hands out one short-lived reference after the other.
unsafe impl Sync for Table {}

static TABLE: Table = Table(UnsafeCell::new(InterruptDescriptorTable::new()));

/// The interrupt descriptor table, to be changed.
pub fn table() -> &'static mut InterruptDescriptorTable {
    // SAFETY: one CPU; the callers use it for one statement each.
    unsafe { &mut *TABLE.0.get() }
}

/// The CPU's data for `x86-entry`, whose TSS both columns use.
pub fn cpu() -> &'static mut EntryData {
    let mut data = x86_entry::entry_data::<Ours>().expect("a static place");
    // SAFETY: one CPU; the callers use it for one statement each.
    unsafe { data.as_mut() }
}

/// The 8259s' mask registers: `sysexit` switches interrupts on, and the timer's would arrive as #DF.
const INTERRUPT_MASKS: [u16; 2] = [0x21, 0xA1];

/// Loads segments and table, and masks all interrupts.
pub fn set_up() {
    for port in INTERRUPT_MASKS {
        // SAFETY: ring 0; nothing here waits for an interrupt.
        unsafe { x86::io::outb(port, !0) };
    }
    keep_floats(best_format());
    segments::load(cpu());
    #[cfg(target_arch = "x86_64")]
    cpu().set_interrupt_stack(x86_entry::InterruptStackIndex::Seven, HARNESS_STACK.end());
    reset();
    // SAFETY: the table is static.
    let table: &'static InterruptDescriptorTable = unsafe { &*TABLE.0.get() };
    // SAFETY: the segments are loaded, and the gates lead to the harness until a row says otherwise.
    unsafe { table.load() };
}

/// The format of floating-point state that the CPU has.
pub fn best_format() -> FloatingPointFormat {
    FloatingPointFormat::detect().expect("a CPU with floating point")
}

/// Has `x86-entry` keep the state in this format, if the kernel is built with floating point.
pub fn keep_floats(format: FloatingPointFormat) {
    // SAFETY: ring 0, and interrupts stay off; CPUs have the older formats too.
    unsafe { format.use_in_entries() };
}

/// Every gate to the harness, and every stack to its place.
pub fn reset() {
    for vector in 0..=u8::MAX {
        *table().gate(vector) = match width::stub(vector) {
            Some(address) => harness_gate(address),
            None => Gate::MISSING,
        };
    }
    *table().gate(DONE) = table().gate(DONE).callable_from(PrivilegeLevel::Ring3);
    *table().gate(3) = table().gate(3).callable_from(PrivilegeLevel::Ring3);
    cpu().set_thread_stack::<Ours>(TRAP_STACK.end());
}

#[cfg(target_arch = "x86_64")]
fn harness_gate(address: usize) -> Gate {
    Gate::interrupt(SELECTORS.kernel_code, address as _).on_stack(x86_entry::InterruptStackIndex::Seven)
}

#[cfg(target_arch = "x86")]
fn harness_gate(address: usize) -> Gate {
    Gate::interrupt(SELECTORS.kernel_code, address as _)
}

/// Leads a vector, which ring 3 may use, to a function as it is.
pub fn lead(vector: u8, handler: usize) {
    *table().gate(vector) = Gate::interrupt(SELECTORS.kernel_code, handler as _).callable_from(PrivilegeLevel::Ring3);
}

/// A program before it runs.
pub struct Program {
    /// Its registers.
    pub registers: Registers,
    /// Its floating-point state; without, the unit isn't touched.
    pub floats: Option<Floats>,
}

impl Program {
    /// A program with known registers: naked code that finds its way wherever it lies.
    pub fn new(code: unsafe extern "C" fn(), ring: Ring) -> Self {
        // SAFETY: the code is that long or other code follows, and the place is free memory.
        unsafe { core::ptr::copy_nonoverlapping(code as *const u8, CODE as *mut u8, CODE_BYTES) };
        let stack = match ring {
            Ring::Zero => RING_0_STACK.end() - 4096,
            Ring::Three => STACK_END,
        };
        Self { registers: Registers::known(ring, CODE, stack), floats: Some(Floats::known()) }
    }

    /// Changes the program's registers.
    pub fn with(mut self, change: impl FnOnce(&mut Registers)) -> Self {
        change(&mut self.registers);
        self
    }

    /// Leaves the floating-point unit alone.
    pub fn without_floats(self) -> Self {
        Self { floats: None, ..self }
    }

    /// Runs it until it traps.
    pub fn run(&self) -> Trap {
        width::run(self)
    }

    /// Runs it to its end; general and segment registers must be as they were, but for those in `except`.
    pub fn finish(&self, except: &[usize]) -> Result<Trap, Text> {
        let trap = self.run();
        trap.check_done()?;
        trap.registers.check_kept(&self.registers, except)?;
        Ok(trap)
    }
}

/// How a program's run ended.
pub struct Trap {
    /// The registers of the interrupted code.
    pub registers: Registers,
    /// Its floating-point state, if the program had one.
    pub floats: Floats,
}

impl Trap {
    /// Whether the program came to its end.
    pub fn check_done(&self) -> Result<(), Text> {
        if self.registers.vector == usize::from(DONE) {
            return Ok(());
        }
        Err(Text::new(format_args!("{self}")))
    }
}

impl core::fmt::Display for Trap {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let registers = &self.registers;
        let ring = registers.code & 3;
        write!(formatter, "{} in ring {ring}", short_name(registers.vector))?;
        match instruction_name(registers.instruction) {
            Some(name) if ring == 0 => write!(formatter, " at {name}"),
            _ => Ok(()),
        }
    }
}

/// An exception's mnemonic.
fn short_name(vector: usize) -> &'static str {
    match vector {
        1 => "#DB",
        3 => "#BP",
        6 => "#UD",
        7 => "#NM",
        8 => "#DF",
        10 => "#TS",
        11 => "#NP",
        12 => "#SS",
        13 => "#GP",
        14 => "#PF",
        17 => "#AC",
        19 => "#XM",
        other => x86_entry::vector::name(other),
    }
}

/// The instruction at an address of the kernel, if it is one that handlers fault at.
fn instruction_name(address: usize) -> Option<&'static str> {
    if !(1 << 20..USER).contains(&address) {
        return None;
    }
    // SAFETY: the kernel lies there, and is readable.
    let bytes = unsafe { (address as *const [u8; 4]).read_unaligned() };
    match bytes {
        [0xCF, ..] | [0x48, 0xCF, ..] => Some("iret"),
        [0x0F, 0x28 | 0x29, ..] | [0x41 | 0x44 | 0x45, 0x0F, 0x28 | 0x29, ..] => Some("movaps"),
        [0x66, 0x0F, 0x28 | 0x29 | 0x6F | 0x7F, ..] => Some("movdqa"),
        [0xC5, _, 0x28 | 0x29, _] => Some("vmovaps"),
        [0xC5, _, 0x6F | 0x7F, _] => Some("vmovdqa"),
        [0xC3, ..] => Some("ret"),
        _ => None,
    }
}
