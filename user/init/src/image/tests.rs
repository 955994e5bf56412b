use super::*;
use elf::abi::PF_R;

/// A segment as it stands in a program header.
#[derive(Clone, Copy)]
struct Header {
    flags: u32,
    offset: u64,
    address: u64,
    file: u64,
    memory: u64,
}

const TEXT: Header = Header { flags: PF_R | PF_X, offset: 0x100, address: 0x40_1010, file: 0x20, memory: 0x20 };
const DATA: Header = Header { flags: PF_R | PF_W, offset: 0x120, address: 0x40_2FF0, file: 0x10, memory: 0x2000 };

/// An ELF64 file of 0x200 bytes (the host that runs the tests has 64 bits).
fn file(entry: u64, headers: &[Header]) -> Vec<u8> {
    let mut file = vec![0x7F, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    file.extend([2, 0, 62, 0, 1, 0, 0, 0]);
    file.extend([entry, 64, 0].map(u64::to_le_bytes).as_flattened());
    file.extend([0, 0, 0, 0, 64, 0, 56, 0, headers.len() as u8, 0, 64, 0, 0, 0, 0, 0]);
    for header in headers {
        file.extend([1, header.flags].map(u32::to_le_bytes).as_flattened());
        let numbers = [header.offset, header.address, header.address, header.file, header.memory, 0x1000];
        file.extend(numbers.map(u64::to_le_bytes).as_flattened());
    }
    file.resize(0x200, 0xAA);
    file
}

fn refusal(headers: &[Header]) -> Option<ImageError> {
    Image::plan(&file(TEXT.address, headers)).err()
}

#[test]
fn segments_become_whole_pages() {
    let image = Image::plan(&file(TEXT.address, &[TEXT, DATA])).unwrap();
    let text = Segment {
        address: 0x40_1000,
        bytes: 0x1000,
        offset: 0x10,
        file: 0x100..0x120,
        access: Access::READ | Access::EXECUTE,
    };
    let data = Segment {
        address: 0x40_2000,
        bytes: 0x3000,
        offset: 0xFF0,
        file: 0x120..0x130,
        access: Access::READ | Access::WRITE,
    };
    assert_eq!(image, Image { entry: 0x40_1010, segments: vec![text, data] });
}

#[test]
fn what_is_no_elf_is_refused() {
    let whole = file(TEXT.address, &[TEXT]);
    for length in 0..0x120 {
        assert!(Image::plan(&whole[..length]).is_err(), "cut at {length:#x}");
    }
    assert_eq!(Image::plan(&whole[..0x120]).map(|image| image.entry), Ok(0x40_1010));
}

#[test]
fn a_program_for_another_processor_is_refused() {
    let mut other = file(TEXT.address, &[TEXT]);
    other[18] = 3;
    assert_eq!(Image::plan(&other), Err(ImageError::WrongMachine));
}

#[test]
fn writable_text_is_refused() {
    assert_eq!(refusal(&[Header { flags: PF_R | PF_W | PF_X, ..TEXT }]), Some(ImageError::WritableText));
}

#[test]
fn a_shared_page_is_refused() {
    assert_eq!(refusal(&[TEXT, Header { address: 0x40_1800, ..DATA }]), Some(ImageError::SharedPage));
}

#[test]
fn a_segment_out_of_place_is_refused() {
    for address in [0, layout::IMAGE as u64 - 1, layout::STARTUP as u64 - 0x1F, u64::MAX - 0x10] {
        assert_eq!(refusal(&[TEXT, Header { address, ..TEXT }]), Some(ImageError::OutOfPlace), "{address:#x}");
    }
    assert_eq!(refusal(&[TEXT, Header { memory: u64::MAX, ..DATA }]), Some(ImageError::OutOfPlace));
}

#[test]
fn contents_that_are_not_in_the_file_are_refused() {
    assert_eq!(refusal(&[TEXT, Header { offset: 0x1F8, ..DATA }]), Some(ImageError::NoElf));
    assert_eq!(refusal(&[TEXT, Header { file: 0x2001, ..DATA }]), Some(ImageError::NoElf));
    assert_eq!(refusal(&[TEXT, Header { offset: u64::MAX, ..DATA }]), Some(ImageError::NoElf));
}

#[test]
fn the_entry_lies_in_text() {
    let headers = [TEXT, DATA];
    assert_eq!(Image::plan(&file(0x40_2FF0, &headers)), Err(ImageError::BadEntry));
    assert_eq!(Image::plan(&file(0, &headers)), Err(ImageError::BadEntry));
    assert_eq!(Image::plan(&file(0, &[])), Err(ImageError::Empty));
}
