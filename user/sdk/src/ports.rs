//! I/O ports, used directly by `in` and `out`: the kernel lets a process reach the ports it was granted and faults it
//! at any other.

use crate::handle::handle_type;
use crate::{Handle, Process, Result, raw};
use core::arch::asm;
use core::marker::PhantomData;

handle_type! {
    /// The right to let processes use a range of ports. Drivers don't need it: `init` has attached theirs, see
    /// [`crate::Grants::ports`].
    Ports
}

impl Ports {
    /// Lets a process (`None`: this one) use the ports.
    pub fn attach(&self, process: Option<&Process>) -> Result<()> {
        let process = process.map_or(abi::NO_HANDLE, Handle::raw) as usize;
        raw::ports_attach(self.raw(), [0, 0, 0, process]).map(drop)
    }
}

/// A range of consecutive ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortRange {
    first: u16,
    count: u16,
}

impl PortRange {
    /// Makes a range from `first` on. Using a port that the process wasn't granted is a fault.
    pub const fn new(first: u16, count: u16) -> Self {
        Self { first, count }
    }

    /// The range's first port.
    pub const fn first(&self) -> u16 {
        self.first
    }

    /// The number of ports.
    pub const fn count(&self) -> u16 {
        self.count
    }

    /// Returns the port at an offset, for values of a width.
    ///
    /// # Panics
    /// If the port isn't wholly inside the range, or below 65,536.
    pub const fn port<T: PortValue>(&self, offset: u16) -> Port<T> {
        let end = offset as usize + size_of::<T>();
        assert!(end <= self.count as usize, "the port is outside of its range");
        assert!(self.first as usize + end <= 1 << 16, "there is no such port");
        Port { number: self.first + offset, value: PhantomData }
    }
}

/// A port for values of a width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port<T> {
    number: u16,
    value: PhantomData<T>,
}

impl<T: PortValue> Port<T> {
    /// Reads the port. Accesses to memory before it and behind it stay on their sides.
    #[inline]
    pub fn read(self) -> T {
        T::read(self.number)
    }

    /// Writes the port. Accesses to memory before it and behind it stay on their sides.
    #[inline]
    pub fn write(self, value: T) {
        T::write(self.number, value);
    }
}

/// An integer that a port can be read and written as: `u8`, `u16` or `u32`.
pub trait PortValue: Copy {
    #[doc(hidden)]
    fn read(port: u16) -> Self;
    #[doc(hidden)]
    fn write(port: u16, value: Self);
}

macro_rules! port_value {
    ($type:ty, $input:literal, $output:literal, $register:tt) => {
        impl PortValue for $type {
            #[inline]
            fn read(port: u16) -> Self {
                let value;
                // SAFETY: the grant bounds what the device does; a port that isn't granted is a fault. No option
                // promises anything of memory, so that the instruction is a barrier to the compiler: the device may
                // have written to memory by DMA.
                unsafe { asm!($input, in("dx") port, out($register) value, options(nostack, preserves_flags)) };
                value
            }

            #[inline]
            fn write(port: u16, value: Self) {
                // SAFETY: what a device does with a write is bounded by its grant; one that isn't granted is a fault.
                unsafe { asm!($output, in("dx") port, in($register) value, options(nostack, preserves_flags)) };
            }
        }
    };
}

port_value!(u8, "in al, dx", "out dx, al", "al");
port_value!(u16, "in ax, dx", "out dx, ax", "ax");
port_value!(u32, "in eax, dx", "out dx, eax", "eax");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "outside of its range")]
    fn a_port_that_is_half_outside_is_refused() {
        PortRange::new(0x3F8, 8).port::<u16>(7);
    }

    /// Its number isn't that of a port at the other end.
    #[test]
    #[should_panic(expected = "no such port")]
    fn a_port_behind_the_last_is_refused() {
        PortRange::new(0xFFFC, 8).port::<u32>(0);
        PortRange::new(0xFFFC, 8).port::<u32>(1);
    }
}
