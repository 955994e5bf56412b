//! Single steps through the ways in and out: a debug exception at every instruction (SDM 3B 17.3.1.4).
//!
//! A gate clears TF, and so does `syscall`'s mask. So a breakpoint stops the CPU at an entry's first instruction, and
//! TF is set there. From there on every instruction of the kernel is interrupted, up to the one that is back in the
//! interrupted code.
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use x86::debugregs::{BreakCondition, BreakSize, Breakpoint, Dr6, Dr7, dr6, dr7_write};
use x86_entry::TrapFrame;

use crate::script::TRAP_FLAG;
use crate::watch::clear_status;
use crate::width;

/// Whether the breakpoint is set.
static IS_ARMED: AtomicBool = AtomicBool::new(false);
static IS_STEPPING: AtomicBool = AtomicBool::new(false);
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// The fewest instructions of a way in and out, with what Rust does between.
const FEWEST: usize = 60;

/// Puts a breakpoint on an entry's first instruction.
pub fn begin(entry: usize) {
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
    if is_breakpoint && IS_ARMED.swap(false, Ordering::Relaxed) {
        // SAFETY: ring 0.
        unsafe { dr7_write(Dr7(Dr7::EMPTY)) };
        IS_STEPPING.store(true, Ordering::Relaxed);
    }
    if !IS_STEPPING.load(Ordering::Relaxed) {
        return false;
    }
    COUNT.fetch_add(1, Ordering::Relaxed);
    clear_status();
    frame.set_flags(frame.flags() | TRAP_FLAG);
    width::step_over_loaded_flags(frame);
    true
}

/// Takes a #DB of ring 3, and returns whether it is the one behind the last step.
pub fn take_in_ring_3(frame: &mut TrapFrame) -> bool {
    if !IS_STEPPING.swap(false, Ordering::Relaxed) {
        return false;
    }
    clear_status();
    frame.set_flags(frame.flags() & !TRAP_FLAG);
    true
}

/// Checks that a way was stepped since the last check.
pub fn check(what: &str) {
    let count = COUNT.swap(0, Ordering::Relaxed);
    assert!(count >= FEWEST, "{count} steps of {what}");
    line!("self-test: {count} steps of {what}");
}

/// Takes no further #DB for a step: in ring 0, or if an emulator raises none in ring 3.
pub fn end() {
    IS_STEPPING.store(false, Ordering::Relaxed);
}
