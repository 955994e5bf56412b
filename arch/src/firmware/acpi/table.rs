//! One table: the common header (5.2.6), of which length, signature and checksum are checked.

use core::fmt;
use core::ops::RangeInclusive;

use super::Physical;

/// The bytes of the common header.
pub const HEADER_BYTES: usize = 36;

/// The reason why a table isn't used; its text continues "the MADT at 0x1000 ".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// The memory map has no memory for tables there.
    Unreadable,
    /// Another table is there.
    Name,
    /// A length that it can't have.
    Length(u32),
    /// Its bytes don't add up to 0.
    Checksum,
    /// Its registers are at no address that they can have.
    NoRegisters,
}

impl fmt::Display for Mistake {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable => to.write_str("isn't in memory that the firmware can have"),
            Self::Name => to.write_str("has another table's name"),
            Self::Length(length) => write!(to, "says that it has {length} bytes"),
            Self::Checksum => to.write_str("has a wrong checksum"),
            Self::NoRegisters => to.write_str("names registers that can't be"),
        }
    }
}

/// Gives the whole table of a name, header included, if it has no mistake and one of the lengths.
pub fn table<'a>(
    memory: &'a impl Physical,
    address: u64,
    name: [u8; 4],
    lengths: &RangeInclusive<usize>,
) -> Result<&'a [u8], Mistake> {
    let header = memory.bytes(address, HEADER_BYTES).ok_or(Mistake::Unreadable)?;
    if header.first_chunk() != Some(&name) {
        return Err(Mistake::Name);
    }
    let length = word(header, 4).ok_or(Mistake::Unreadable)?;
    if !lengths.contains(&(length as usize)) {
        return Err(Mistake::Length(length));
    }
    let table = memory.bytes(address, length as usize).ok_or(Mistake::Unreadable)?;
    if sum(table) == 0 { Ok(table) } else { Err(Mistake::Checksum) }
}

/// Gives the sum of bytes, which is 0 where a checksum among them is right.
pub fn sum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte))
}

/// Gives the 32-bit field at an offset, if it lies within the bytes.
pub fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().copied().map(u32::from_le_bytes)
}

/// Gives the 64-bit field at an offset, if it lies within the bytes.
pub fn long(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().copied().map(u64::from_le_bytes)
}
