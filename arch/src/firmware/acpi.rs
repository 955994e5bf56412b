//! The firmware's tables: a safe decoder that uses nothing before it is checked.
//!
//! A root pointer names one or two root tables, which name all others. Firmware gets each of these wrong somewhere, so
//! every address must be readable, every length plausible and every checksum right. A table that breaks this is refused
//! with a line in the log, and the kernel goes on with the others. Numbers of sections are those of ACPI 6.5.

mod fadt;
mod hpet;
mod memory;
mod pointer;
mod table;
#[cfg(test)]
mod tests;

pub use fadt::{Fadt, PowerTimer};
pub use hpet::hpet;
pub use memory::FirmwareMemory;
pub use pointer::RootPointer;

use crate::firmware::madt::Madt;
use table::{HEADER_BYTES, long, table, word};

/// Physical memory that the firmware wrote.
pub trait Physical {
    /// Gives the `count` bytes from an address on, if all of them may be read.
    fn bytes(&self, address: u64, count: usize) -> Option<&[u8]>;
}

/// The source of the root pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Root {
    /// The boot loader gave a copy of the root pointer.
    Pointer(RootPointer),
    /// The kernel looks for the root pointer where a BIOS puts it.
    InBiosArea,
}

/// What the kernel uses of the firmware's tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tables {
    /// The interrupt controllers.
    pub madt: Option<Madt>,
    /// Fixed hardware: the power management timer, the real-time clock.
    pub fadt: Option<Fadt>,
    /// The physical address of the high precision event timer's registers.
    pub hpet: Option<u64>,
}

/// The two forms of a root table.
#[derive(Clone, Copy, Debug)]
struct RootTable {
    name: [u8; 4],
    entry_bytes: usize,
}

const XSDT: RootTable = RootTable { name: *b"XSDT", entry_bytes: 8 };
const RSDT: RootTable = RootTable { name: *b"RSDT", entry_bytes: 4 };

/// The tables that a root table names at most; a large server has some sixty.
const MOST_TABLES: usize = 256;
/// The most bytes of a MADT: 16,384 processors of 16 bytes each.
const MOST_MADT_BYTES: usize = 256 << 10;
/// The most bytes of a table of fixed form.
const MOST_FIXED_BYTES: usize = 4096;

/// Reads what the kernel uses of the firmware's tables. What the XSDT doesn't have, the RSDT may.
pub fn read(root: Root, memory: &impl Physical) -> Tables {
    let mut tables = Tables::default();
    let pointer = match root {
        Root::Pointer(pointer) => Some(pointer),
        Root::InBiosArea => pointer::search(memory),
    };
    let Some(pointer) = pointer else { return tables };
    for (form, address) in [(XSDT, pointer.extended), (RSDT, pointer.short.map(u64::from))] {
        if let Some(address) = address.filter(|_| !tables.has_all()) {
            tables.collect(form, address, memory);
        }
    }
    tables
}

impl Tables {
    fn has_all(&self) -> bool {
        self.madt.is_some() && self.fadt.is_some() && self.hpet.is_some()
    }

    /// Takes those tables that a root table names and that aren't there yet.
    fn collect(&mut self, form: RootTable, address: u64, memory: &impl Physical) {
        let most = HEADER_BYTES + MOST_TABLES * form.entry_bytes;
        let Some(root) = checked(form.name, address, most, memory) else { return };
        let mut unreadable = 0;
        for entry in root[HEADER_BYTES..].chunks_exact(form.entry_bytes) {
            let address = if form.entry_bytes == 8 { long(entry, 0) } else { word(entry, 0).map(u64::from) };
            let Some(address) = address.filter(|&address| address != 0) else { continue };
            match memory.bytes(address, HEADER_BYTES).and_then(|header| header.first_chunk()) {
                Some(name) => self.take(*name, address, memory),
                None => unreadable += 1,
            }
        }
        if unreadable > 0 {
            log::warn!("firmware: {unreadable} tables that the {} names can't be read", Name(form.name));
        }
    }

    /// Takes the table, if it is one of those that are used and the first good one of its name.
    fn take(&mut self, name: [u8; 4], address: u64, memory: &impl Physical) {
        let get = |most| checked(name, address, most, memory);
        match &name {
            b"APIC" if self.madt.is_none() => self.madt = get(MOST_MADT_BYTES).map(Madt::decode),
            b"FACP" if self.fadt.is_none() => self.fadt = get(MOST_FIXED_BYTES).map(Fadt::decode),
            b"HPET" if self.hpet.is_none() => self.hpet = get(MOST_FIXED_BYTES).and_then(hpet),
            _ => {}
        }
    }
}

/// Gives the bytes of a table, or logs why not.
fn checked(name: [u8; 4], address: u64, most: usize, memory: &impl Physical) -> Option<&[u8]> {
    match table(memory, address, name, most) {
        Ok(table) => Some(table),
        Err(mistake) => {
            log::warn!("firmware: the {} at {address:#x} {mistake}", Name(name));
            None
        }
    }
}

/// A table's name, for the log.
struct Name([u8; 4]);

impl core::fmt::Display for Name {
    fn fmt(&self, to: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        // What the specification calls MADT and FADT have older names in their headers.
        to.write_str(match &self.0 {
            b"APIC" => "MADT",
            b"FACP" => "FADT",
            name => core::str::from_utf8(name).unwrap_or("?"),
        })
    }
}
