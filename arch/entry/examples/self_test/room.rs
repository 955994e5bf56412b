//! The memory right below a CPU's data at a fixed address, which no entry may write.
//!
//! On i686 `sysenter` begins with the stack pointer in the TSS. A debug exception there is pushed below the TSS, into
//! the room that `EntryData` keeps for it.
use x86_entry::EntryDataLocation;

use crate::variant::Variant;

/// Bytes that are watched.
const BYTES: usize = 256;

const MARK: u8 = 0xA5;

/// The watched memory, if the variant's data are at a fixed address. Nothing else lies there.
fn below<V: Variant>() -> Option<*mut [u8; BYTES]> {
    match V::DATA_LOCATION {
        EntryDataLocation::Fixed(address) => Some((address - BYTES) as *mut _),
        EntryDataLocation::Static | EntryDataLocation::GsBase => None,
    }
}

/// Writes the mark.
pub fn mark<V: Variant>() {
    if let Some(place) = below::<V>() {
        // SAFETY: the memory is mapped, and nothing else uses it.
        unsafe { place.write_volatile([MARK; BYTES]) };
    }
}

/// Checks that the mark is whole.
pub fn check<V: Variant>() {
    if let Some(place) = below::<V>() {
        // SAFETY: as above.
        let bytes = unsafe { place.read_volatile() };
        let changed = bytes.iter().position(|byte| *byte != MARK).map(|index| BYTES - index);
        assert_eq!(changed, None, "bytes below the CPU's data changed, down to this offset");
    }
}
