//! What the firmware's interrupt table (MADT) says of lines: a safe decoder of its bytes.
//!
//! `acpi` finds the table and checks its length and checksum. Numbers of sections are those of ACPI 6.5.

use crate::firmware::acpi;
use kernel::machine::Trigger;

/// The IOAPICs that are used at most.
pub const MAX_IOAPICS: usize = 8;
/// The overrides that are kept at most: one for each ISA line.
pub const MAX_OVERRIDES: usize = 16;

/// Bytes before the first entry: the common header, the local APIC's address, flags (5.2.12).
pub const ENTRIES: usize = 44;
/// The offset of the local APIC's address.
const LOCAL_APIC_ADDRESS: usize = 36;

/// Which electrical level of a line means "asserted".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Polarity {
    /// The ISA bus.
    #[default]
    ActiveHigh,
    /// The PCI bus.
    ActiveLow,
}

/// An IOAPIC (5.2.12.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IoApicEntry {
    /// The physical address of its registers.
    pub address: u32,
    /// The number of its first input among all IOAPICs' inputs.
    pub first_input: u32,
}

/// An ISA line with another input or another signal than the ISA bus gives it (5.2.12.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Override {
    /// The ISA line.
    pub line: u8,
    /// The input that it is wired to.
    pub input: u32,
    /// The trigger of the line.
    pub trigger: Trigger,
    /// Which level is the asserted one.
    pub polarity: Polarity,
}

/// The fields of the table that the kernel uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Madt {
    /// The physical address of the local APIC's registers.
    pub local_apic: u64,
    io_apics: [IoApicEntry; MAX_IOAPICS],
    io_apic_count: usize,
    overrides: [Override; MAX_OVERRIDES],
    override_count: usize,
    left_out: usize,
}

impl Madt {
    /// Decodes the table's bytes, header included. An entry that is cut short ends the walk; the entries before it
    /// count.
    pub fn decode(table: &[u8]) -> Self {
        let mut madt = Self { local_apic: u64::from(word(table, LOCAL_APIC_ADDRESS)), ..Self::default() };
        let mut rest = table.get(ENTRIES..).unwrap_or_default();
        while let [kind, length, ..] = *rest {
            let length = usize::from(length);
            let Some(entry) = rest.get(..length).filter(|entry| entry.len() >= 2) else { break };
            madt.entry(kind, entry);
            rest = &rest[length..];
        }
        madt.left_out += usize::from(!rest.is_empty());
        madt
    }

    /// The IOAPICs.
    pub fn io_apics(&self) -> &[IoApicEntry] {
        &self.io_apics[..self.io_apic_count]
    }

    /// The overrides of ISA lines.
    pub fn overrides(&self) -> &[Override] {
        &self.overrides[..self.override_count]
    }

    /// Gives the number of entries that aren't used, because they are cut short, contradict an entry before them, or
    /// exceed what is kept.
    pub const fn left_out(&self) -> usize {
        self.left_out
    }

    fn entry(&mut self, kind: u8, entry: &[u8]) {
        match (kind, entry.len()) {
            (1, 12..) => self.add_io_apic(IoApicEntry { address: word(entry, 4), first_input: word(entry, 8) }),
            (2, 10..) => self.add_override(entry),
            (5, 12..) => self.local_apic = u64::from(word(entry, 4)) | u64::from(word(entry, 8)) << 32,
            (1 | 2 | 5, _) => self.left_out += 1,
            _ => {}
        }
    }

    fn add_io_apic(&mut self, found: IoApicEntry) {
        // Two entries of one chip would make two drivers of it.
        let is_known = self.io_apics().iter().any(|known| known.address == found.address);
        match self.io_apics.get_mut(self.io_apic_count).filter(|_| !is_known) {
            Some(place) => {
                *place = found;
                self.io_apic_count += 1;
            }
            None => self.left_out += 1,
        }
    }

    fn add_override(&mut self, entry: &[u8]) {
        let (bus, line) = (entry[2], entry[3]);
        let input = word(entry, 4);
        // An input has one entry in its chip, hence one line; a line's second override contradicts the first.
        let is_known = |known: &Override| known.line == line || known.input == input;
        if bus != 0 || line > 15 || self.overrides().iter().any(is_known) {
            self.left_out += 1;
            return;
        }
        // MPS INTI flags (5.2.12.5, table 5.26); "as the bus has it" means edge and active high on the ISA bus.
        let flags = u16::from_le_bytes([entry[8], entry[9]]);
        let trigger = if flags >> 2 & 3 == 3 { Trigger::Level } else { Trigger::Edge };
        let polarity = if flags & 3 == 3 { Polarity::ActiveLow } else { Polarity::ActiveHigh };
        if let Some(place) = self.overrides.get_mut(self.override_count) {
            *place = Override { line, input, trigger, polarity };
            self.override_count += 1;
        }
    }
}

fn word(bytes: &[u8], offset: usize) -> u32 {
    acpi::word(bytes, offset).unwrap_or(0)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    extern crate std;
    use std::vec::Vec;

    pub(crate) fn table(entries: &[&[u8]]) -> Vec<u8> {
        let mut table = std::vec![0u8; ENTRIES];
        table[LOCAL_APIC_ADDRESS..LOCAL_APIC_ADDRESS + 4].copy_from_slice(&0xFEE0_0000u32.to_le_bytes());
        for entry in entries {
            table.extend_from_slice(entry);
        }
        table
    }

    /// What QEMU's `pc` machine says, entry by entry.
    pub(crate) const QEMU_PC: &[&[u8]] = &[
        &[0, 8, 0, 0, 1, 0, 0, 0],
        &[1, 12, 0, 0, 0, 0, 0xC0, 0xFE, 0, 0, 0, 0],
        &[2, 10, 0, 0, 2, 0, 0, 0, 0, 0],
        &[2, 10, 0, 5, 5, 0, 0, 0, 0x0D, 0],
        &[2, 10, 0, 9, 9, 0, 0, 0, 0x0D, 0],
        &[2, 10, 0, 10, 10, 0, 0, 0, 0x0D, 0],
        &[2, 10, 0, 11, 11, 0, 0, 0, 0x0D, 0],
        &[4, 6, 0xFF, 0, 0, 1],
    ];

    #[test]
    fn decodes_what_qemu_says() {
        let madt = Madt::decode(&table(QEMU_PC));
        assert_eq!(madt.local_apic, 0xFEE0_0000);
        assert_eq!(madt.io_apics(), [IoApicEntry { address: 0xFEC0_0000, first_input: 0 }]);
        assert_eq!((madt.overrides().len(), madt.left_out()), (5, 0));
        let timer = Override { line: 0, input: 2, trigger: Trigger::Edge, polarity: Polarity::ActiveHigh };
        let power = Override { line: 9, input: 9, trigger: Trigger::Level, polarity: Polarity::ActiveHigh };
        assert_eq!((madt.overrides()[0], madt.overrides()[2]), (timer, power));
    }

    #[test]
    fn takes_the_64_bit_address_and_active_low() {
        let madt =
            Madt::decode(&table(&[&[5, 12, 0, 0, 0, 0, 0xE0, 0xFE, 1, 0, 0, 0], &[2, 10, 0, 9, 20, 0, 0, 0, 0x0F, 0]]));
        assert_eq!(madt.local_apic, 0x1_FEE0_0000);
        assert_eq!(madt.overrides()[0].polarity, Polarity::ActiveLow);
        assert_eq!(madt.overrides()[0].input, 20);
    }

    #[test]
    fn survives_malformed_tables() {
        for bad in [&[1u8, 0] as &[u8], &[1, 1], &[1, 12, 0], &[2, 3, 0], &[7], &[]] {
            let mut entries = QEMU_PC.to_vec();
            entries.push(bad);
            let madt = Madt::decode(&table(&entries));
            assert_eq!((madt.overrides().len(), madt.left_out()), (5, usize::from(!bad.is_empty())), "{bad:?}");
        }
        assert_eq!(Madt::decode(&[]), Madt::default());
        let many: Vec<[u8; 12]> = (0..20).map(|number| [1, 12, 0, 0, 0, number, 0xC0, 0xFE, 0, 0, 0, 0]).collect();
        let many: Vec<&[u8]> = many.iter().map(|entry| entry.as_slice()).collect();
        let madt = Madt::decode(&table(&many));
        assert_eq!((madt.io_apics().len(), madt.left_out()), (MAX_IOAPICS, 20 - MAX_IOAPICS));
    }

    #[test]
    fn what_contradicts_an_entry_before_it_is_left_out() {
        let twice = [QEMU_PC[1], QEMU_PC[1], &[2, 10, 0, 9, 20, 0, 0, 0, 0x0F, 0], &[2, 10, 0, 9, 21, 0, 0, 0, 0, 0]];
        let madt = Madt::decode(&table(&[&twice[..], &[&[2, 10, 0, 10, 20, 0, 0, 0, 0, 0]]].concat()));
        assert_eq!((madt.io_apics().len(), madt.left_out()), (1, 3));
        assert_eq!(madt.overrides().iter().map(|known| (known.line, known.input)).collect::<Vec<_>>(), [(9, 20)]);
    }
}
