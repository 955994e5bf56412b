//! The firmware's tables, by the `acpi` crate: it finds the root, walks to the MADT and checks what it passes.
//!
//! Version 5 of that crate: version 6 wants some thirty functions of its host for AML, which a kernel that reads one
//! table would have to invent. Without its `alloc` feature it needs no heap.

use crate::madt::Madt;
use acpi::{AcpiHandler, AcpiTables, PhysicalMapping};
use core::ptr::NonNull;

/// How the firmware's tables are reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Root {
    /// The boot loader gave a copy of the root pointer, which names the root table.
    Table {
        /// The table's physical address: the RSDT's in revision 0, else the XSDT's.
        address: u64,
        /// The root pointer's revision.
        revision: u8,
    },
    /// It is to be looked for where a BIOS puts it.
    InBiosArea,
}

/// Reads the MADT, if there is one. `show` makes a physical range readable and says where it is.
///
/// # Safety
/// `show` gives addresses at which the whole range is readable from then on. With [`Root::InBiosArea`], physical memory
/// below 1 MiB is that of a PC with a BIOS.
pub unsafe fn madt(root: Root, show: impl Fn(u64, usize) -> NonNull<u8> + Clone) -> Option<Madt> {
    let handler = Shown(show);
    let tables = match root {
        // SAFETY: the boot loader vouches for the address, the caller for `show`.
        Root::Table { address, revision } => unsafe {
            AcpiTables::from_rsdt(handler, revision, usize::try_from(address).ok()?)
        },
        Root::InBiosArea => {
            // SAFETY: the caller vouches for a PC's memory below 1 MiB.
            let pointer = unsafe { search_bios_area(&handler) }?;
            // SAFETY: the crate checks the pointer that was found there.
            unsafe { AcpiTables::from_rsdp(handler, pointer) }
        }
    };
    let table = tables.ok()?.find_table::<acpi::madt::Madt>().ok()?;
    // SAFETY: the crate mapped and checked `region_length` bytes there, which stay readable.
    let bytes =
        unsafe { core::slice::from_raw_parts(table.virtual_start().as_ptr().cast::<u8>(), table.region_length()) };
    Some(Madt::decode(bytes))
}

/// Looks for the root pointer's signature where a BIOS puts it (ACPI 6.5, 5.2.5.1). The crate does that too, by
/// comparing strings: a quarter of a million instructions on i686.
///
/// # Safety
/// As [`madt`] with [`Root::InBiosArea`].
unsafe fn search_bios_area<F: Fn(u64, usize) -> NonNull<u8>>(shown: &Shown<F>) -> Option<usize> {
    // Half of the signature is enough to look for: the crate checks all of it.
    const SIGNATURE: [u8; 4] = *b"RSD ";
    const ALIGNMENT: usize = 16;
    const EXTENDED_BIOS_DATA_SEGMENT: u64 = 0x40E;
    const EXTENDED_BIOS_DATA_BYTES: usize = 1024;
    // The upper half first, where most firmware has it.
    const READ_ONLY_MEMORY: [(usize, usize); 2] = [(0xF_0000, 0x1_0000), (0xE_0000, 0x1_0000)];
    let segment = (shown.0)(EXTENDED_BIOS_DATA_SEGMENT, size_of::<u16>()).cast::<u16>();
    // SAFETY: the handler shows the word.
    let extended = usize::from(unsafe { segment.read_unaligned() }) * ALIGNMENT;
    let [upper, lower] = READ_ONLY_MEMORY;
    let areas = [(extended, EXTENDED_BIOS_DATA_BYTES), upper, lower];
    areas.into_iter().filter(|(start, _)| *start != 0).find_map(|(start, bytes)| {
        let shown = (shown.0)(start as u64, bytes);
        // SAFETY: it lies within what the handler shows, for good, and bytes have any alignment.
        let places =
            unsafe { core::slice::from_raw_parts(shown.as_ptr().cast::<[u8; ALIGNMENT]>(), bytes / ALIGNMENT) };
        Some(start + position(places, SIGNATURE)? * ALIGNMENT)
    })
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

/// Shows physical memory to the crate.
#[derive(Clone)]
struct Shown<F>(F);

impl<F: Fn(u64, usize) -> NonNull<u8> + Clone> AcpiHandler for Shown<F> {
    unsafe fn map_physical_region<T>(&self, physical_address: usize, size: usize) -> PhysicalMapping<Self, T> {
        let address = (self.0)(physical_address as u64, size).cast::<T>();
        // SAFETY: `madt`'s caller vouches that the range is readable there.
        unsafe { PhysicalMapping::new(physical_address, address, size, size, self.clone()) }
    }

    fn unmap_physical_region<T>(_: &PhysicalMapping<Self, T>) {}
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
