//! Interposition: the hooks around typed handlers see every register of interrupted code, and change each.
//!
//! Ring 0 interrupts itself with numbers in its registers. The hook before the handler, the handler, and the hook after
//! it each check all of them and add to all of them; what the interrupted code has afterwards shows the sum.
use core::ptr::NonNull;

use x86_entry::vector::VectorRange;
use x86_entry::{InterruptDescriptorTable, KernelEntry, TrapFrame, WithoutSmap};

use crate::support::Setup;
use crate::width::{REGISTERS, Word, interrupt_with_numbers, numbers};

/// The vector on which ring 0 interrupts itself.
pub const VECTOR: u8 = 0x81;

/// What each of the three adds to every register.
const STEP: Word = 0x100;

/// The arithmetic carry, which the last of the three sets.
const CARRY: usize = 1;

/// The bytes of `ud2`, over which the last of the three leads.
const INVALID_INSTRUCTION_BYTES: usize = 2;

static TABLE: Setup<InterruptDescriptorTable> = Setup::new(InterruptDescriptorTable::new());

struct Hooked;

// SAFETY: the segments are loaded before `check` runs, and nothing but its one interrupt comes while it does.
unsafe impl KernelEntry for Hooked {
    extern "C" fn trap(frame: NonNull<TrapFrame>) -> NonNull<TrapFrame> {
        panic!("no gate leads here: {frame:?}")
    }

    extern "C" fn paranoid_trap(frame: &mut TrapFrame) {
        panic!("no gate leads here: {frame:x?}")
    }

    fn before_handler(frame: &mut TrapFrame) {
        add_step(frame, 0);
    }

    fn after_handler(frame: &mut TrapFrame) {
        add_step(frame, 2);
        frame.set_flags(frame.flags() | CARRY);
        frame.set_instruction_pointer(frame.instruction_pointer() + INVALID_INSTRUCTION_BYTES);
    }
}

/// Checks every register after `steps` steps, and makes one more.
fn add_step(frame: &mut TrapFrame, steps: Word) {
    assert!(!frame.from_user());
    assert_eq!(frame.flags() & CARRY, 0);
    for (number, register) in (1..).zip(numbers(frame)) {
        assert_eq!(*register, number + steps * STEP, "register {number} after {steps} steps");
        *register += STEP;
    }
}

/// Runs the check. The table that is loaded afterwards has no other gate.
pub fn check() {
    // SAFETY: interrupts are off, and the reference of an earlier call isn't used any more.
    let table = unsafe { TABLE.borrow() };
    table
        .fill::<Hooked, WithoutSmap>()
        .interrupts(VectorRange::<VECTOR, VECTOR>, |frame: &mut TrapFrame, _: u8| add_step(frame, 1));
    // SAFETY: the kernel's segments are loaded.
    unsafe { table.load() };
    let mut after = [0; REGISTERS];
    let flags = interrupt_with_numbers(&mut after);
    for (number, register) in (1..).zip(after) {
        assert_eq!(register, number + 3 * STEP, "register {number} at last");
    }
    assert_eq!(flags & CARRY, CARRY);
    line!("self-test: hooks saw and changed {REGISTERS} registers, the flags and the instruction pointer");
}
