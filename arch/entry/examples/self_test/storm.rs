//! NMIs at any instruction, those of the entry and exit paths among them.
//!
//! The timer's line is an NMI here, armed anew at each with another delay, while the program does nothing but trap.
//! Under QEMU's `-icount` the run repeats exactly, and the NMIs have come at nearly every instruction of the stubs.
use core::sync::atomic::{AtomicUsize, Ordering};

use x86::io::outb;
use x86_entry::{TrapFrame, vector};

/// NMIs after which the storm is over.
const ENOUGH: usize = 5_000;

static IN_RING_0: AtomicUsize = AtomicUsize::new(0);
static IN_RING_3: AtomicUsize = AtomicUsize::new(0);
static DELAYS: AtomicUsize = AtomicUsize::new(1);

const IO_APIC_SELECT: *mut u32 = 0xFEC0_0000 as *mut u32;
const IO_APIC_WINDOW: *mut u32 = 0xFEC0_0010 as *mut u32;
/// The redirection entry of pin 2, to which the timer is wired: its low half, and the delivery mode NMI.
const TIMER_ENTRY: u32 = 0x10 + 2 * 2;
const DELIVER_NMI: u32 = 0b100 << 8;
const MASKED: u32 = 1 << 16;

/// Turns the timer's line into NMIs.
pub fn begin() {
    for count in [&IN_RING_0, &IN_RING_3] {
        count.store(0, Ordering::Relaxed);
    }
    write(TIMER_ENTRY + 1, 0);
    write(TIMER_ENTRY, DELIVER_NMI);
    arm();
}

/// Masks the timer's line.
pub fn end() {
    write(TIMER_ENTRY, DELIVER_NMI | MASKED);
}

fn write(register: u32, value: u32) {
    // SAFETY: the registers are mapped.
    unsafe { IO_APIC_SELECT.write_volatile(register) };
    // SAFETY: as above.
    unsafe { IO_APIC_WINDOW.write_volatile(value) };
}

/// Counts an NMI and orders the next.
pub fn take(frame: &TrapFrame) {
    assert_eq!(frame.vector(), vector::NON_MASKABLE_INTERRUPT.number());
    let count = if frame.from_user() { &IN_RING_3 } else { &IN_RING_0 };
    count.fetch_add(1, Ordering::Relaxed);
    arm();
}

/// Whether [`ENOUGH`] NMIs came.
pub fn is_over() -> bool {
    let (in_ring_0, in_ring_3) = counts();
    in_ring_0 + in_ring_3 >= ENOUGH
}

/// The counts of NMIs in ring 0 and in ring 3.
pub fn counts() -> (usize, usize) {
    (IN_RING_0.load(Ordering::Relaxed), IN_RING_3.load(Ordering::Relaxed))
}

/// One interrupt of the timer in a few microseconds: the next of a pseudo-random sequence, with a fraction in steps of
/// one instruction, since the timer's are too coarse to reach every one.
fn arm() {
    const ONE_SHOT: u8 = 0x30;
    let delay = DELAYS.load(Ordering::Relaxed).wrapping_mul(1_103_515_245).wrapping_add(12_345);
    DELAYS.store(delay, Ordering::Relaxed);
    for _ in 0..(delay >> 20) % 37 {
        core::hint::spin_loop();
    }
    for (port, value) in [(0x43, ONE_SHOT), (0x40, 1 + (delay >> 16) as u8 % 4), (0x40, 0)] {
        // SAFETY: ring 0; the timer is this kernel's.
        unsafe { outb(port, value) };
    }
}
