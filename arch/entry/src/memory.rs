//! Memory that a kernel keeps in statics for the CPU: tables that are taken once, and stacks.
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, Ordering};

/// A value in a static that is taken once, as `&'static mut`: a table or segments, which the CPU reads from then on.
///
/// ```
/// use x86_entry::{InterruptDescriptorTable, TakeOnce};
///
/// static TABLE: TakeOnce<InterruptDescriptorTable> = TakeOnce::new(InterruptDescriptorTable::new());
///
/// let table: &'static mut InterruptDescriptorTable = TABLE.take().expect("set-up runs once");
/// assert!(TABLE.take().is_none());
/// ```
#[derive(Debug)]
pub struct TakeOnce<T> {
    is_taken: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: `take` gives one caller the only reference, which may be one of another CPU.
unsafe impl<T: Send> Sync for TakeOnce<T> {}

impl<T> TakeOnce<T> {
    /// Wraps a value.
    pub const fn new(value: T) -> Self {
        Self { is_taken: AtomicBool::new(false), value: UnsafeCell::new(value) }
    }

    /// Returns the value at the first call, and `None` afterwards.
    #[expect(clippy::mut_from_ref, reason = "the first caller alone gets the reference")]
    pub fn take(&'static self) -> Option<&'static mut T> {
        if self.is_taken.swap(true, Ordering::Acquire) {
            return None;
        }
        // SAFETY: the flag was clear, so this is the first call and no other reference exists.
        Some(unsafe { &mut *self.value.get() })
    }
}

/// Memory for a stack in a static: aligned, and ready for the CPU. The stack grows downwards from [`Stack::top`].
///
/// An array of bytes won't do: its alignment is 1.
#[repr(C, align(4096))]
#[derive(Debug)]
pub struct Stack<const BYTES: usize = 16384>(UnsafeCell<[u8; BYTES]>);

// SAFETY: Rust takes the address alone; the CPU uses the memory.
unsafe impl<const BYTES: usize> Sync for Stack<BYTES> {}

impl<const BYTES: usize> Stack<BYTES> {
    /// An unused stack.
    pub const fn new() -> Self {
        const { assert!(BYTES != 0 && BYTES.is_multiple_of(16), "the top of a stack must be a multiple of 16") };
        Self(UnsafeCell::new([0; BYTES]))
    }

    /// Returns the address above the last byte, a multiple of 16.
    pub fn top(&'static self) -> usize {
        self.0.get().wrapping_add(1) as usize
    }
}

impl<const BYTES: usize> Default for Stack<BYTES> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_taken_once() {
        static VALUE: TakeOnce<u32> = TakeOnce::new(3);
        assert_eq!(VALUE.take(), Some(&mut 3));
        assert_eq!(VALUE.take(), None);
    }

    #[test]
    fn a_stack_ends_aligned() {
        static STACKS: [Stack<48>; 2] = [const { Stack::new() }; 2];
        assert!(STACKS.iter().all(|stack| stack.top().is_multiple_of(16)));
        assert_eq!(STACKS[1].top() - STACKS[0].top(), 4096);
    }
}
