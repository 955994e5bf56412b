//! Where the high precision event timer is (IA-PC HPET Specification 1.0a, 3.2.4).

use super::table::long;

/// The bytes of the table, header included.
pub const BYTES: usize = 56;
/// The address in the form that also says which kind of address it is.
const ADDRESS: usize = 40;
const MEMORY_SPACE: u8 = 0;

/// Decodes the table's bytes, header included: the physical address of the timer's registers, a kibibyte of them.
pub fn hpet(table: &[u8]) -> Option<u64> {
    let space = table.get(ADDRESS).copied();
    long(table, ADDRESS + 4).filter(|&address| space == Some(MEMORY_SPACE) && address != 0 && address.is_multiple_of(8))
}
