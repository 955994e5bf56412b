//! The firmware's tables: a safe decoder that uses no byte before it is checked.
//!
//! A root pointer names one or two root tables, which name all others. Firmware gets each of these wrong somewhere.
//! So [`read`] is the only entry: every table that the kernel reads is a row of `KINDS`, and a row's decoder gets
//! bytes that lie where the memory map allows tables, with a plausible length and a right checksum. Any other table is
//! refused with a line in the log, and the kernel goes on with what is left. Numbers of sections are those of ACPI 6.5.

mod fadt;
#[cfg(test)]
mod fuzz;
mod hpet;
mod memory;
mod pointer;
mod table;
#[cfg(test)]
mod tests;

pub use fadt::{Fadt, PowerTimer};
pub use hpet::hpet;
pub use memory::{FirmwareMemory, KernelWindows};
pub use pointer::RootPointer;

use core::ops::RangeInclusive;

use crate::firmware::madt::{self, Madt};
pub(super) use table::word;
use table::{HEADER_BYTES, Mistake, long, table};

/// Physical memory that the firmware wrote.
pub trait Physical {
    /// Gives the `count` bytes from an address on, if tables may lie there.
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

/// A table that the kernel reads.
struct Kind {
    /// The name in the table's header.
    name: [u8; 4],
    /// The lengths that the table may have, header included.
    bytes: RangeInclusive<usize>,
    /// Decodes the bytes of a table without mistakes, and keeps the result.
    take: fn(&mut Tables, &[u8]) -> Result<(), Mistake>,
    /// Tells whether the result is there already.
    is_there: fn(&Tables) -> bool,
}

/// The most bytes of a table of fixed form.
const MOST_FIXED_BYTES: usize = 4096;

/// Every table that the kernel reads. The fuzzer takes its tables from here, so a new row is fuzzed too.
const KINDS: [Kind; 3] = [
    Kind {
        name: *b"APIC",
        // 16,384 processors of 16 bytes each at most.
        bytes: madt::ENTRIES..=256 << 10,
        take: |tables, bytes| {
            let madt = Madt::decode(bytes);
            if madt.left_out() > 0 {
                let count = madt.left_out();
                log::warn!("firmware: {count} entries of the MADT are cut short, too many, or contradict others");
            }
            tables.madt = Some(madt);
            Ok(())
        },
        is_there: |tables| tables.madt.is_some(),
    },
    Kind {
        name: *b"FACP",
        bytes: fadt::LEAST_BYTES..=MOST_FIXED_BYTES,
        take: |tables, bytes| {
            tables.fadt = Some(Fadt::decode(bytes));
            Ok(())
        },
        is_there: |tables| tables.fadt.is_some(),
    },
    Kind {
        name: *b"HPET",
        bytes: hpet::BYTES..=MOST_FIXED_BYTES,
        take: |tables, bytes| {
            tables.hpet = Some(hpet(bytes).ok_or(Mistake::NoRegisters)?);
            Ok(())
        },
        is_there: |tables| tables.hpet.is_some(),
    },
];

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
/// The tables of one name that are tried at most. Each costs a line and its checksum's time.
const MOST_TRIES: u8 = 4;

/// Reads what the kernel uses of the firmware's tables. What the XSDT doesn't have, the RSDT may.
pub fn read(root: Root, memory: &impl Physical) -> Tables {
    let mut tables = Tables::default();
    let pointer = match root {
        Root::Pointer(pointer) => Some(pointer),
        Root::InBiosArea => pointer::search(memory),
    };
    let Some(pointer) = pointer else {
        log::info!("firmware: it has no ACPI tables");
        return tables;
    };
    for (form, address) in [(XSDT, pointer.extended), (RSDT, pointer.short.map(u64::from))] {
        if let Some(address) = address.filter(|_| !tables.has_all()) {
            tables.collect(form, address, memory);
        }
    }
    tables
}

impl Tables {
    fn has_all(&self) -> bool {
        KINDS.iter().all(|kind| (kind.is_there)(self))
    }

    /// Takes those tables that a root table names and that aren't there yet: of each name the first good one.
    fn collect(&mut self, form: RootTable, address: u64, memory: &impl Physical) {
        let lengths = HEADER_BYTES..=HEADER_BYTES + MOST_TABLES * form.entry_bytes;
        let root = match table(memory, address, form.name, &lengths) {
            Ok(root) => root,
            Err(mistake) => return refuse(form.name, address, mistake),
        };
        let mut tries = [0; KINDS.len()];
        let mut unreadable = 0;
        for entry in root[HEADER_BYTES..].chunks_exact(form.entry_bytes) {
            let address = if form.entry_bytes == 8 { long(entry, 0) } else { word(entry, 0).map(u64::from) };
            let Some(address) = address.filter(|&address| address != 0) else { continue };
            let Some(name) = memory.bytes(address, HEADER_BYTES).and_then(|header| header.first_chunk()) else {
                unreadable += 1;
                continue;
            };
            let Some((kind, tries)) = KINDS.iter().zip(&mut tries).find(|(kind, _)| kind.name == *name) else {
                continue;
            };
            if *tries < MOST_TRIES && !(kind.is_there)(self) {
                *tries += 1;
                self.take(kind, address, memory);
            }
        }
        if unreadable > 0 {
            log::warn!("firmware: {unreadable} tables that the {} names can't be read", Name(form.name));
        }
    }

    /// Takes a table, if it has no mistake.
    fn take(&mut self, kind: &Kind, address: u64, memory: &impl Physical) {
        let taken = table(memory, address, kind.name, &kind.bytes).and_then(|bytes| (kind.take)(self, bytes));
        if let Err(mistake) = taken {
            refuse(kind.name, address, mistake);
        }
    }
}

/// Logs why a table isn't used.
fn refuse(name: [u8; 4], address: u64, mistake: Mistake) {
    log::warn!("firmware: the {} at {address:#x} {mistake}", Name(name));
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
