//! The last words: what the kernel says of an exception of its own before it stops.

use crate::journal::{self, Writer};
use core::fmt::Write;
use x86::controlregs::{cr2, cr3};
use x86_entry::{Frame, vector};

/// Writes the record of an exception in ring 0 to the log, which takes COM1 back for it, and stops the CPU.
#[cold]
pub fn in_kernel(frame: &Frame) -> ! {
    journal::take_serial();
    let number = frame.vector();
    // SAFETY: ring 0.
    let fault_address = unsafe { cr2() };
    // SAFETY: ring 0.
    let root = unsafe { cr3() };
    // Writing to the log can't fail.
    let _ = writeln!(Writer, "CRASH: {} (vector {number}) in the kernel", vector::name(number));
    let _ = writeln!(Writer, "{frame:#x?}");
    let _ = writeln!(Writer, "cr2: {fault_address:#x} cr3: {root:#x}");
    loop {
        // SAFETY: with interrupts off, which they are in the kernel, this only waits.
        unsafe { x86::halt() };
    }
}
