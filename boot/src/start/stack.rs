//! The stack on which the kernel boots. The final page tables leave out the guard page below the stack.

use core::cell::UnsafeCell;

/// Bytes of the stack proper, above its guard page.
pub const STACK_SIZE: usize = 64 * 1024;
/// Bytes of the guard page: an overflow becomes a page fault instead of a silent write into other data.
pub const GUARD_SIZE: usize = 4096;

/// A stack above its guard page.
#[repr(C, align(4096))]
pub struct Stack {
    guard: [u8; GUARD_SIZE],
    bytes: UnsafeCell<[u8; STACK_SIZE]>,
}

// SAFETY: nothing takes a reference to the bytes: only the CPU's stack pointer, of which there is one, reaches them.
unsafe impl Sync for Stack {}

/// The boot stack.
pub static BOOT_STACK: Stack = Stack { guard: [0; GUARD_SIZE], bytes: UnsafeCell::new([0; STACK_SIZE]) };
