//! The kernel's stacks.

use crate::cell::CpuCell;
use x86_entry::CpuData;

/// The bytes of a stack. The deepest path is a crash record of a system call's slow part.
const BYTES: usize = 16 * 1024;

/// A stack of the kernel.
#[repr(C, align(4096))]
pub(crate) struct Stack([u8; BYTES]);

impl Stack {
    /// An unused stack.
    pub(crate) const ZERO: Self = Self([0; BYTES]);
}

/// The stack on which every trap is handled; there is one, since no trap waits within the kernel.
static KERNEL: CpuCell<Stack> = CpuCell::new(Stack::ZERO);

/// The address above a stack's last byte.
pub(crate) fn top(stack: &CpuCell<Stack>) -> usize {
    stack.address().wrapping_add(1) as usize
}

/// Tells the stubs which stack to use.
pub(crate) fn assign(data: &mut CpuData) {
    data.set_stack(top(&KERNEL));
}
