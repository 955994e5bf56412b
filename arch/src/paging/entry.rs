//! Page-table entries. PAE and the 64-bit mode share one format of 64 bits (SDM 3A tables 4-9 to 4-20); only PAE's
//! four root entries allow fewer bits.

use bitflags::bitflags;
use kernel::frames::Frame;

use crate::memory::{FRAME_BYTES, address_of};

bitflags! {
    /// The bits beside the address.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Flags: u64 {
        /// Something is there.
        const PRESENT = 1 << 0;
        /// Stores are allowed.
        const WRITE = 1 << 1;
        /// User mode is allowed.
        const USER = 1 << 2;
        /// "PCD": uncached, unless the firmware's memory type registers say "write-combining" (UC- of the PAT), which
        /// is what a framebuffer wants.
        const UNCACHED = 1 << 4;
        /// Set by the CPU at the first access.
        const ACCESSED = 1 << 5;
        /// Set by the CPU at the first store.
        const DIRTY = 1 << 6;
        /// In a directory: a page of 2 MiB instead of a table.
        const LARGE = 1 << 7;
        /// The translation outlives a change of address space.
        const GLOBAL = 1 << 8;
        /// Instruction fetches are forbidden, where the CPU knows this bit.
        const NO_EXECUTE = 1 << 63;
    }
}

impl Flags {
    /// A table whose own entries decide: everything that x86 ands together along the way is allowed.
    const TABLE: Self = Self::PRESENT.union(Self::WRITE).union(Self::USER);
}

/// What the CPU ignores or keeps reserved above the address. 52 is the architecture's bound on physical addresses.
const ADDRESS: u64 = ((1 << 52) - 1) & !(FRAME_BYTES - 1);

/// An entry of any level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct Entry(u64);

impl Entry {
    /// Nothing there.
    pub const EMPTY: Self = Self(0);

    /// A page, or a large one.
    pub fn page(frame: Frame, flags: Flags) -> Self {
        Self(address_of(frame) | (flags | Flags::PRESENT).bits())
    }

    /// A further table.
    pub fn table(frame: Frame) -> Self {
        Self(address_of(frame) | Flags::TABLE.bits())
    }

    /// A page directory in PAE's root, where the write and user bits are reserved.
    pub fn directory(frame: Frame) -> Self {
        Self(address_of(frame) | Flags::PRESENT.bits())
    }

    /// Makes an entry of the bits in a table.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// Gives the bits that stand in a table.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// The page or table, if there is one.
    pub fn frame(self) -> Option<Frame> {
        let number = u32::try_from((self.0 & ADDRESS) / FRAME_BYTES).ok()?;
        self.flags().contains(Flags::PRESENT).then_some(Frame(number))
    }

    /// The bits beside the address.
    pub const fn flags(self) -> Flags {
        Flags::from_bits_truncate(self.0)
    }

    /// Makes the entry fit a CPU without NX, where that bit is reserved.
    pub const fn without_no_execute(self) -> Self {
        Self(self.0 & !Flags::NO_EXECUTE.bits())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoders_match_the_manual() {
        let frame = Frame(0x12345);
        assert_eq!(Entry::EMPTY.bits(), 0);
        assert_eq!(Entry::table(frame).bits(), 0x1234_5007);
        assert_eq!(Entry::directory(frame).bits(), 0x1234_5001);
        let data = Flags::WRITE | Flags::USER | Flags::NO_EXECUTE;
        assert_eq!(Entry::page(frame, data).bits(), 0x8000_0000_1234_5007);
        assert_eq!(Entry::page(frame, data).without_no_execute().bits(), 0x1234_5007);
        let large = Flags::LARGE | Flags::GLOBAL | Flags::UNCACHED;
        assert_eq!(Entry::page(Frame(0x200), large).bits(), 0x20_0191);
    }

    #[test]
    fn addresses_beyond_four_gib_survive() {
        let frame = Frame(0xFFFF_FFFF);
        let entry = Entry::page(frame, Flags::NO_EXECUTE);
        assert_eq!(entry.bits(), 0x8000_0FFF_FFFF_F001);
        assert_eq!(entry.frame(), Some(frame));
        assert_eq!(Entry::from_bits(0xFFFF_FFFE).frame(), None);
    }
}
