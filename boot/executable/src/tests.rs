use abi::USER_END;
use proptest::prelude::*;

use super::*;

/// The kernel's limits: all of user space.
const WIDE: Limits = Limits { addresses: PAGE_BYTES..USER_END, segment_bytes: 64 << 20 };
/// Limits like those of `init`.
const NARROW: Limits = Limits { addresses: 0x40_0000..0x1000_0000, segment_bytes: 0x1000_0000 };

/// What a header of a segment says.
#[derive(Clone, Copy, Debug)]
struct Header {
    kind: u32,
    flags: u32,
    offset: u64,
    address: u64,
    file: u64,
    memory: u64,
}

const TEXT: Header =
    Header { kind: PT_LOAD, flags: PF_R | PF_X, offset: 0, address: 0x40_0000, file: 0x300, memory: 0x300 };
const DATA: Header =
    Header { kind: PT_LOAD, flags: PF_R | PF_W, offset: 0x300, address: 0x40_1300, file: 0x80, memory: 0x2000 };

/// An ELF file of 0x400 bytes.
fn file(width: Width, entry: u64, headers: &[Header]) -> Vec<u8> {
    let long = width == Width::X86_64;
    let mut bytes = vec![0x7F, b'E', b'L', b'F', if long { 2 } else { 1 }, 1, 1];
    bytes.resize(16, 0);
    let word = |bytes: &mut Vec<u8>, value: u64| match long {
        true => bytes.extend(value.to_le_bytes()),
        false => bytes.extend((value as u32).to_le_bytes()),
    };
    let half = |bytes: &mut Vec<u8>, value: u16| bytes.extend(value.to_le_bytes());
    half(&mut bytes, ET_EXEC);
    half(&mut bytes, width.machine);
    bytes.extend(1u32.to_le_bytes());
    let (header, segment) = if long { (64, 56) } else { (52, 32) };
    for value in [entry, header, 0] {
        word(&mut bytes, value);
    }
    bytes.extend(0u32.to_le_bytes());
    for value in [header as u16, segment, headers.len() as u16, 0, 0, 0] {
        half(&mut bytes, value);
    }
    for header in headers {
        bytes.extend(header.kind.to_le_bytes());
        if long {
            bytes.extend(header.flags.to_le_bytes());
        }
        for value in [header.offset, header.address, header.address, header.file, header.memory] {
            word(&mut bytes, value);
        }
        if !long {
            bytes.extend(header.flags.to_le_bytes());
        }
        word(&mut bytes, 0x1000);
    }
    bytes.resize(0x400, 0x90);
    bytes
}

fn parse(headers: &[Header]) -> Result<Executable, Unloadable> {
    parse_within(headers, &WIDE)
}

fn parse_within(headers: &[Header], limits: &Limits) -> Result<Executable, Unloadable> {
    let parsed = Executable::parse(&file(Width::X86_64, 0x40_0010, headers), Width::X86_64, limits);
    assert_eq!(Executable::parse(&file(Width::I686, 0x40_0010, headers), Width::I686, limits), parsed);
    parsed
}

#[test]
fn a_program_of_either_width_is_laid_out() {
    let program = parse(&[DATA, TEXT]).unwrap();
    let [text, data] = &program.segments[..] else { panic!("{program:?}") };
    assert_eq!((text.address, text.bytes, text.offset, text.file.clone()), (0x40_0000, 0x1000, 0, 0..0x300));
    assert_eq!((data.address, data.bytes, data.offset, data.file.clone()), (0x40_1000, 0x3000, 0x300, 0x300..0x380));
    assert_eq!((text.access, data.access), (Access::READ | Access::EXECUTE, Access::READ | Access::WRITE));
}

#[test]
fn every_rule_has_its_words() {
    let segment = |change: fn(&mut Header)| {
        let mut data = DATA;
        change(&mut data);
        parse(&[TEXT, data]).unwrap_err().to_string()
    };
    assert_eq!(segment(|data| data.offset = 0x3F0), "has a segment 1 that ends beyond the file");
    assert_eq!(segment(|data| data.memory = 0x10), "has a segment 1 that has more bytes in the file than in memory");
    assert_eq!(segment(|data| data.memory = 0x7000_0000), "has a segment 1 that is too large");
    assert_eq!(segment(|data| data.address = 0x800), "has a segment 1 that lies outside user space");
    assert_eq!(segment(|data| data.flags = 7), "has a segment 1 that is both writable and executable");
    assert_eq!(segment(|data| data.flags = 0), "has a segment 1 that allows no access");
    assert_eq!(segment(|data| data.address = 0x40_0800), "has a segment 0 that shares a page with another");
    let high = Header { address: 0x50_0000, ..DATA };
    let shared = parse(&[high, TEXT, Header { address: 0x40_0800, ..DATA }]).unwrap_err().to_string();
    assert_eq!(shared, "has a segment 1 that shares a page with another", "the number is the file's");
    assert_eq!(segment(|data| data.kind = PT_INTERP), "isn't linked statically to fixed addresses");
    assert_eq!(parse(&[]).unwrap_err().to_string(), "has nothing to load");
    assert_eq!(parse(&[DATA]).unwrap_err().to_string(), "begins outside its code");
    let other = Executable::parse(&file(Width::I686, 0x40_0010, &[TEXT]), Width::X86_64, &WIDE);
    assert_eq!(other.unwrap_err().to_string(), "is no program for x86_64");
    assert_eq!(Executable::parse(b"#!/bin/sh", Width::I686, &WIDE).unwrap_err().to_string(), "is no ELF file");
}

#[test]
fn segments_keep_the_loaders_limits() {
    let out_of_place = |change: fn(&mut Header)| {
        let mut data = DATA;
        change(&mut data);
        assert_eq!(parse_within(&[TEXT, data], &NARROW), Err(Unloadable::Segment(1, Flaw::OutOfPlace)), "{data:x?}");
    };
    parse_within(&[TEXT, DATA], &NARROW).unwrap();
    out_of_place(|data| data.address = 0);
    out_of_place(|data| data.address = NARROW.addresses.start as u64 - 1);
    out_of_place(|data| data.address = NARROW.addresses.end as u64 - 0x1FFF);
    out_of_place(|data| data.address = u64::from(u32::MAX) - 0xFFF);
    let last = Header { address: NARROW.addresses.end as u64 - 0x2000, ..DATA };
    assert_eq!(parse_within(&[TEXT, last], &NARROW).unwrap().segments[1].end(), NARROW.addresses.end);
}

/// The largest values that a header can have: sums of them don't fit.
#[test]
fn numbers_without_a_sum_are_refused() {
    for value in [u64::MAX, u64::MAX - 0x10, u64::MAX - 0xFFF, 1 << 63] {
        let parse = |data| Executable::parse(&file(Width::X86_64, 0x40_0010, &[TEXT, data]), Width::X86_64, &WIDE);
        let flaw = |flaw| Err(Unloadable::Segment(1, flaw));
        assert_eq!(parse(Header { address: value, ..DATA }), flaw(Flaw::OutOfPlace), "{value:#x}");
        assert_eq!(parse(Header { memory: value, ..DATA }), flaw(Flaw::TooLarge), "{value:#x}");
        assert_eq!(parse(Header { offset: value, ..DATA }), flaw(Flaw::BeyondFile), "{value:#x}");
        assert_eq!(parse(Header { file: value, ..DATA }), flaw(Flaw::BeyondFile), "{value:#x}");
        let entry = Executable::parse(&file(Width::X86_64, value, &[TEXT]), Width::X86_64, &WIDE);
        assert_eq!(entry, Err(Unloadable::Entry), "{value:#x}");
    }
}

#[test]
fn a_file_that_is_cut_short_is_refused() {
    for width in [Width::I686, Width::X86_64] {
        let whole = file(width, 0x40_0010, &[TEXT]);
        for length in 0..TEXT.file as usize {
            assert!(Executable::parse(&whole[..length], width, &WIDE).is_err(), "cut at {length:#x}");
        }
        assert!(Executable::parse(&whole[..TEXT.file as usize], width, &WIDE).is_ok());
    }
}

proptest! {
    /// Each content of a file is refused, or every promise of `Executable` holds.
    #[test]
    fn what_is_accepted_keeps_the_promises(
        changes in proptest::collection::vec((0..0x100usize, any::<u8>()), 0..6),
        long in any::<bool>(),
        narrow in any::<bool>(),
        length in 0..=0x400usize,
    ) {
        let width = if long { Width::X86_64 } else { Width::I686 };
        let limits = if narrow { NARROW } else { WIDE };
        let mut bytes = file(width, 0x40_0010, &[TEXT, DATA]);
        for (at, value) in changes {
            bytes[at] = value;
        }
        bytes.truncate(length.max(0x100));
        keeps_the_promises(&bytes, width, &limits)?;
    }

    /// As above, with a whole header of any bytes: its numbers of tables and entries, too.
    #[test]
    fn any_bytes_are_refused_or_keep_the_promises(
        content in proptest::collection::vec(any::<u8>(), 0..0x200),
        long in any::<bool>(),
    ) {
        let width = if long { Width::X86_64 } else { Width::I686 };
        let begin = file(width, 0x40_0010, &[TEXT, DATA]);
        let bytes: Vec<u8> = begin[..0x18].iter().chain(&content).copied().collect();
        keeps_the_promises(&bytes, width, &NARROW)?;
    }
}

fn keeps_the_promises(bytes: &[u8], width: Width, limits: &Limits) -> Result<(), TestCaseError> {
    let Ok(program) = Executable::parse(bytes, width, limits) else { return Ok(()) };
    let mut end = limits.addresses.start;
    for segment in &program.segments {
        prop_assert!(segment.address >= end && segment.address.is_multiple_of(PAGE_BYTES));
        end = segment.end();
        prop_assert!(end <= limits.addresses.end && segment.bytes.is_multiple_of(PAGE_BYTES));
        prop_assert!(bytes.get(segment.file.clone()).is_some());
        prop_assert!(segment.offset + segment.file.len() <= segment.bytes);
        prop_assert!(!segment.access.contains(Access::WRITE | Access::EXECUTE));
    }
    prop_assert!(program.segments.iter().any(|segment| segment.holds(program.entry)));
    Ok(())
}
