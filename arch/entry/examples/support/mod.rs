//! What these kernels need besides `x86-entry`: start code, a serial line, a timer, stacks, an end.
//!
//! A multiboot loader enters the start code, which maps 4 GiB to themselves but for [`HOLE`] and calls `kernel_main`
//! with interrupts off.
#![allow(dead_code, unused_imports, reason = "no example uses all of it")]

use core::arch::global_asm;
use core::cell::UnsafeCell;
use core::ptr::NonNull;

#[macro_use]
pub mod console;
pub mod timer;

#[cfg_attr(target_arch = "x86", path = "start_i686.rs")]
#[cfg_attr(target_arch = "x86_64", path = "start_x86_64.rs")]
mod start;
pub use start::{HOLE, NAME};

unsafe extern "C" {
    /// The start code, in 32-bit mode with flat segments. If eax isn't [`LOADED`], esp is a stack of the caller's.
    pub fn start();
}

/// What a multiboot loader leaves in eax (multiboot 0.6.96, 3.2).
const LOADED: u32 = 0x2BAD_B002;

/// The selectors that the start code loads.
pub const KERNEL_CODE: u16 = 0x08;
pub const KERNEL_DATA: u16 = 0x10;

/// Memory for a stack; it grows downwards from [`Stack::top`].
#[repr(C, align(4096))]
pub struct Stack(UnsafeCell<[u8; Stack::BYTES]>);

// SAFETY: Rust takes its address only.
unsafe impl Sync for Stack {}

impl Stack {
    /// Without optimisation, a CPU's data lies on the stack twice before it is where it belongs.
    const BYTES: usize = 32 * 1024;

    /// An unused stack.
    pub const fn new() -> Self {
        Self(UnsafeCell::new([0; Self::BYTES]))
    }

    /// The address above its last byte.
    pub fn top(&self) -> usize {
        self.0.get() as usize + Self::BYTES
    }
}

/// A value that the kernel writes at its start, and that the CPU reads from then on.
pub struct Setup<T>(UnsafeCell<T>);

// SAFETY: `borrow`'s callers promise that no other reference to the value is used.
unsafe impl<T> Sync for Setup<T> {}

impl<T> Setup<T> {
    /// Wraps a value.
    pub const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// Where the value is, for the CPU.
    pub const fn address(&self) -> NonNull<T> {
        // SAFETY: a static isn't at 0.
        unsafe { NonNull::new_unchecked(self.0.get()) }
    }

    /// The value.
    ///
    /// # Safety
    ///
    /// No other reference to it is used any more.
    #[expect(clippy::mut_from_ref, reason = "the caller promises that there is no other")]
    pub unsafe fn borrow(&'static self) -> &'static mut T {
        // SAFETY: the caller's promise.
        unsafe { &mut *self.0.get() }
    }
}

// The header that a multiboot loader looks for (multiboot 0.6.96, 3.1), with the image's addresses.
global_asm!(
    ".pushsection .header, \"a\"",
    ".balign 4",
    "2: .long {magic}, {flags}, -({magic} + {flags})",
    ".long 2b, load_start, load_end, bss_end, start",
    ".popsection",
    magic = const MULTIBOOT_MAGIC,
    flags = const MULTIBOOT_FLAGS,
);

/// What says "multiboot" to a loader.
const MULTIBOOT_MAGIC: u32 = 0x1BAD_B002;
/// The header has addresses.
const MULTIBOOT_FLAGS: u32 = 1 << 16;

/// A page table, written before the kernel runs and then by the CPU.
#[repr(C, align(4096))]
struct Table<E, const N: usize>(UnsafeCell<[E; N]>);

// SAFETY: Rust takes its address only.
unsafe impl<E, const N: usize> Sync for Table<E, N> {}

/// Bits of entries of page tables: present, writable, for ring 3 too (SDM 3A 4.3, 4.5).
const ACCESSIBLE: usize = 0b111;
/// The entry maps a large page.
const LARGE: usize = 1 << 7;
