//! I/O ports of the devices that the kernel itself drives.
//!
//! Whether an access is sound depends on the device, not on the access. So naming a port is the unsafe step, which each
//! driver does once; reading and writing it is safe code.

use x86::io::{inb, inl, outb};

/// An 8-bit port of a device that the kernel drives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct Port(u16);

impl Port {
    /// Names a port.
    ///
    /// # Safety
    /// Whatever is read from or written to the port must not break memory safety, and the code must run in ring 0.
    pub const unsafe fn new(number: u16) -> Self {
        Self(number)
    }

    /// Reads a byte.
    #[inline(always)]
    pub fn read(self) -> u8 {
        // SAFETY: the creator of this port vouched that accesses are sound, and for ring 0.
        unsafe { inb(self.0) }
    }

    /// Writes a byte.
    #[inline(always)]
    pub fn write(self, value: u8) {
        // SAFETY: the creator of this port vouched that accesses are sound, and for ring 0.
        unsafe { outb(self.0, value) }
    }
}

/// A 32-bit port that the kernel reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct WidePort(u16);

impl WidePort {
    /// Names a port.
    ///
    /// # Safety
    /// Reading the port must not break memory safety, and the code must run in ring 0.
    pub const unsafe fn new(number: u16) -> Self {
        Self(number)
    }

    /// Reads four bytes.
    pub fn read(self) -> u32 {
        // SAFETY: the creator of this port vouched that reads are sound, and for ring 0.
        unsafe { inl(self.0) }
    }
}
