//! The rows, and the instructions whose cost they are.
use core::arch::asm;
#[cfg(target_arch = "x86")]
use core::arch::naked_asm;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, Ordering};

use x86_entry::EntryData;

use crate::compiler::NOT_PRESENT_SELECTOR;
use crate::{Bench, CALL, COMPILERS, FRAMELESS, NOTHING, OURS};

/// Rounds of a row: the first ones fill what an emulator or a CPU remembers.
const ROUNDS: usize = 16;

/// The costs of a row's rounds.
pub struct Rounds([AtomicU32; ROUNDS]);

impl Rounds {
    const fn new() -> Self {
        Self([const { AtomicU32::new(0) }; ROUNDS])
    }

    /// Runs the rounds.
    fn take(&self, round: fn() -> u32) {
        for place in &self.0 {
            // Each by itself, so that no compiler moves one instruction between the two readings.
            let empty = nothing();
            place.store(round() - empty, Ordering::Relaxed);
        }
    }

    /// Returns the cost of the cheapest round and of the middle one.
    pub fn costs(&self) -> (u32, u32) {
        let mut all = self.0.each_ref().map(|cost| cost.load(Ordering::Relaxed));
        all.sort_unstable();
        (all[0], all[ROUNDS / 2])
    }
}

/// Returns the rows' names, and where their costs are kept.
pub const fn rows() -> [(&'static str, Rounds); COUNT] {
    let mut rows = [const { ("", Rounds::new()) }; COUNT];
    let mut index = 0;
    while index < COUNT {
        rows[index].0 = if index < IN_RING_0.len() { IN_RING_0[index].0 } else { IN_RING_3[index - IN_RING_0.len()].0 };
        index += 1;
    }
    rows
}

pub const COUNT: usize = IN_RING_0.len() + IN_RING_3.len();

/// A row's name, and what a round does.
type Row = (&'static str, fn() -> u32);

const IN_RING_0: &[Row] = &[
    ("interrupt_ring_0", interrupt::<OURS>),
    ("compiler_interrupt_ring_0", interrupt::<COMPILERS>),
    ("frameless_ring_0", interrupt::<FRAMELESS>),
    ("fault_ring_0", fault::<NO_SELECTOR>),
    ("compiler_fault_ring_0", fault::<NOT_PRESENT_SELECTOR>),
    #[cfg(target_arch = "x86_64")]
    ("swapping_ring_0", interrupt::<{ crate::SWAPPING }>),
];

const IN_RING_3: &[Row] = &[
    ("interrupt_ring_3", interrupt::<OURS>),
    ("compiler_interrupt_ring_3", interrupt::<COMPILERS>),
    ("frameless_ring_3", interrupt::<FRAMELESS>),
    #[cfg(target_arch = "x86_64")]
    ("swapping_ring_3", interrupt::<{ crate::SWAPPING }>),
    ("call_ring_3", || call(NOTHING)),
    ("fast_call_ring_3", fast_call),
];

/// Runs the rows that begin in ring 0.
pub fn of_ring_0() {
    for ((_, rounds), (_, round)) in crate::ROWS.iter().zip(IN_RING_0) {
        rounds.take(*round);
    }
}

/// Runs the rows that begin in ring 3.
pub fn of_ring_3() {
    for ((_, rounds), (_, round)) in crate::ROWS[IN_RING_0.len()..].iter().zip(IN_RING_3) {
        rounds.take(*round);
    }
}

/// A selector behind the end of the GDT.
const NO_SELECTOR: u16 = 0xFFF8;

/// The bytes of `mov ds, ecx`.
pub const BAD_LOAD_BYTES: usize = 2;

/// Reads the clock twice with nothing between.
fn nothing() -> u32 {
    let cost: u32;
    // SAFETY: reading the clock changes nothing.
    unsafe {
        asm!("rdtsc", "mov {before:e}, eax", "rdtsc", "sub eax, {before:e}",
            before = out(reg) _, out("eax") cost, out("edx") _, options(nostack))
    };
    cost
}

/// Interrupts itself.
fn interrupt<const VECTOR: u8>() -> u32 {
    let cost: u32;
    // SAFETY: the handler changes no register.
    unsafe {
        asm!("rdtsc", "mov {before:e}, eax", "int {vector}", "rdtsc", "sub eax, {before:e}",
            before = out(reg) _, vector = const VECTOR, out("eax") cost, out("edx") _)
    };
    cost
}

/// Loads a bad selector. The handler leads over the instruction.
fn fault<const SELECTOR: u16>() -> u32 {
    let cost: u32;
    // SAFETY: the handler changes no register, and DS stays as it was.
    unsafe {
        asm!("mov ecx, {selector}", "rdtsc", "mov {before:e}, eax", "mov ds, ecx", "rdtsc", "sub eax, {before:e}",
            before = out(reg) _, selector = const SELECTOR, out("eax") cost, out("ecx") _, out("edx") _)
    };
    cost
}

/// Makes a system call by `int`. Its handler gives back the number.
pub fn call(number: usize) -> u32 {
    let cost: u32;
    // SAFETY: the call changes no register.
    unsafe {
        asm!("rdtsc", "mov {before:e}, eax", "mov eax, {number:e}", "int {vector}", "rdtsc", "sub eax, {before:e}",
            before = out(reg) _, number = in(reg) number, vector = const CALL, out("eax") cost, out("edx") _)
    };
    // The call's number was loaded, too.
    cost - 1
}

/// Makes a system call by `syscall`.
#[cfg(target_arch = "x86_64")]
fn fast_call() -> u32 {
    let cost: u32;
    // SAFETY: the call changes rcx, r10 and r11.
    unsafe {
        asm!("rdtsc", "mov {before:e}, eax", "xor eax, eax", "syscall", "rdtsc", "sub eax, {before:e}",
            before = out(reg) _, out("eax") cost, out("edx") _, out("rcx") _, out("r10") _, out("r11") _)
    };
    // The call's number was loaded, too.
    cost - 1
}

/// Makes a system call by `sysenter`, which returns to [`sysenter_return`].
#[cfg(target_arch = "x86")]
fn fast_call() -> u32 {
    let cost: u32;
    // SAFETY: the call changes ecx and edx.
    unsafe {
        asm!("rdtsc", "mov {before:e}, eax", "xor eax, eax", "call {call}", "rdtsc", "sub eax, {before:e}",
            before = out(reg) _, call = sym enter, out("eax") cost, out("ecx") _, out("edx") _)
    };
    // The call's number was loaded, too.
    cost - 1
}

/// Where the linker script puts the section that holds nothing but [`sysenter_return`].
#[cfg(target_arch = "x86")]
pub const SYSENTER_RETURN_ADDRESS: usize = 0x10_0000;
/// x86_64 doesn't use `sysenter`.
#[cfg(target_arch = "x86_64")]
pub const SYSENTER_RETURN_ADDRESS: usize = 0;

/// What `sysexit` returns to.
#[cfg(target_arch = "x86")]
#[unsafe(naked)]
#[unsafe(link_section = ".fixed")]
extern "C" fn sysenter_return() {
    naked_asm!("ret")
}

#[cfg(target_arch = "x86")]
#[unsafe(naked)]
extern "C" fn enter() {
    naked_asm!("mov ecx, esp", "sysenter")
}

/// Leads the fast call to the kernel.
///
/// # Safety
///
/// As for the crate's function.
pub unsafe fn enable_fast_calls(cpu: NonNull<EntryData>) {
    #[cfg(target_arch = "x86_64")]
    {
        let _ = cpu;
        // SAFETY: the caller's promise.
        unsafe { x86_entry::enable_fast_calls::<Bench>() };
    }
    #[cfg(target_arch = "x86")]
    {
        assert_eq!(
            sysenter_return as *const () as usize, SYSENTER_RETURN_ADDRESS,
            "the linker script put it elsewhere"
        );
        // SAFETY: the caller's promise.
        unsafe { x86_entry::enable_fast_calls::<Bench>(cpu) };
    }
}
