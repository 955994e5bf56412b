//! The levels of page tables and the bits of each: PAE has three levels, the 64-bit mode four.
//!
//! They are a trait rather than `cfg`, so that the host's tests walk tables of either kind.

use kernel::frames::Frame;

use super::Entry;

/// The bits of an address that one level's index takes; PAE's root has two, which is what remains of 32.
const INDEX_BITS: u32 = 9;
/// The bits of an address within a page.
pub const PAGE_BITS: u32 = abi::PAGE_BYTES.trailing_zeros();

/// The levels of a width; level 1 holds pages, `LEVELS` is the root.
pub trait Geometry {
    /// The root's level.
    const LEVELS: u32;
    /// How many of the root's entries belong to user space; the others are the kernel's.
    const USER_ROOT_ENTRIES: usize;
    /// How many entries the root has.
    const ROOT_ENTRIES: usize;
    /// Whether the CPU reads the root's entries only when CR3 is loaded.
    const ROOT_IS_CACHED: bool;

    /// What names a further table in an entry of `level`.
    fn table_entry(level: u32, table: Frame) -> Entry;

    /// The index in a table of `level` on the way to an address.
    fn index(level: u32, address: usize) -> usize {
        let mask = if level == Self::LEVELS { Self::ROOT_ENTRIES - 1 } else { Self::entries(level) - 1 };
        address >> Self::shift(level) & mask
    }

    /// How many entries a table of `level` has.
    fn entries(level: u32) -> usize {
        if level == Self::LEVELS { Self::ROOT_ENTRIES } else { 1 << INDEX_BITS }
    }

    /// The bytes that one entry of `level` covers, as a power of two.
    fn shift(level: u32) -> u32 {
        PAGE_BITS + INDEX_BITS * (level - 1)
    }
}

/// Three levels, the last of four entries (SDM 3A 4.4).
#[derive(Debug)]
pub struct Pae;

impl Geometry for Pae {
    const LEVELS: u32 = 3;
    const USER_ROOT_ENTRIES: usize = 3;
    const ROOT_ENTRIES: usize = 4;
    const ROOT_IS_CACHED: bool = true;

    fn table_entry(level: u32, table: Frame) -> Entry {
        if level == Self::LEVELS { Entry::directory(table) } else { Entry::table(table) }
    }
}

/// Four levels of 512 entries (SDM 3A 4.5).
#[derive(Debug)]
pub struct FourLevel;

impl Geometry for FourLevel {
    const LEVELS: u32 = 4;
    const USER_ROOT_ENTRIES: usize = 256;
    const ROOT_ENTRIES: usize = 512;
    const ROOT_IS_CACHED: bool = false;

    fn table_entry(_level: u32, table: Frame) -> Entry {
        Entry::table(table)
    }
}
