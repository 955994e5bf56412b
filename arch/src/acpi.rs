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

impl Root {
    /// The root as a boot loader gave it: the bytes of the root pointer (ACPI 6.5, 5.2.5.3), if it gave any.
    pub fn from_pointer(pointer: Option<&[u8]>) -> Self {
        let Some(pointer) = pointer.filter(|bytes| bytes.starts_with(b"RSD PTR ")) else { return Self::InBiosArea };
        let number = |offset: usize, length: usize| {
            let bytes = pointer.get(offset..offset + length)?;
            Some(bytes.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte)))
        };
        let revision = pointer.get(15).copied().unwrap_or(0);
        let (revision, address) = match (revision, number(24, 8)) {
            (1.., Some(extended)) if extended != 0 => (revision, Some(extended)),
            _ => (0, number(16, 4)),
        };
        address.map_or(Self::InBiosArea, |address| Self::Table { address, revision })
    }
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
        // SAFETY: the caller vouches for a PC's memory below 1 MiB.
        Root::InBiosArea => unsafe { AcpiTables::search_for_rsdp_bios(handler) },
    };
    let table = tables.ok()?.find_table::<acpi::madt::Madt>().ok()?;
    // SAFETY: the crate mapped and checked `region_length` bytes there, which stay readable.
    let bytes =
        unsafe { core::slice::from_raw_parts(table.virtual_start().as_ptr().cast::<u8>(), table.region_length()) };
    Some(Madt::decode(bytes))
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

    fn pointer(revision: u8, extended: u64) -> [u8; 36] {
        let mut bytes = [0; 36];
        bytes[..8].copy_from_slice(b"RSD PTR ");
        bytes[15] = revision;
        bytes[16..20].copy_from_slice(&0x07FE_1234u32.to_le_bytes());
        bytes[24..32].copy_from_slice(&extended.to_le_bytes());
        bytes
    }

    #[test]
    fn the_newest_root_table_counts() {
        let table = |address, revision| Root::Table { address, revision };
        assert_eq!(Root::from_pointer(Some(&pointer(0, 0)[..20])), table(0x07FE_1234, 0));
        assert_eq!(Root::from_pointer(Some(&pointer(2, 0x1_0000_5678))), table(0x1_0000_5678, 2));
        assert_eq!(Root::from_pointer(Some(&pointer(2, 0))), table(0x07FE_1234, 0));
    }

    #[test]
    fn what_is_no_root_pointer_is_looked_for() {
        for bytes in [None, Some(b"RSD PTR" as &[u8]), Some(&[0; 36]), Some(b"RSD PTR ")] {
            assert_eq!(Root::from_pointer(bytes), Root::InBiosArea);
        }
    }
}
