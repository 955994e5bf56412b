//! The state of the core and of the machine below it, in static storage.
//!
//! Only start-up, the first function of a trap and a crash record borrow the two: the kernel runs with interrupts off,
//! and no trap nests in another. Non-maskable interrupts do, but never touch the core.

use crate::cpu::cell::CpuCell;
use crate::machine::Cpu;
use kernel::Kernel;
use kernel::account::Account;

/// The core's state. All zeros, so that the image has no room for it; `start` initialises it.
static KERNEL: CpuCell<Kernel<Cpu>> = CpuCell::new(Kernel::EMPTY);
/// The machine below it.
static CPU: CpuCell<Cpu> = CpuCell::new(Cpu::ABSENT);

/// Borrows the core and the machine.
///
/// # Safety
/// Interrupts are off, and no earlier borrow is in use: the caller is a trap's first function, its last one, or
/// start-up.
#[inline(always)]
pub(crate) unsafe fn state() -> (&'static mut Kernel<Cpu>, &'static mut Cpu) {
    // SAFETY: the caller's promise.
    let kernel = unsafe { KERNEL.borrow() };
    // SAFETY: the caller's promise.
    (kernel, unsafe { CPU.borrow() })
}

/// Gives what the core counted and traced, for a crash record.
///
/// # Safety
/// The code that borrowed the core before is never resumed.
pub(crate) unsafe fn account_of_the_dead() -> &'static Account {
    // SAFETY: the caller vouches that no other borrow is in use any more.
    unsafe { KERNEL.borrow() }.account()
}
