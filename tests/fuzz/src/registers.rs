//! The registers that a step starts with, and the page from which its first instructions load them.

use crate::layout::{DESK, LONG};
use crate::random::Random;
use crate::values::{self, USER_CODE, USER_DATA};
use core::mem::offset_of;

/// The general registers without the stack pointer, in the order in which instructions number them.
pub const GENERAL: usize = if LONG { 15 } else { 7 };

/// The handles that a victim has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Slot {
    /// An endpoint with every right.
    Endpoint = 0,
    /// An endpoint that another thread of the victim calls again and again.
    CalledEndpoint = 1,
    /// The first again, without the right to receive or bind.
    PlainEndpoint = 2,
    /// A timer on the first.
    Timer = 3,
    /// RAM.
    Memory = 4,
    /// RAM that is sealed.
    SealedMemory = 5,
    /// Ports at which there is nothing.
    Ports = 6,
    /// A line at which there is nothing.
    Interrupt = 7,
    /// The non-maskable interrupt.
    NonMaskable = 8,
    /// The victim itself.
    Process = 9,
    /// An empty process.
    Ward = 10,
    /// The thread that calls.
    Thread = 11,
    /// The machine: its counters and lines.
    Root = 12,
}

/// The count of handles.
pub const SLOTS: usize = 13;

/// A step's registers.
#[derive(Clone, Debug)]
#[repr(C)]
pub struct Registers {
    /// The general ones.
    pub general: [usize; GENERAL],
    /// Where it begins.
    pub pointer: usize,
    /// The stack pointer.
    pub stack: usize,
    /// The flags.
    pub flags: usize,
    /// DS, ES, FS, GS; on i686 alone, where a step's code finds them so. x86_64 has only what the code loads itself.
    pub selectors: [u32; 4],
    /// MXCSR.
    pub mxcsr: u32,
    /// x87's registers, as `frstor` takes them.
    pub floating: [u32; 27],
}

/// The page that a victim's first instructions and calls read, at [`DESK`].
#[derive(Clone, Debug)]
#[repr(C)]
pub struct Desk {
    /// The registers of the step.
    pub registers: Registers,
    /// The victim's handles.
    pub handles: [u32; SLOTS],
}

const _: () = assert!(size_of::<Desk>() <= abi::PAGE_BYTES, "the desk is one page");

impl Desk {
    /// Where a handle stands.
    pub const fn handle_address(slot: usize) -> usize {
        DESK + offset_of!(Desk, handles) + slot * size_of::<u32>()
    }
}

impl Registers {
    /// Registers for a step whose code is at an address; nothing in those of x87.
    pub fn random(random: &mut Random, code: usize) -> Self {
        let general = [(); GENERAL].map(|()| values::word(random));
        let pointer = if random.one_in(24) { values::instruction_pointer(random) } else { code };
        let flags = values::flags(random);
        let stack = values::stack_pointer(random);
        let selectors = [(); 4].map(|()| random.choose(&[USER_DATA, USER_DATA, USER_DATA, USER_CODE, 0]).into());
        let mxcsr = if random.one_in(2) { 0x1F80 } else { random.word() as u32 & 0xFFFF };
        Self { general, pointer, stack, flags, selectors, mxcsr, floating: [0; 27] }
    }

    /// The number by which `thread_write` knows a general register.
    pub const fn number(general: usize) -> usize {
        const STACK_POINTER: usize = abi::Register::Sp as usize;
        if general < STACK_POINTER { general } else { general + 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn general_registers_are_those_of_the_interface() {
        assert_eq!(Registers::number(0), abi::Register::Ax as usize);
        assert_eq!(Registers::number(6), abi::Register::Bp as usize);
        assert_eq!(Registers::number(7), abi::Register::R8 as usize);
    }
}
