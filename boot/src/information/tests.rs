use std::panic::catch_unwind;

use arch::firmware::acpi::RootPointer;
use arch::memory::RegionKind;
use proptest::prelude::*;

use super::*;

/// Memory from one address on.
struct At(u64, Vec<u8>);

impl Loaded for At {
    fn bytes(&self, address: u64, length: usize) -> Option<&[u8]> {
        let start = usize::try_from(address.checked_sub(self.0)?).ok()?;
        self.1.get(start..start.checked_add(length)?)
    }
}

const BASE: u64 = 0x9000;

fn put(bytes: &mut Vec<u8>, at: usize, value: u32) {
    if bytes.len() < at + 4 {
        bytes.resize(at + 4, 0);
    }
    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

/// Makes information as QEMU does: the structure, a map of two regions, two modules, three strings.
fn multiboot1() -> Vec<u8> {
    let mut bytes = vec![0; 0x400];
    let address = |at: usize| BASE as u32 + at as u32;
    for (at, value) in [(0, 0x4C), (16, address(0x300)), (20, 2), (24, address(0x200)), (44, 48), (48, address(0x100))]
    {
        put(&mut bytes, at, value);
    }
    for (at, value) in [(0x100, 20), (0x10C, 0x9FC00), (0x114, 1), (0x118, 20), (0x11C, 0x100000), (0x124, 0xF00000)] {
        put(&mut bytes, at, value);
    }
    put(&mut bytes, 0x12C, 3);
    for (at, value) in [(0x200, 0x200000), (0x204, 0x201234), (0x208, address(0x320))] {
        put(&mut bytes, at, value);
    }
    for (at, value) in [(0x210, 0x202000), (0x214, 0x202001), (0x218, address(0x340))] {
        put(&mut bytes, at, value);
    }
    for (at, text) in [(0x300, "boot exit=debug\0"), (0x320, "/boot/init quiet 1\0"), (0x340, "system\0")] {
        bytes[at..at + text.len()].copy_from_slice(text.as_bytes());
    }
    bytes
}

fn tag(kind: u32, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    put(&mut bytes, 0, kind);
    put(&mut bytes, 4, body.len() as u32 + 8);
    bytes.extend_from_slice(body);
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes
}

fn words(values: &[u32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// The ACPI root pointer of a revision, with right checksums: the RSDT at 0x7000, from revision 2 on the XSDT at
/// 0x8000.
fn root_pointer(revision: u8) -> Vec<u8> {
    let mut bytes = [b"RSD PTR ".as_slice(), &[0; 7], &[revision], &words(&[0x7000, 36, 0x8000, 0, 0])].concat();
    for (checksum, end) in [(8, 20), (32, 36)] {
        bytes[checksum] = bytes[..end].iter().fold(0, |rest: u8, byte| rest.wrapping_sub(*byte));
    }
    bytes.truncate(if revision < 2 { 20 } else { 36 });
    bytes
}

fn multiboot2() -> Vec<u8> {
    let mut framebuffer = words(&[0xE000_0000, 0, 4096, 1024, 768]);
    framebuffer.extend_from_slice(&[32, 1, 0, 0, 16, 8, 8, 8, 0, 8]);
    let mut bytes = vec![0; 8];
    bytes.extend(tag(1, b"exit=debug\0"));
    bytes.extend(tag(3, &[words(&[0x200000, 0x201234]), b"init quiet 1\0".to_vec()].concat()));
    bytes.extend(tag(6, &words(&[24, 0, 0x100000, 0, 0xF00000, 0, 1, 0])));
    bytes.extend(tag(8, &framebuffer));
    bytes.extend(tag(15, &root_pointer(2)));
    bytes.extend(tag(14, &root_pointer(0)));
    bytes.extend(tag(0, &[]));
    let size = bytes.len() as u32;
    put(&mut bytes, 0, size);
    bytes
}

fn read(magic: u32, bytes: Vec<u8>) -> Result<Information, Error> {
    Information::read(magic, BASE as u32, &At(BASE, bytes))
}

#[test]
fn multiboot1_is_read() {
    let information = read(MULTIBOOT1, multiboot1()).unwrap();
    assert_eq!(information.option("exit"), Some("debug"));
    let modules: Vec<_> = information.modules.iter().map(|module| (module.name(), module.physical.clone())).collect();
    assert_eq!(modules, [("init", 0x200000..0x201234), ("system", 0x202000..0x202001)]);
    assert_eq!(information.modules[0].arguments().collect::<Vec<_>>(), ["quiet", "1"]);
    let kinds: Vec<_> = information.regions.iter().map(|region| (region.start, region.bytes, region.kind)).collect();
    assert_eq!(kinds, [(0, 0x9FC00, RegionKind::Available), (0x100000, 0xF00000, RegionKind::Firmware)]);
}

#[test]
fn multiboot2_is_read() {
    let information = read(MULTIBOOT2, multiboot2()).unwrap();
    assert_eq!(information.option("exit"), Some("debug"));
    assert_eq!(information.modules.len(), 1);
    assert_eq!(information.regions.len(), 1);
    assert_eq!(information.acpi_root, Some(RootPointer { extended: Some(0x8000), short: Some(0x7000) }));
    let framebuffer = information.framebuffer.unwrap();
    assert_eq!((framebuffer.bytes(), framebuffer.colours), (4096 * 768, [(16, 8), (8, 8), (0, 8)]));
}

#[test]
fn mistakes_have_names() {
    let text = |result: Result<Information, Error>| result.unwrap_err().to_string();
    assert_eq!(text(read(7, vec![])), "the boot loader speaks neither multiboot nor multiboot2 (0x7)");
    assert_eq!(text(read(MULTIBOOT1, vec![])), "the boot loader's information at 0x9000 can't be read");
    let mut bytes = multiboot1();
    put(&mut bytes, 0, 0);
    assert_eq!(text(read(MULTIBOOT1, bytes)), "the boot loader gave no memory map");
    let mut bytes = multiboot1();
    put(&mut bytes, 0x100, 3);
    assert_eq!(text(read(MULTIBOOT1, bytes)), "the boot loader's information is malformed: entry of the memory map");
    let mut bytes = multiboot2();
    put(&mut bytes, 12, 7);
    assert_eq!(text(read(MULTIBOOT2, bytes)), "the boot loader's information is malformed: size of a tag");
    let mut bytes = multiboot2();
    put(&mut bytes, 12, 0x1000);
    assert_eq!(text(read(MULTIBOOT2, bytes)), "the boot loader's information is malformed: size of a tag");
}

proptest! {
    /// Whatever a loader leaves, reading it ends in a value or in an error.
    #[test]
    fn no_information_panics(changes in proptest::collection::vec((0..0x400usize, any::<u8>()), 0..16)) {
        for (magic, mut bytes) in [(MULTIBOOT1, multiboot1()), (MULTIBOOT2, multiboot2())] {
            for &(at, value) in &changes {
                let at = at % bytes.len();
                bytes[at] = value;
            }
            let result = catch_unwind(|| read(magic, bytes.clone()));
            prop_assert!(result.is_ok(), "{:x?}", bytes);
        }
    }
}
