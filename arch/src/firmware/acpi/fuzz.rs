//! The fuzzer of the firmware's tables: random and mutated tables in a fake physical memory, by the kernel's own entry.
//!
//! The tables come from [`KINDS`], so whatever the kernel reads is fuzzed. Each step makes a memory map, tables of
//! every kind and root tables that name them, spoils some of it, and reads. What must hold:
//!
//! - no panic;
//! - nothing is mapped but frames that a region of the map keeps from use;
//! - no more bytes are handed out, and no more lines logged, than the limits of the entry add up to;
//! - a good table that a good root table names is found, whatever is wrong with the others;
//! - whatever the tables say, no two lines are one input.
//!
//! Everything follows from the number of a step. A failure names it.

mod memory;

use core::cell::{Cell, RefCell};
use core::ops::Range;
use std::sync::Once;

use super::tests::{fadt, hpet, made, pointer, summed};
use super::*;
use crate::interrupts::route::{VECTOR_LINES, route};
use crate::memory::{FIRST_MIB_BYTES, FRAME_BYTES, MemoryMap, Region, RegionKind};
use memory::{HIGH, HIGH_BYTES, Memory, Random};

/// The most bytes of a root table.
const MOST_ROOT_BYTES: usize = HEADER_BYTES + MOST_TABLES * 8;

/// The memory, and the number of bytes that the reader was given.
struct Counting<'a> {
    memory: FirmwareMemory<'a, &'a Memory>,
    bytes: Cell<usize>,
}

impl Physical for Counting<'_> {
    fn bytes(&self, address: u64, count: usize) -> Option<&[u8]> {
        let bytes = self.memory.bytes(address, count)?;
        assert_eq!(bytes.len(), count);
        self.bytes.set(self.bytes.get() + count);
        Some(bytes)
    }
}

thread_local! {
    /// The lines that this thread has logged.
    static LOGGED: Cell<usize> = const { Cell::new(0) };
    static MEMORY: RefCell<Memory> = RefCell::new(Memory::new());
}

struct Count;

impl log::Log for Count {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        assert!(record.args().to_string().len() < 200, "a line that no screen holds: {}", record.args());
        LOGGED.set(LOGGED.get() + 1);
    }

    fn flush(&self) {}
}

fn count_lines() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_logger(&Count).expect("no test logs otherwise");
        log::set_max_level(log::LevelFilter::Info);
    });
}

/// The bytes that one reading may look at: the search, and for each root table its tables' headers and the tries.
fn most_bytes() -> usize {
    let tries = |kind: &Kind| usize::from(MOST_TRIES) * (HEADER_BYTES + *kind.bytes.end());
    let of_root = HEADER_BYTES + MOST_ROOT_BYTES + MOST_TABLES * HEADER_BYTES;
    2 + 1024 + (128 << 10) + 2 * (of_root + KINDS.iter().map(tries).sum::<usize>())
}

/// The lines that one reading may log: the pointer's, and for each root table its own, that of unreadable tables, and
/// those of the tries.
fn most_lines() -> usize {
    1 + 2 * (2 + KINDS.len() * (usize::from(MOST_TRIES) + 1))
}

/// Makes a map in which the tables' memory is mostly the firmware's.
fn regions(random: &mut Random) -> Vec<Region> {
    let kind = |random: &mut Random| {
        random.of(&[RegionKind::Firmware, RegionKind::Firmware, RegionKind::Reserved, RegionKind::Available])
    };
    let mut regions = vec![Region { start: 0, bytes: 0x9_FC00, kind: RegionKind::Available }];
    if !random.one_in(8) {
        regions.push(Region { start: HIGH.start, bytes: HIGH_BYTES as u64, kind: RegionKind::Reserved });
    }
    for _ in 0..random.below(4) {
        let start = HIGH.start + random.next() % HIGH_BYTES as u64;
        let wild = random.next();
        let start = random.of(&[start, start & !0xFFF, wild, u64::MAX]);
        let bytes = random.of(&[0, 1, 0x1000, 0x8000, u64::MAX]);
        let kind = kind(random);
        regions.push(Region { start, bytes, kind });
    }
    regions
}

/// Gives an address for a table: mostly one with memory behind it, some at a page's or the memory's end.
fn place(random: &mut Random) -> u64 {
    let page = HIGH.start + FRAME_BYTES * random.below(HIGH_BYTES / FRAME_BYTES as usize) as u64;
    let back = random.of(&[4, 8, 36, 44, 100]);
    let edge = random.of(&[page.wrapping_sub(back), HIGH.end - back, HIGH.start, FIRST_MIB_BYTES - back, 0xFFFF_FFF0]);
    let wild = random.of(&[random.0, u64::MAX, u64::MAX - 35, 1 << 44, (1 << 44) - 36, 1, 0xFEE0_0000]);
    let inside = page + random.next() % FRAME_BYTES;
    match random.below(16) {
        0 => wild,
        1 | 2 => edge,
        3 => random.next() % FIRST_MIB_BYTES,
        _ => inside & !3,
    }
}

/// Makes a table of a kind: a good one if there is a sample, or one of random bytes.
fn sample(random: &mut Random, kind: &Kind) -> Vec<u8> {
    let good = match &kind.name {
        b"APIC" => Some(made(b"APIC", &madt::tests::table(madt::tests::QEMU_PC)[HEADER_BYTES..])),
        b"FACP" => Some(fadt()),
        b"HPET" => Some(hpet()),
        _ => None,
    };
    match good {
        Some(good) if !random.one_in(4) => good,
        _ => {
            let most = kind.bytes.end() - HEADER_BYTES;
            let limit = random.of(&[40, 300, 2000, 300_000]).min(most + 2);
            let count = random.below(limit);
            let mask = random.of(&[0xFF, 0x0F, 0x03]);
            let body: Vec<u8> = (0..count).map(|_| random.next() as u8 & mask).collect();
            made(&kind.name, &body)
        }
    }
}

/// Spoils bytes, and mostly puts the checksum right again so that the mistake gets to where it would be used.
fn spoil(random: &mut Random, mut bytes: Vec<u8>, checksum: usize) -> Vec<u8> {
    if !random.one_in(3) {
        return bytes;
    }
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len());
        bytes[at] = random.of(&[0, 1, 2, 12, 0x7F, 0x80, 0xFF, random.0 as u8]);
    }
    if random.one_in(4) {
        let length: u32 =
            random.of(&[0, 1, 12, 35, 36, 37, 40, 43, 44, 0x1000, 0x7FFF_0000, 0xFFFF_FFFF, random.0 as u32]);
        bytes[4..8].copy_from_slice(&length.to_le_bytes());
    }
    if random.one_in(4) {
        return bytes;
    }
    // The checksum is of the bytes that the table claims.
    let claimed = word(&bytes, 4).map_or(0, |length| length as usize).clamp(HEADER_BYTES, bytes.len());
    let rest = bytes.split_off(claimed);
    [summed(bytes, checksum), rest].concat()
}

/// Makes a root table that names tables.
fn root_table(random: &mut Random, form: RootTable, tables: &[u64]) -> Vec<u8> {
    let count = random.of(&[0, 1, 3, 6, 6, 9, 9, 12, 12, 100, 300]);
    let mut body = Vec::new();
    for number in 0..count {
        let address = if random.one_in(8) { place(random) } else { tables[number % tables.len()] };
        body.extend_from_slice(&address.to_le_bytes()[..form.entry_bytes]);
    }
    let table = made(&form.name, &body);
    spoil(random, table, 9)
}

/// Gives the table at an address, if it is good: what the entry promises to use, by other code.
fn good(memory: &Memory, address: u64, name: [u8; 4], lengths: RangeInclusive<usize>) -> Option<&[u8]> {
    let header = memory.readable(address, HEADER_BYTES)?;
    let length = u32::from_le_bytes(header[4..8].try_into().ok()?) as usize;
    if header[..4] != name || !lengths.contains(&length) {
        return None;
    }
    memory.readable(address, length).filter(|table| table.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte)) == 0)
}

/// Tells for each kind whether a table must be found.
fn expected(memory: &Memory, pointer: RootPointer) -> [bool; KINDS.len()] {
    let mut found = [false; KINDS.len()];
    for (form, root) in [(XSDT, pointer.extended), (RSDT, pointer.short.map(u64::from))] {
        let most = HEADER_BYTES + MOST_TABLES * form.entry_bytes;
        let root = root.and_then(|root| good(memory, root, form.name, HEADER_BYTES..=most));
        let entries = root.map_or(&[][..], |root| &root[HEADER_BYTES..]).chunks_exact(form.entry_bytes);
        let mut bytes = [0; 8];
        let addresses: Vec<u64> = entries
            .map(|entry| {
                bytes[..entry.len()].copy_from_slice(entry);
                u64::from_le_bytes(bytes)
            })
            .collect();
        for (kind, found) in KINDS.iter().zip(&mut found) {
            let named = addresses.iter().filter(|&&address| {
                address != 0 && memory.readable(address, HEADER_BYTES).is_some_and(|header| header[..4] == kind.name)
            });
            *found |= named.take(MOST_TRIES.into()).any(|&address| {
                let table = good(memory, address, kind.name, kind.bytes.clone());
                table.is_some_and(|table| (kind.take)(&mut Tables::default(), table).is_ok())
            });
        }
    }
    found
}

/// Makes one machine and reads its tables. Returns the number of kinds that were found.
fn step(number: u64, memory: &mut Memory) -> usize {
    let mut random = Random(number.wrapping_mul(0xD134_2543_DE82_EF95));
    let random = &mut random;
    memory.regions = regions(random);
    let map = MemoryMap::new(&memory.regions, 1 << 36);
    let mut tables = Vec::new();
    for round in 0..1 + random.below(3) {
        for kind in &KINDS {
            let table = sample(random, kind);
            let table = spoil(random, table, 9);
            let address = place(random);
            memory.write(address, &table);
            tables.insert(random.below(tables.len() + 1), if round == 2 { address.wrapping_add(1) } else { address });
        }
    }
    let roots = [XSDT, RSDT].map(|form| {
        let table = root_table(random, form, &tables);
        let address = place(random);
        memory.write(address, &table);
        address
    });
    let bytes = pointer(random.of(&[0, 1, 2, 2]), roots[1] as u32, roots[0]);
    let bytes = if random.one_in(4) { spoil(random, bytes, 8) } else { bytes };
    let known = RootPointer::decode(&bytes);
    let root = match known {
        Some(pointer) if !random.one_in(64) => Root::Pointer(pointer),
        _ => {
            memory.write(0xE_0000 + 16 * random.below(0x2000) as u64, &bytes);
            Root::InBiosArea
        }
    };
    LOGGED.set(0);
    let memory = &*memory;
    let counting = Counting { memory: FirmwareMemory::new(&map, memory), bytes: Cell::new(0) };
    let found = read(root, &counting);
    assert!(counting.bytes.get() <= most_bytes(), "{} bytes were read", counting.bytes.get());
    assert!(LOGGED.get() <= most_lines(), "{} lines were logged", LOGGED.get());
    if let Root::Pointer(pointer) = root {
        for (kind, expected) in KINDS.iter().zip(expected(memory, pointer)) {
            assert_eq!((kind.is_there)(&found), expected, "whether there is a good {}", Name(kind.name));
        }
    }
    let madt = found.madt.unwrap_or_default();
    let mut inputs: Vec<u32> =
        (0..VECTOR_LINES).filter_map(|line| route(&madt, line)).map(|route| route.input).collect();
    let lines = inputs.len();
    inputs.sort_unstable();
    inputs.dedup();
    assert_eq!(inputs.len(), lines, "two lines have one input");
    KINDS.iter().filter(|kind| (kind.is_there)(&found)).count()
}

fn run(steps: Range<u64>) {
    struct Named(u64);
    impl Drop for Named {
        fn drop(&mut self) {
            if std::thread::panicking() {
                eprintln!("the step is {}", self.0);
            }
        }
    }
    count_lines();
    let (mut found, count) = (0, steps.end - steps.start);
    MEMORY.with_borrow_mut(|memory| {
        for number in steps {
            let _named = Named(number);
            found += step(number, memory);
        }
    });
    // Steps in which nothing is good would show nothing.
    let share = found as u64 * 100 / (count * KINDS.len() as u64);
    assert!((20..80).contains(&share), "{share} % of the tables were found");
}

/// The short run: the first steps of the long one.
#[test]
fn any_tables_are_read_within_their_limits() {
    run(0..10_000);
}

/// The long run: `just test-long`.
#[test]
#[ignore = "takes minutes"]
fn any_tables_are_read_within_their_limits_for_long() {
    run(0..1_000_000);
}
