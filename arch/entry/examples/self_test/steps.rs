//! Single steps through the ways in and out: a debug exception at every instruction (SDM 3B 17.3.1.4).
//!
//! A gate clears TF, and so does `syscall`'s mask. So a breakpoint stops the CPU at an entry's first instruction, and
//! TF is set there. From there on every instruction of the kernel is interrupted, up to the one that is back in the
//! interrupted code.
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use x86::debugregs::{BreakCondition, BreakSize, Breakpoint, Dr6, Dr7, dr6, dr7_write};
use x86_entry::TrapFrame;

use crate::script::TRAP_FLAG;
use crate::seen;
use crate::watch::clear_status;
use crate::width::{self, FAST_RETURN};

/// Whether the breakpoint is set.
static IS_ARMED: AtomicBool = AtomicBool::new(false);
static IS_STEPPING: AtomicBool = AtomicBool::new(false);
/// Whether the program is to be stepped: a #DB of ring 3 is then its own.
static IS_TRACED: AtomicBool = AtomicBool::new(false);
/// What is left of a sweep: the next address for the breakpoint, and the end.
static SWEEP: [AtomicUsize; 2] = [AtomicUsize::new(0), AtomicUsize::new(0)];
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// Steps to the instruction that ends a fast call.
static RETURNS: AtomicUsize = AtomicUsize::new(0);

/// The fewest instructions of a way in and out: those of a handler without the frame.
const FEWEST: usize = 25;

/// Steps the next trap that comes by an entry.
pub fn begin(entry: usize) {
    RETURNS.store(0, Ordering::Relaxed);
    stop_at(entry);
}

/// Puts the breakpoint on an instruction.
fn stop_at(entry: usize) {
    // SAFETY: ring 0; the address is one of the kernel's instructions.
    unsafe { Breakpoint::Dr0.configure(entry, BreakCondition::Instructions, BreakSize::Bytes1) };
    // SAFETY: as above.
    unsafe { Breakpoint::Dr0.enable_global() };
    IS_ARMED.store(true, Ordering::Relaxed);
}

/// Takes a #DB of ring 0, and returns whether it is one of a step or of the breakpoint. The next instruction is stepped
/// too.
pub fn take(frame: &mut TrapFrame) -> bool {
    // SAFETY: ring 0.
    let is_breakpoint = unsafe { dr6() }.contains(Dr6::B0);
    if is_breakpoint && take_in_sweep() {
        return true;
    }
    if is_breakpoint && IS_ARMED.swap(false, Ordering::Relaxed) {
        // SAFETY: ring 0.
        unsafe { dr7_write(Dr7(Dr7::EMPTY)) };
        IS_STEPPING.store(true, Ordering::Relaxed);
    }
    if !IS_STEPPING.load(Ordering::Relaxed) {
        return false;
    }
    COUNT.fetch_add(1, Ordering::Relaxed);
    seen::note(frame.instruction_pointer());
    // SAFETY: the CPU executes the instruction next, and memory goes on behind it.
    let next = unsafe { core::slice::from_raw_parts(frame.instruction_pointer() as *const u8, FAST_RETURN.len()) };
    RETURNS.fetch_add(usize::from(next == FAST_RETURN), Ordering::Relaxed);
    clear_status();
    frame.set_flags(frame.flags() | TRAP_FLAG);
    width::step_over_flags(frame);
    if let Some(address) = width::unstepped_behind(frame) {
        stop_at(address);
    }
    true
}

/// Begins a sweep: a breakpoint at one instruction of an entry at a time, without single steps. A breakpoint at another
/// byte of an instruction never comes.
pub fn begin_sweep(entry: usize, bytes: usize) {
    SWEEP[0].store(entry, Ordering::Relaxed);
    SWEEP[1].store(entry + bytes, Ordering::Relaxed);
}

/// Puts the breakpoint on the next byte of the sweep, and returns whether there was one.
pub fn sweep_on() -> bool {
    let next = SWEEP[0].fetch_add(1, Ordering::Relaxed);
    if next >= SWEEP[1].load(Ordering::Relaxed) {
        SWEEP[1].store(0, Ordering::Relaxed);
        // SAFETY: ring 0.
        unsafe { dr7_write(Dr7(Dr7::EMPTY)) };
        return false;
    }
    stop_at(next);
    true
}

/// Takes a #DB of ring 0 that is the breakpoint's of a sweep.
fn take_in_sweep() -> bool {
    if SWEEP[1].load(Ordering::Relaxed) == 0 {
        return false;
    }
    // SAFETY: ring 0.
    unsafe { dr7_write(Dr7(Dr7::EMPTY)) };
    clear_status();
    // The frame may be that of the instruction behind those that were done at once.
    seen::note(SWEEP[0].load(Ordering::Relaxed) - 1);
    true
}

/// Takes a #DB of ring 3, and returns whether it is the one behind the last step.
pub fn take_in_ring_3(frame: &mut TrapFrame) -> bool {
    if !IS_STEPPING.swap(false, Ordering::Relaxed) || IS_TRACED.load(Ordering::Relaxed) {
        return false;
    }
    clear_status();
    frame.set_flags(frame.flags() & !TRAP_FLAG);
    true
}

/// Says whether the program is to be stepped from now on.
pub fn set_traced(is_traced: bool) {
    IS_TRACED.store(is_traced, Ordering::Relaxed);
}

/// Checks that a way was stepped since the last check.
pub fn check(what: &str) {
    let count = COUNT.swap(0, Ordering::Relaxed);
    assert!(count >= FEWEST, "{count} steps of {what}");
    line!("self-test: {count} steps of {what}");
}

/// Checks that the instruction that ends a fast call was stepped since the last check.
pub fn check_return() {
    assert_eq!(RETURNS.swap(0, Ordering::Relaxed), 1, "steps to the end of a fast call");
}

/// Takes no further #DB for a step: in ring 0, or if an emulator raises none in ring 3.
pub fn end() {
    IS_STEPPING.store(false, Ordering::Relaxed);
}
