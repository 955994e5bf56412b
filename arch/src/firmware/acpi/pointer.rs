//! The root pointer (5.2.5): finding it, and the root tables that it names.

use super::Physical;
use super::table::{long, sum, word};

const SIGNATURE: [u8; 8] = *b"RSD PTR ";
/// The bytes of revision 0, which have a checksum of their own in every revision.
const FIRST_BYTES: usize = 20;
/// The bytes of revision 2 and later, whose second checksum is of all.
const ALL_BYTES: usize = 36;
/// It begins at a multiple of this.
const ALIGNMENT: usize = 16;

/// The physical addresses of the root tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RootPointer {
    /// The XSDT's.
    pub extended: Option<u64>,
    /// The RSDT's.
    pub short: Option<u32>,
}

impl RootPointer {
    /// Decodes a root pointer's bytes, which any others may follow; nothing if there is no root pointer. What only
    /// revision 2 has counts only if the second checksum is right: revision 1 doesn't exist, and has been seen with 20
    /// bytes.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let first = bytes.first_chunk::<FIRST_BYTES>()?;
        if !first.starts_with(&SIGNATURE) || sum(first) != 0 {
            return None;
        }
        let length = word(bytes, 20).map_or(0, |length| length as usize);
        let has_extended = first[15] >= 2;
        let extended = bytes.get(..length).filter(|all| has_extended && length >= ALL_BYTES && sum(all) == 0);
        if has_extended && extended.is_none() {
            log::warn!("firmware: the root pointer's second part has a wrong length or checksum");
        }
        Some(Self {
            extended: extended.and_then(|all| long(all, 24)).filter(|&address| address != 0),
            short: word(first, 16).filter(|&address| address != 0),
        })
    }
}

/// Looks for the root pointer where a BIOS puts it (5.2.5.1). What has its signature and a wrong checksum is passed
/// over.
pub fn search(memory: &impl Physical) -> Option<RootPointer> {
    const EXTENDED_BIOS_DATA_SEGMENT: u64 = 0x40E;
    const EXTENDED_BIOS_DATA_BYTES: usize = 1024;
    // Where that area can be: below the screen's memory, above what the BIOS itself needs.
    const CONVENTIONAL: core::ops::RangeInclusive<usize> = 0x500..=0xA_0000 - EXTENDED_BIOS_DATA_BYTES;
    // The upper half comes first, since most firmware has it there.
    const READ_ONLY_MEMORY: [(usize, usize); 2] = [(0xF_0000, 0x1_0000), (0xE_0000, 0x1_0000)];
    let segment = memory.bytes(EXTENDED_BIOS_DATA_SEGMENT, size_of::<u16>()).and_then(|word| word.first_chunk());
    let extended = segment.map_or(0, |&word| usize::from(u16::from_le_bytes(word)) * ALIGNMENT);
    let [upper, lower] = READ_ONLY_MEMORY;
    let areas = [(extended, EXTENDED_BIOS_DATA_BYTES), upper, lower];
    let areas = areas.into_iter().filter(|(start, bytes)| *bytes > 1024 || CONVENTIONAL.contains(start));
    areas.into_iter().find_map(|(start, bytes)| search_area(memory.bytes(start as u64, bytes)?))
}

fn search_area(area: &[u8]) -> Option<RootPointer> {
    let places = area.as_chunks::<ALIGNMENT>().0;
    let mut from = 0;
    while let Some(found) = position(places.get(from..)?, *b"RSD ") {
        from += found + 1;
        let pointer = area.get((from - 1) * ALIGNMENT..).and_then(RootPointer::decode);
        if pointer.is_some() {
            return pointer;
        }
    }
    None
}

/// The place that begins with a word. Four at a time, since this is a tenth of what booting takes on i686.
#[inline(never)]
#[optimize(speed)]
fn position<const BYTES: usize>(places: &[[u8; BYTES]], word: [u8; 4]) -> Option<usize> {
    let mut passed = 0;
    for [first, second, third, fourth] in places.as_chunks::<4>().0 {
        if begins(first, word) | begins(second, word) | begins(third, word) | begins(fourth, word) {
            break;
        }
        passed += 4;
    }
    let rest = places.get(passed..)?;
    rest.iter().position(|place| begins(place, word)).map(|place| passed + place)
}

#[inline(always)]
fn begins<const BYTES: usize>(place: &[u8; BYTES], word: [u8; 4]) -> bool {
    place.first_chunk() == Some(&word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_found_wherever_it_is() {
        let mut places = [[0; 16]; 11];
        assert_eq!(position(&places, *b"RSD "), None);
        for at in (0..places.len()).rev() {
            places[at][..4].copy_from_slice(b"RSD ");
            assert_eq!(position(&places, *b"RSD "), Some(at));
        }
    }
}
