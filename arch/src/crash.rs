//! The crash record: what the kernel writes before it stops.
//!
//! A record may be written from any point of the kernel. So nothing here waits for a lock, allocates, or relies on
//! consistent state of the core. The record goes to the log's ring, to the screen, and to COM1, which it takes back
//! from the driver that has it.

#[cfg_attr(target_arch = "x86", path = "crash/i686.rs")]
#[cfg_attr(target_arch = "x86_64", path = "crash/x86_64.rs")]
mod width;

use core::fmt::{self, Write};
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicBool, Ordering};

use kernel::account::{Account, TraceEntry};
use x86::controlregs::{cr0, cr2, cr3, cr4};
use x86::io::outb;
use x86_entry::{TrapFrame, vector};

use crate::cpu::machine_check;
use crate::io::pc;
use crate::log::journal::{self, Writer};
use crate::state;

/// What ends Bochs.
const SHUTDOWN: &[u8] = b"Shutdown";

/// What the kernel tells QEMU's device when it stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum End {
    /// After a crash record.
    Crashed = 0x21,
    /// After the line that says why the kernel can't start.
    NotStarted = 0x22,
}

static AT_NON_MASKABLE: AtomicBool = AtomicBool::new(false);
static EXITS: AtomicBool = AtomicBool::new(false);
static CRASHED: AtomicBool = AtomicBool::new(false);

/// Makes a later stop end the emulator too: QEMU with an isa-debug-exit device, or Bochs.
pub fn exit_on_stop() {
    EXITS.store(true, Ordering::Relaxed);
}

/// Makes a later non-maskable interrupt end the kernel with a record. So one can see what a machine does that hangs.
pub fn crash_at_non_maskable() {
    AT_NON_MASKABLE.store(true, Ordering::Relaxed);
}

/// Ends the kernel at a non-maskable interrupt, if [`crash_at_non_maskable`] asked for that.
pub(crate) fn at_non_maskable(frame: &TrapFrame) {
    if AT_NON_MASKABLE.load(Ordering::Relaxed) {
        exception(frame);
    }
}

/// Writes the record of an exception and stops.
#[cold]
pub fn exception(frame: &TrapFrame) -> ! {
    let number = frame.vector();
    let place = if frame.from_user() { "a program" } else { "the kernel" };
    record(Some(frame), format_args!("{} (vector {number}) in {place}", vector::name(number)))
}

/// Writes the record of a panic and stops.
#[cold]
pub fn panicked(information: &PanicInfo<'_>) -> ! {
    match information.location() {
        Some(location) => record(None, format_args!("panic at {location}: {}", information.message())),
        None => record(None, format_args!("panic: {}", information.message())),
    }
}

fn record(frame: Option<&TrapFrame>, what: fmt::Arguments<'_>) -> ! {
    journal::seize();
    // Writing to the log can't fail.
    let _ = writeln!(Writer, "CRASH: {what}");
    if CRASHED.swap(true, Ordering::Relaxed) {
        // The record itself went wrong: what it had to say so far is all that there is.
        stop(End::Crashed);
    }
    if let Some(frame) = frame {
        let _ = width::write_registers(frame, &mut Writer);
        let _ = writeln!(Writer, "vector {:#x} error code {:#x}", frame.vector, frame.error_code);
        if frame.vector() == vector::MACHINE_CHECK.number() {
            let _ = machine_check::write_banks(&mut Writer);
        }
    }
    // SAFETY: this is ring 0.
    let cr0 = unsafe { cr0() }.bits();
    // SAFETY: this is ring 0.
    let cr2 = unsafe { cr2() };
    // SAFETY: this is ring 0.
    let cr3 = unsafe { cr3() };
    // SAFETY: this is ring 0.
    let cr4 = unsafe { cr4() }.bits();
    let _ = writeln!(Writer, "cr0 {cr0:#x} cr2 {cr2:#x} cr3 {cr3:#x} cr4 {cr4:#x}");
    // SAFETY: the code that had borrowed the core never goes on.
    let account = unsafe { state::account_of_the_dead() };
    let _ = write_trace(account, &mut Writer);
    let _ = writeln!(Writer, "The kernel has stopped.");
    stop(End::Crashed)
}

/// Writes the last trace entries, two in a line of 80 characters: with all its registers the record fits on a screen of
/// 25 lines.
fn write_trace(account: &Account, to: &mut impl Write) -> fmt::Result {
    writeln!(to, "the last things that happened, oldest first, in cycles before the last of them:")?;
    let last = account.trace_entries().map(|entry| entry.time).max().unwrap_or(0);
    for (number, entry) in account.trace_entries().enumerate() {
        write!(
            to,
            "{:<9} {:8x} in {:5x} {:>11}",
            entry.kind.name(),
            entry.detail,
            entry.thread,
            Ago { entry: &entry, last }
        )?;
        to.write_str(if number % 2 == 0 { " " } else { "\n" })?;
    }
    if account.trace_entries().count() % 2 == 1 { writeln!(to) } else { Ok(()) }
}

/// The time from an entry to the last one.
struct Ago<'a> {
    entry: &'a TraceEntry,
    last: u64,
}

impl fmt::Display for Ago<'_> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.entry.time {
            0 => to.pad("?"),
            time => (self.last - time).fmt(to),
        }
    }
}

/// Stops this CPU for good.
pub fn stop(end: End) -> ! {
    if EXITS.load(Ordering::Relaxed) {
        journal::finish();
        // SAFETY: only tests ask for it, on machines that have this device.
        unsafe { outb(pc::DEBUG_EXIT, end as u8) };
        for &byte in SHUTDOWN {
            // SAFETY: as above.
            unsafe { outb(pc::BOCHS_SHUTDOWN, byte) };
        }
    }
    loop {
        // SAFETY: with interrupts off, which they are in the kernel, this only waits.
        unsafe { x86::halt() };
    }
}
