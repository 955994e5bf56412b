//! A data breakpoint on what the program loads into SS just before it enters the kernel (CVE-2018-8897).
//!
//! The CPU holds the debug exception back until the instruction after `mov ss` is done (SDM 3A, 6.8.3). If that enters
//! ring 0, the exception finds the kernel at its first instruction, on whatever stack that has, before anything is
//! saved. Emulators differ: QEMU doesn't hold it back, and Bochs forgets it at an `int`. Each is fine, as long as it
//! comes once at the most and the entry goes on as if nothing had been.
use core::sync::atomic::{AtomicU16, AtomicUsize, Ordering};

use x86::debugregs::{BreakCondition, BreakSize, Breakpoint, Dr6, Dr7, dr6, dr6_write, dr7_write};
use x86_entry::{GlobalDescriptorTable, TrapFrame};

/// A page of its own: after a breakpoint in a page, QEMU takes the next access to any part of that for another hit.
#[repr(C, align(4096))]
pub struct Watched(AtomicU16);

/// What the program loads into SS.
pub static SELECTOR: Watched = Watched(AtomicU16::new(GlobalDescriptorTable::SELECTORS.user_data));

static IN_RING_0: AtomicUsize = AtomicUsize::new(0);
static IN_RING_3: AtomicUsize = AtomicUsize::new(0);

/// Sets the breakpoint.
pub fn begin() {
    // Single steps before this have left their mark.
    clear_status();
    // SAFETY: ring 0; only the program reads there.
    unsafe {
        Breakpoint::Dr0.configure(SELECTOR.0.as_ptr() as usize, BreakCondition::DataReadsWrites, BreakSize::Bytes2)
    };
    // SAFETY: as above.
    unsafe { Breakpoint::Dr0.enable_global() };
}

/// Takes the breakpoint away.
pub fn end() {
    // SAFETY: ring 0.
    unsafe { dr7_write(Dr7(Dr7::EMPTY)) };
}

/// Counts a debug exception, and returns whether it is the breakpoint's.
pub fn take(frame: &TrapFrame) -> bool {
    // SAFETY: ring 0.
    if !unsafe { dr6() }.contains(Dr6::B0) {
        return false;
    }
    clear_status();
    let count = if frame.from_user() { &IN_RING_3 } else { &IN_RING_0 };
    count.fetch_add(1, Ordering::Relaxed);
    true
}

/// Says where the exception was taken since the last call, once at the most.
pub fn came() -> &'static str {
    match [&IN_RING_0, &IN_RING_3].map(|count| count.swap(0, Ordering::Relaxed)) {
        [0, 0] => "nowhere",
        [1, 0] => "in ring 0",
        [0, 1] => "in ring 3",
        [in_ring_0, in_ring_3] => panic!("{in_ring_0} debug exceptions in ring 0 and {in_ring_3} in ring 3"),
    }
}

/// Clears DR6. The CPU sets its bits and never clears them (SDM 3B 17.2.3).
pub fn clear_status() {
    // SAFETY: ring 0.
    unsafe { dr6_write(Dr6::empty()) };
}
