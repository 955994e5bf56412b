//! Reading and writing memory that others may change at any time: devices, other processes, other threads.
//!
//! Each access is one instruction of its own size, which the compiler neither splits, merges nor leaves out. It also
//! keeps every other access to memory, and every port access, on its side of this one. The processor does the rest:
//! it reorders neither loads among each other nor stores among each other (Intel SDM 3A, 9.2), and DMA is coherent.

use core::arch::asm;

mod sealed {
    pub trait Sealed {}
}

/// An integer that memory can be read and written as, by one access on both widths. (An access of 64 bits would be two
/// on i686, between which a device may change.)
pub trait Plain: Copy + sealed::Sealed {
    /// Reads the value.
    ///
    /// # Safety
    /// The address is mapped for reading, and aligned.
    #[doc(hidden)]
    unsafe fn load(from: *const Self) -> Self;

    /// Writes the value.
    ///
    /// # Safety
    /// The address is mapped, and aligned; Rust knows of no value there.
    #[doc(hidden)]
    unsafe fn store(to: *mut Self, value: Self);
}

macro_rules! plain {
    ($($type:ty, $class:ident, $load:literal, $store:literal;)*) => { $(
        impl sealed::Sealed for $type {}

        impl Plain for $type {
            #[inline(always)]
            unsafe fn load(from: *const Self) -> Self {
                let value;
                // SAFETY: the caller says that the address may be read. No option promises anything of memory, so the
                // instruction is a barrier to the compiler.
                unsafe {
                    asm!($load, value = lateout($class) value, from = in(reg) from, options(nostack, preserves_flags));
                }
                value
            }

            #[inline(always)]
            unsafe fn store(to: *mut Self, value: Self) {
                // SAFETY: the caller says that the address may be written, and that Rust knows of no value there.
                unsafe {
                    asm!($store, value = in($class) value, to = in(reg) to, options(nostack, preserves_flags));
                }
            }
        }
    )* };
}

plain! {
    u8, reg_byte, "mov {value}, [{from}]", "mov [{to}], {value}";
    i8, reg_byte, "mov {value}, [{from}]", "mov [{to}], {value}";
    u16, reg, "mov {value:x}, [{from}]", "mov [{to}], {value:x}";
    i16, reg, "mov {value:x}, [{from}]", "mov [{to}], {value:x}";
    u32, reg, "mov {value:e}, [{from}]", "mov [{to}], {value:e}";
    i32, reg, "mov {value:e}, [{from}]", "mov [{to}], {value:e}";
    usize, reg, "mov {value}, [{from}]", "mov [{to}], {value}";
    isize, reg, "mov {value}, [{from}]", "mov [{to}], {value}";
}

/// Copies bytes, each by one access, in the order of their addresses.
///
/// # Safety
/// Both ranges are mapped; neither overlaps the other. Where Rust knows of one of them, it is the caller's alone.
pub unsafe fn copy(from: *const u8, to: *mut u8, bytes: usize) {
    // SAFETY: the caller says that the ranges may be read and written. The calling convention has the direction flag
    // clear.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        asm!(
            "rep movsb",
            inout("rcx") bytes => _,
            inout("rsi") from => _,
            inout("rdi") to => _,
            options(nostack, preserves_flags),
        );
    }
    // SAFETY: as above. LLVM keeps `esi` for itself on i686.
    #[cfg(target_arch = "x86")]
    unsafe {
        asm!(
            "xchg esi, {from}",
            "rep movsb",
            "mov esi, {from}",
            from = inout(reg) from => _,
            inout("ecx") bytes => _,
            inout("edi") to => _,
            options(nostack, preserves_flags),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_loaded() {
        let mut word = 0_usize;
        let address = &raw mut word;
        // SAFETY: the word is this test's own, and no reference to it is used meanwhile.
        unsafe { usize::store(address, usize::MAX) };
        // SAFETY: as above.
        unsafe { u16::store(address.cast(), 0x1234) };
        // SAFETY: as above.
        unsafe { i8::store(address.cast::<i8>().wrapping_add(2), -2) };
        // SAFETY: as above.
        assert_eq!(unsafe { u32::load(address.cast()) }, 0xFFFE_1234);
        // SAFETY: as above.
        assert_eq!(unsafe { usize::load(address) }, usize::MAX - 0x1_EDCB);
    }

    #[test]
    fn bytes_are_copied_whole() {
        let from: [u8; 13] = core::array::from_fn(|at| at as u8);
        let mut to = [0xFF; 15];
        // SAFETY: both arrays are this test's own, and have that many bytes.
        unsafe { copy(from.as_ptr(), to.as_mut_ptr().wrapping_add(1), from.len()) };
        assert_eq!((to[0], &to[1..14], to[14]), (0xFF, &from[..], 0xFF));
    }
}
