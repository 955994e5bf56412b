//! The kernel's stacks.
//!
//! All traps are handled on one stack, since none waits within the kernel: the boot stack, which has a guard page.
//! Exceptions that may come at any instruction (NMI, #DB, #MC, #DF) have stacks of their own.

use crate::cpu::cell::CpuCell;
use x86_entry::ParanoidStacks;

/// The bytes of a stack for one exception: enough for a crash record.
const BYTES: usize = 16 * 1024;

/// A stack for one exception.
#[repr(C, align(4096))]
pub(crate) struct Stack([u8; BYTES]);

/// The stacks for exceptions that may come at any instruction.
static STACKS: [CpuCell<Stack>; 4] = [const { CpuCell::new(Stack([0; BYTES])) }; 4];

/// Gives the upper ends of these stacks.
pub(crate) fn paranoid_stacks() -> ParanoidStacks {
    let [double_fault, non_maskable_interrupt, machine_check, debug] =
        STACKS.each_ref().map(|stack| stack.address().wrapping_add(1) as usize);
    ParanoidStacks { double_fault, non_maskable_interrupt, machine_check, debug }
}
