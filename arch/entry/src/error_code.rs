//! Error codes, which the CPU pushes with ten of its exceptions.
//!
//! Each type serves both widths, because an error code has 32 bits at most (SDM 3A 6.13). A frame's field is a whole
//! word, of which the upper half on x86_64 is reserved and left out. The docs name the bits that one width alone has.
use core::fmt;

use bitflags::bitflags;

/// An error code without further structure: #AC's, which is always 0 (SDM 3A 6.15, interrupt 17), and AMD's of #VC (an
/// exit code, APM 2 15.35.5) and #SX (APM 2 8.2, vector 30).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ErrorCode(pub u32);

bitflags! {
    /// Why a page fault happened (SDM 3A 4.7).
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct PageFaultErrorCode: u32 {
        /// A page was present, and its rights forbade the access. If clear, no page was present.
        const PROTECTION_VIOLATION = 1 << 0;
        /// The access was a write.
        const WRITE = 1 << 1;
        /// The access came from ring 3.
        const USER = 1 << 2;
        /// A reserved bit was set in a paging entry.
        const RESERVED_BIT = 1 << 3;
        /// The access was an instruction fetch. The CPU reports this where NX or SMEP is enabled.
        const INSTRUCTION_FETCH = 1 << 4;
        /// A protection key forbade the access (x86_64).
        const PROTECTION_KEY = 1 << 5;
        /// The access was one of the shadow stack.
        const SHADOW_STACK = 1 << 6;
        /// Hypervisor-managed address translation found no translation (x86_64).
        const MANAGED_TRANSLATION = 1 << 7;
        /// SGX forbade the access.
        const SGX = 1 << 15;
        /// AMD: the reverse map table forbade the access (x86_64; APM 2 15.36.10).
        const REVERSE_MAP = 1 << 31;
    }

    /// Which selector a #TS, #NP, #SS or #GP is about (SDM 3A 6.13). Zero means none.
    #[derive(Clone, Copy, PartialEq, Eq, Hash)]
    pub struct SelectorErrorCode: u32 {
        /// The exception happened while the CPU delivered an event from outside the program.
        const EXTERNAL = 1 << 0;
        /// The index counts in the IDT.
        const INTERRUPT_TABLE = 1 << 1;
        /// The index counts in the LDT, not in the GDT. Valid if `INTERRUPT_TABLE` is clear.
        const LOCAL_TABLE = 1 << 2;
        /// The bits that [`SelectorErrorCode::index`] reads.
        const INDEX = 0xFFF8;
    }
}

bitflags! {
    /// Which control transfer a #CP is about (SDM 3A 6.15, interrupt 21).
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct ControlProtectionErrorCode: u32 {
        /// The exception happened in an SGX enclave.
        const ENCLAVE = 1 << 15;
        /// The bits that [`ControlProtectionErrorCode::cause`] reads.
        const CAUSE = 0x7FFF;
    }
}

/// Why a #CP happened (SDM 3A 6.15, interrupt 21).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ControlProtectionCause {
    /// A near return to another address than the shadow stack's.
    NearReturn,
    /// A far return or `iret` to another address than the shadow stack's.
    FarReturn,
    /// An indirect jump or call to an instruction other than `endbr`.
    EndBranch,
    /// A token that `rstorssp` found wrong.
    RestoreToken,
    /// A token that `setssbsy` found wrong.
    BusyToken,
    /// A cause that the manual doesn't define yet.
    Unknown,
}

impl ControlProtectionErrorCode {
    /// Returns why the exception happened.
    pub const fn cause(self) -> ControlProtectionCause {
        match self.bits() & Self::CAUSE.bits() {
            1 => ControlProtectionCause::NearReturn,
            2 => ControlProtectionCause::FarReturn,
            3 => ControlProtectionCause::EndBranch,
            4 => ControlProtectionCause::RestoreToken,
            5 => ControlProtectionCause::BusyToken,
            _ => ControlProtectionCause::Unknown,
        }
    }
}

/// The table that a selector's index counts in (SDM 3A 6.13).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DescriptorTable {
    /// The global descriptor table.
    Global,
    /// The local descriptor table.
    Local,
    /// The interrupt descriptor table.
    Interrupt,
}

impl SelectorErrorCode {
    /// Returns the entry's index in [`SelectorErrorCode::table`] (SDM 3A figure 6-7).
    pub const fn index(self) -> u16 {
        (self.bits() as u16 & Self::INDEX.bits() as u16) >> 3
    }

    /// Returns the table that has the entry.
    pub const fn table(self) -> DescriptorTable {
        if self.contains(Self::INTERRUPT_TABLE) {
            DescriptorTable::Interrupt
        } else if self.contains(Self::LOCAL_TABLE) {
            DescriptorTable::Local
        } else {
            DescriptorTable::Global
        }
    }
}

/// Prints the table and the index, or that there is no selector.
impl fmt::Debug for SelectorErrorCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return formatter.write_str("SelectorErrorCode(none)");
        }
        let external = if self.contains(Self::EXTERNAL) { ", external" } else { "" };
        write!(formatter, "SelectorErrorCode({:?} {}{external})", self.table(), self.index())
    }
}

/// A type to which a frame's error code can be decoded (SDM 3A 6.13).
pub trait DecodeErrorCode {
    /// Whether the error code is that of #TS, #NP, #SS and #GP (SDM 3A 6.13).
    #[doc(hidden)]
    const IS_ABOUT_SELECTOR: bool = false;

    /// Decodes an error code (SDM 3A 6.13). Bits that the type doesn't name are kept: a later CPU may define them.
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
    const IS_ABOUT_SELECTOR: bool = true;

    fn decode(bits: u32) -> Self {
        Self::from_bits_retain(bits)
    }
}

impl DecodeErrorCode for ControlProtectionErrorCode {
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
        assert_eq!((gate.table(), gate.index()), (DescriptorTable::Interrupt, 0x80));
        let local = SelectorErrorCode::decode(0x0F | 1);
        assert_eq!((local.table(), local.index()), (DescriptorTable::Interrupt, 1));
        let local = SelectorErrorCode::decode(0x0C);
        assert_eq!((local.table(), local.index()), (DescriptorTable::Local, 1));
        let global = SelectorErrorCode::decode(0x2B & !7);
        assert_eq!((global.table(), global.index()), (DescriptorTable::Global, 5));
    }

    #[test]
    fn control_protection_codes_name_their_cause() {
        let code = ControlProtectionErrorCode::decode(0x8003);
        assert!(code.contains(ControlProtectionErrorCode::ENCLAVE));
        assert_eq!(code.cause(), ControlProtectionCause::EndBranch);
        assert_eq!(ControlProtectionErrorCode::decode(6).cause(), ControlProtectionCause::Unknown);
    }

    #[test]
    fn unknown_bits_survive() {
        assert_eq!(PageFaultErrorCode::decode(0x8000_0100).bits(), 0x8000_0100);
    }
}
