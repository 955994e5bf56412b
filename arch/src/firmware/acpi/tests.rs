use proptest::prelude::*;

use super::*;

/// Memory in pieces; what lies between them can't be read.
#[derive(Clone, Debug, Default)]
struct Pieces(Vec<(u64, Vec<u8>)>);

impl Physical for Pieces {
    fn bytes(&self, address: u64, count: usize) -> Option<&[u8]> {
        let inside = |(start, bytes): &(u64, Vec<u8>)| (*start..*start + bytes.len() as u64).contains(&address);
        let (start, bytes) = self.0.iter().find(|piece| inside(piece))?;
        let from = (address - start) as usize;
        bytes.get(from..from.checked_add(count)?)
    }
}

const MADT: u64 = 0x7FE_1000;
const FADT: u64 = 0x7FE_2000;
const HPET: u64 = 0x7FE_3000;
const RSDT: u64 = 0x7FE_4000;
const XSDT: u64 = 0x1_0000_5000;

/// A table with a right length and a right checksum.
pub(super) fn made(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let mut table = vec![0; HEADER_BYTES];
    table[..4].copy_from_slice(name);
    table.extend_from_slice(body);
    let length = table.len() as u32;
    table[4..8].copy_from_slice(&length.to_le_bytes());
    summed(table, 9)
}

pub(super) fn summed(mut bytes: Vec<u8>, at: usize) -> Vec<u8> {
    bytes[at] = bytes[at].wrapping_sub(table::sum(&bytes));
    bytes
}

pub(super) fn pointer(revision: u8, short: u32, extended: u64) -> Vec<u8> {
    let mut bytes = b"RSD PTR ".to_vec();
    bytes.resize(36, 0);
    bytes[15] = revision;
    bytes[16..20].copy_from_slice(&short.to_le_bytes());
    bytes[20..24].copy_from_slice(&36u32.to_le_bytes());
    bytes[24..32].copy_from_slice(&extended.to_le_bytes());
    let first = summed(bytes[..20].to_vec(), 8);
    bytes[..20].copy_from_slice(&first);
    summed(bytes, 32)
}

pub(super) fn fadt() -> Vec<u8> {
    let mut body = vec![0; 244 - HEADER_BYTES];
    body[76 - HEADER_BYTES..78 - HEADER_BYTES].copy_from_slice(&0x608u16.to_le_bytes());
    body[91 - HEADER_BYTES] = 4;
    body[108 - HEADER_BYTES] = 0x32;
    made(b"FACP", &body)
}

pub(super) fn hpet() -> Vec<u8> {
    let mut body = vec![0; 20];
    body[8..16].copy_from_slice(&0xFED0_0000u64.to_le_bytes());
    made(b"HPET", &body)
}

/// A machine with all tables and two root tables, whose root pointer stands where a BIOS puts it.
fn machine() -> Pieces {
    let madt = madt::tests::table(madt::tests::QEMU_PC);
    let others = [FADT, HPET, MADT];
    let short = others.map(|address| (address as u32).to_le_bytes()).concat();
    let long = others.map(u64::to_le_bytes).concat();
    let mut bios = vec![0; 0x1_0000];
    bios[0x30..0x30 + 36].copy_from_slice(&pointer(2, RSDT as u32, XSDT));
    Pieces(vec![
        (MADT, made(b"APIC", &madt[HEADER_BYTES..])),
        (FADT, fadt()),
        (HPET, hpet()),
        (RSDT, made(b"RSDT", &short)),
        (XSDT, made(b"XSDT", &long)),
        (0xF_0000, bios),
    ])
}

fn piece(memory: &mut Pieces, address: u64) -> &mut Vec<u8> {
    let found = memory.0.iter_mut().find(|(start, _)| *start == address);
    &mut found.expect("a piece begins there").1
}

/// Puts another length into a table, with a right checksum as far as there are bytes.
fn set_length(memory: &mut Pieces, address: u64, length: u32) {
    let table = piece(memory, address);
    table[4..8].copy_from_slice(&length.to_le_bytes());
    let covered = (length as usize).clamp(10, table.len());
    table[9] = table[9].wrapping_sub(table::sum(&table[..covered]));
}

fn set_pointer(memory: &mut Pieces, bytes: &[u8]) {
    piece(memory, 0xF_0000)[0x30..0x30 + bytes.len()].copy_from_slice(bytes);
}

fn all() -> Tables {
    read(Root::InBiosArea, &machine())
}

#[test]
fn everything_is_found() {
    let tables = all();
    assert_eq!(tables.madt.map(|madt| madt.io_apics().len()), Some(1));
    let fadt = Fadt { power_timer: Some(PowerTimer { port: 0x608 }), century_register: Some(0x32) };
    assert_eq!((tables.fadt, tables.hpet), (Some(fadt), Some(0xFED0_0000)));
}

/// Multiboot1's way: the pointer is found in memory, and anything may follow its 20 bytes.
#[test]
fn a_pointer_of_revision_1_has_20_bytes() {
    for garbage in [0xFF, 0x41] {
        let mut memory = machine();
        let mut bytes = pointer(1, RSDT as u32, 0);
        bytes[20..].fill(garbage);
        set_pointer(&mut memory, &bytes);
        assert_eq!(read(Root::InBiosArea, &memory), all());
    }
}

#[test]
fn the_rsdt_serves_without_a_good_xsdt() {
    for address in [0, 8, 0x1000, XSDT + 1, u64::MAX] {
        let mut memory = machine();
        set_pointer(&mut memory, &pointer(2, RSDT as u32, address));
        assert_eq!(read(Root::InBiosArea, &memory), all(), "{address:#x}");
    }
    for length in [0, 12, 35, 36 + 4, 512 << 20, 0x7FFF_0000, u32::MAX] {
        let mut memory = machine();
        set_length(&mut memory, XSDT, length);
        assert_eq!(read(Root::InBiosArea, &memory), all(), "{length:#x}");
    }
    let mut memory = machine();
    piece(&mut memory, XSDT)[40] ^= 1;
    assert_eq!(read(Root::InBiosArea, &memory), all(), "a wrong checksum");
    let mut memory = machine();
    let mut second = pointer(2, RSDT as u32, XSDT);
    second[33] ^= 1;
    set_pointer(&mut memory, &second);
    assert_eq!(read(Root::InBiosArea, &memory), all(), "a wrong second checksum");
}

#[test]
fn what_one_root_table_misnames_the_other_may_have() {
    let mut memory = machine();
    let table = piece(&mut memory, XSDT);
    table[HEADER_BYTES + 16..][..8].copy_from_slice(&u64::MAX.to_le_bytes());
    *table = summed(core::mem::take(table), 9);
    assert_eq!(read(Root::InBiosArea, &memory), all());
}

#[test]
fn a_bad_table_costs_that_table() {
    for length in [0, 12, 35, 43, 512 << 20, 0x7FFF_0000, u32::MAX] {
        let mut memory = machine();
        set_length(&mut memory, MADT, length);
        assert_eq!(read(Root::InBiosArea, &memory), Tables { madt: None, ..all() }, "{length:#x}");
    }
    for (address, expected) in [
        (FADT, Tables { fadt: None, ..all() }),
        (HPET, Tables { hpet: None, ..all() }),
        (MADT, Tables { madt: None, ..all() }),
    ] {
        let mut memory = machine();
        piece(&mut memory, address)[20] ^= 1;
        assert_eq!(read(Root::InBiosArea, &memory), expected);
    }
}

/// A root table may name one bad table again and again: that costs a few lines, and the time of as many checksums.
#[test]
fn bad_tables_of_one_name_are_tried_a_few_times() {
    for (tries, found) in [(MOST_TRIES - 1, true), (MOST_TRIES, false)] {
        let mut memory = machine();
        let good = MADT + 0x800;
        let table = piece(&mut memory, MADT).clone();
        memory.0.push((good, table));
        piece(&mut memory, MADT)[20] ^= 1;
        let bad = [MADT as u32].repeat(tries.into());
        let names: Vec<u8> = bad.into_iter().chain([good as u32]).flat_map(u32::to_le_bytes).collect();
        set_pointer(&mut memory, &pointer(0, RSDT as u32, 0));
        *piece(&mut memory, RSDT) = made(b"RSDT", &names);
        assert_eq!(read(Root::InBiosArea, &memory).madt.is_some(), found);
    }
}

#[test]
fn a_timer_without_registers_costs_that_table() {
    let mut memory = machine();
    piece(&mut memory, HPET)[44..52].fill(0);
    let table = piece(&mut memory, HPET);
    *table = summed(core::mem::take(table), 9);
    assert_eq!(read(Root::InBiosArea, &memory), Tables { hpet: None, ..all() });
}

#[test]
fn a_false_pointer_is_passed_over() {
    let mut memory = machine();
    piece(&mut memory, 0xF_0000)[0x10..0x18].copy_from_slice(b"RSD PTR ");
    assert_eq!(read(Root::InBiosArea, &memory), all());
    memory.0.push((0x40E, vec![0xC0, 0x9F]));
    memory.0.push((0x9_FC00, vec![0x55; 1024]));
    assert_eq!(read(Root::InBiosArea, &memory), all());
}

#[test]
fn without_anything_there_is_nothing() {
    assert_eq!(read(Root::InBiosArea, &Pieces::default()), Tables::default());
    assert_eq!(read(Root::Pointer(RootPointer::default()), &machine()), Tables::default());
}

#[test]
fn fixed_hardware_is_checked() {
    let with = |changes: &[(usize, u8)]| {
        let mut table = vec![0; 276];
        for (at, value) in [(76, 0x08), (77, 0x06), (91, 4), (108, 0x32)].iter().chain(changes) {
            table[*at] = *value;
        }
        let fadt = Fadt::decode(&table);
        (fadt.power_timer.map(|timer| timer.port), fadt.century_register)
    };
    assert_eq!(with(&[]), (Some(0x608), Some(0x32)));
    assert_eq!(with(&[(91, 0)]), (None, Some(0x32)), "a timer of no bytes");
    assert_eq!(with(&[(78, 1)]), (None, Some(0x32)), "no such port");
    assert_eq!(with(&[(208, 1), (212, 0x10), (213, 0x04)]), (Some(0x410), Some(0x32)));
    assert_eq!(with(&[(208, 0), (212, 0x10)]).0, Some(0x608), "the other form is memory");
    assert_eq!(with(&[(108, 0)]).1, None);
    assert_eq!(with(&[(108, 9)]).1, None, "the year's own register");
    assert_eq!(with(&[(108, 0xB2)]).1, None, "no such register");
    assert_eq!(Fadt::decode(&[]), Fadt::default());
}

proptest! {
    /// Whatever stands in the tables, reading them ends, without a panic.
    #[test]
    fn no_table_panics(
        changes in proptest::collection::vec((0..6usize, 0..300usize, any::<u8>()), 0..24),
        cut in proptest::option::of((0..6usize, 0..100usize)),
        fix: bool,
    ) {
        let mut memory = machine();
        for (table, at, value) in changes {
            let start = if table == 5 { 0x30 } else { 0 };
            let bytes = &mut memory.0[table].1;
            let at = start + at % if table == 5 { 36 } else { bytes.len() };
            bytes[at] = value;
        }
        if let Some((table, length)) = cut {
            memory.0[table].1.truncate(length);
        }
        if fix {
            // Right checksums let mistakes through to where they would be used.
            for (_, table) in memory.0.iter_mut().take(5).filter(|(_, table)| table.len() > HEADER_BYTES) {
                *table = summed(core::mem::take(table), 9);
            }
        }
        read(Root::InBiosArea, &memory);
    }

    /// Any bytes are a root pointer or none.
    #[test]
    fn no_pointer_panics(bytes in proptest::collection::vec(any::<u8>(), 0..80), at in 0..40usize) {
        let mut bytes = bytes;
        if at + 8 <= bytes.len() {
            bytes[at..at + 8].copy_from_slice(b"RSD PTR ");
        }
        if bytes.len() >= at + 20 {
            let fixed = summed(bytes[at..at + 20].to_vec(), 8);
            bytes[at..at + 20].copy_from_slice(&fixed);
            RootPointer::decode(&bytes[at..]);
        }
        RootPointer::decode(&bytes);
        read(Root::InBiosArea, &Pieces(vec![(0xF_0000, bytes)]));
    }
}
