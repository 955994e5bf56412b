//! A device's registers in the kernel's address space.
//!
//! Paging maps them; `Registers` is what the drivers get. Its constructor carries the promise that accesses are sound,
//! so the drivers themselves are safe code.

use core::ptr::NonNull;
use core::sync::atomic::AtomicU32;

/// A run of 32-bit device registers.
#[derive(Debug)]
pub struct Registers {
    base: NonNull<u32>,
    words: usize,
}

// SAFETY: a window is an address and a length; access is volatile and only by the CPU that owns the driver.
unsafe impl Send for Registers {}

impl Registers {
    /// Wraps mapped registers.
    ///
    /// # Safety
    /// `base` points to `bytes` bytes of device registers that stay mapped, uncached and writable; nothing else uses
    /// them; no value written to them breaks memory safety.
    pub const unsafe fn new(base: NonNull<u32>, bytes: usize) -> Self {
        Self { base, words: bytes / size_of::<u32>() }
    }

    /// Reads the register at a byte offset; all ones if there is none.
    #[inline(always)]
    pub fn read(&self, offset: usize) -> u32 {
        let word = offset / size_of::<u32>();
        if word >= self.words {
            return u32::MAX;
        }
        // SAFETY: `word` lies within the run that the window's creator vouched for.
        let register = unsafe { self.base.add(word) };
        // SAFETY: the same run is mapped and readable.
        unsafe { register.read_volatile() }
    }

    /// Writes the register at a byte offset; nothing happens if there is none.
    #[inline(always)]
    pub fn write(&mut self, offset: usize, value: u32) {
        let word = offset / size_of::<u32>();
        if word >= self.words {
            return;
        }
        // SAFETY: `word` lies within the run that the window's creator vouched for.
        let register = unsafe { self.base.add(word) };
        // SAFETY: the same run is mapped and writable.
        unsafe { register.write_volatile(value) }
    }

    /// Gives the first `WORDS` registers, if there are that many, to a driver that writes some of them often.
    pub const fn block<const WORDS: usize>(&self) -> Option<Block<WORDS>> {
        if WORDS <= self.words { Some(Block(self.base)) } else { None }
    }
}

/// The first registers of a device, whose number is known when the kernel is built: no access has to check the length.
#[derive(Clone, Copy, Debug)]
pub struct Block<const WORDS: usize>(NonNull<u32>);

// SAFETY: as for the window.
unsafe impl<const WORDS: usize> Send for Block<WORDS> {}

/// The most words that a block has.
const MOST_WORDS: usize = 256;
/// The memory that stands in for a device that isn't there.
static NOWHERE: [AtomicU32; MOST_WORDS] = [const { AtomicU32::new(0) }; MOST_WORDS];

impl<const WORDS: usize> Block<WORDS> {
    /// Gives ordinary memory, where writes have no effect, instead of registers. So a driver that writes often needn't
    /// check whether there is a device.
    pub const fn nowhere() -> Self {
        const { assert!(WORDS <= MOST_WORDS, "more words than stand in for a device") };
        // Atomics may be written by a shared reference, and plainly too: one CPU does, and no code reads them.
        Self(NonNull::from_ref(&NOWHERE).cast())
    }

    /// Reads the register at a byte offset.
    pub fn read<const OFFSET: usize>(self) -> u32 {
        const { assert!(OFFSET.is_multiple_of(4) && OFFSET / 4 < WORDS, "beyond the block") };
        // SAFETY: the word lies within the run, which has at least `WORDS` words.
        let register = unsafe { self.0.add(OFFSET / size_of::<u32>()) };
        // SAFETY: the window's creator vouched for the run, or it is static: it is mapped for good, and readable.
        unsafe { register.read_volatile() }
    }

    /// Writes the register at a byte offset.
    #[inline(always)]
    pub fn write<const OFFSET: usize>(self, value: u32) {
        const { assert!(OFFSET.is_multiple_of(4) && OFFSET / 4 < WORDS, "beyond the block") };
        // SAFETY: the word lies within the run, which has at least `WORDS` words.
        let register = unsafe { self.0.add(OFFSET / size_of::<u32>()) };
        // SAFETY: the window's creator vouched for the run, or it is static: it is mapped for good, and writable.
        unsafe { register.write_volatile(value) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_within_its_run() {
        let mut words = [1u32, 2, 3];
        let base = NonNull::new(words.as_mut_ptr()).expect("not null");
        // SAFETY: the window covers the first two words, which outlive it and which nobody else uses meanwhile.
        let mut window = unsafe { Registers::new(base, 8) };
        window.write(4, 7);
        window.write(8, 9);
        assert_eq!((window.read(0), window.read(4), window.read(8)), (1, 7, u32::MAX));
        assert!(window.block::<3>().is_none());
        let block = window.block::<2>().expect("it has two");
        block.write::<0>(5);
        assert_eq!((block.read::<0>(), block.read::<4>()), (5, 7));
        assert_eq!(words, [5, 7, 3]);
    }
}
