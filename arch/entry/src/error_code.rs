//! Error codes: what the CPU pushes with ten of its exceptions, decoded.
//!
//! One type serves both widths, since the CPU defines 32 bits at most (SDM 3A 6.13); a frame's slot is a whole word,
//! of which the upper half on x86_64 is reserved and left out.
use bitflags::bitflags;

/// An error code without further structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ErrorCode(pub u32);

bitflags! {
    /// Why a page fault happened (SDM 3A 4.7).
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct PageFaultErrorCode: u32 {
        /// A page was there and its rights forbade the access; clear: no page was there.
        const PROTECTION = 1 << 0;
        /// It was a write.
        const WRITE = 1 << 1;
        /// It came from ring 3.
        const USER = 1 << 2;
        /// A reserved bit was set in a paging entry.
        const RESERVED_BIT = 1 << 3;
        /// It was an instruction fetch (reported where NX or SMEP is on).
        const INSTRUCTION_FETCH = 1 << 4;
        /// A protection key forbade it.
        const PROTECTION_KEY = 1 << 5;
        /// It was a shadow-stack access.
        const SHADOW_STACK = 1 << 6;
        /// An SGX access control forbade it.
        const SGX = 1 << 15;
        /// AMD: the reverse map table forbade it.
        const REVERSE_MAP = 1 << 31;
    }

    /// Which selector a #TS, #NP, #SS or #GP is about (SDM 3A 6.13); zero: about none.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct SelectorErrorCode: u32 {
        /// It happened while an event outside the program was delivered.
        const EXTERNAL = 1 << 0;
        /// The index is one of the IDT.
        const INTERRUPT_TABLE = 1 << 1;
        /// The index is one of the LDT and not of the GDT (where `INTERRUPT_TABLE` is clear).
        const LOCAL_TABLE = 1 << 2;
        /// The bits that [`SelectorErrorCode::index`] reads.
        const INDEX = 0xFFF8;
    }
}

/// The table that a selector's index counts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Table {
    /// The global descriptor table.
    Global,
    /// The local descriptor table.
    Local,
    /// The interrupt descriptor table.
    Interrupt,
}

impl SelectorErrorCode {
    /// The entry's index in [`SelectorErrorCode::table`].
    pub const fn index(self) -> u16 {
        (self.bits() as u16 & Self::INDEX.bits() as u16) >> 3
    }

    /// The table with the entry.
    pub const fn table(self) -> Table {
        if self.contains(Self::INTERRUPT_TABLE) {
            Table::Interrupt
        } else if self.contains(Self::LOCAL_TABLE) {
            Table::Local
        } else {
            Table::Global
        }
    }
}

/// What a frame's error-code slot can be decoded to.
pub trait DecodeErrorCode {
    /// Decodes it; bits that no manual names are kept.
    fn decode(bits: u32) -> Self;
}

impl DecodeErrorCode for ErrorCode {
    fn decode(bits: u32) -> Self {
        Self(bits)
    }
}

impl DecodeErrorCode for PageFaultErrorCode {
    fn decode(bits: u32) -> Self {
        Self::from_bits_retain(bits)
    }
}

impl DecodeErrorCode for SelectorErrorCode {
    fn decode(bits: u32) -> Self {
        Self::from_bits_retain(bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selector_codes_name_their_table() {
        let gate = SelectorErrorCode::decode(0x80 << 3 | 0b010);
        assert_eq!((gate.table(), gate.index()), (Table::Interrupt, 0x80));
        let local = SelectorErrorCode::decode(0x0F | 1);
        assert_eq!((local.table(), local.index()), (Table::Interrupt, 1));
        let local = SelectorErrorCode::decode(0x0C);
        assert_eq!((local.table(), local.index()), (Table::Local, 1));
        let global = SelectorErrorCode::decode(0x2B & !7);
        assert_eq!((global.table(), global.index()), (Table::Global, 5));
    }

    #[test]
    fn unknown_bits_survive() {
        assert_eq!(PageFaultErrorCode::decode(0x8000_0100).bits(), 0x8000_0100);
    }
}
