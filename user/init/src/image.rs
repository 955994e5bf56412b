//! What a program's file asks for: which pages, with what in them, and what may be done with them.
//!
//! A plan is made of the whole file before anything is mapped, so that a bad file costs nothing.

use alloc::vec::Vec;
use bellwire::{Access, PAGE_BYTES, layout};
use core::fmt;
use core::ops::Range;
use elf::ElfBytes;
use elf::abi::{ET_EXEC, PF_W, PF_X, PT_LOAD};
use elf::endian::LittleEndian;
use elf::file::Class;
use elf::segment::ProgramHeader;

/// The class and machine numbers of programs for this width (ELF's gABI, and its processor supplements).
#[cfg(target_pointer_width = "32")]
const WIDTH: (Class, u16) = (Class::ELF32, elf::abi::EM_386);
/// The class and machine numbers of programs for this width (ELF's gABI, and its processor supplements).
#[cfg(target_pointer_width = "64")]
const WIDTH: (Class, u16) = (Class::ELF64, elf::abi::EM_X86_64);

/// A program's pages and where it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The address of its first instruction.
    pub entry: usize,
    /// Its segments, in the file's order; they share no page.
    pub segments: Vec<Segment>,
}

/// Pages that are treated alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The first page's address.
    pub address: usize,
    /// Their length, whole pages.
    pub bytes: usize,
    /// How far from the first page's start the contents begin; everything else is zeros.
    pub offset: usize,
    /// Where in the file the contents are.
    pub file: Range<usize>,
    /// What the program may do with them.
    pub access: Access,
}

/// Why a file can't be a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageError {
    /// It isn't an ELF file, or it is cut off.
    NoElf,
    /// It is for another width or another processor, or no program at all.
    WrongMachine,
    /// It has no pages to load.
    Empty,
    /// A segment lies where programs may not be.
    OutOfPlace,
    /// A segment is both writable and executable.
    WritableText,
    /// Two segments share a page, so one of them would get the other's rights.
    SharedPage,
    /// It begins outside of its text.
    BadEntry,
}

impl fmt::Display for ImageError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NoElf => "it is no whole ELF file",
            Self::WrongMachine => "it is no program for this processor",
            Self::Empty => "it has nothing to load",
            Self::OutOfPlace => "a segment lies where no program may be",
            Self::WritableText => "a segment is both writable and executable",
            Self::SharedPage => "two segments share a page",
            Self::BadEntry => "it begins outside of its text",
        })
    }
}

impl Image {
    /// Plans a file's image.
    pub fn plan(file: &[u8]) -> Result<Self, ImageError> {
        let elf = ElfBytes::<LittleEndian>::minimal_parse(file).map_err(|_| ImageError::NoElf)?;
        let header = elf.ehdr;
        if (header.class, header.e_machine) != WIDTH || header.e_type != ET_EXEC {
            return Err(ImageError::WrongMachine);
        }
        let mut segments: Vec<Segment> = Vec::new();
        for header in elf.segments().iter().flat_map(|segments| segments.iter()) {
            if header.p_type == PT_LOAD && header.p_memsz != 0 {
                let segment = Segment::plan(&header, file.len())?;
                if segments.iter().any(|other| other.overlaps(&segment)) {
                    return Err(ImageError::SharedPage);
                }
                segments.push(segment);
            }
        }
        if segments.is_empty() {
            return Err(ImageError::Empty);
        }
        let entry = usize::try_from(header.e_entry).map_err(|_| ImageError::BadEntry)?;
        let begins_in = |segment: &Segment| segment.access.contains(Access::EXECUTE) && segment.contains(entry);
        if segments.iter().any(begins_in) { Ok(Self { entry, segments }) } else { Err(ImageError::BadEntry) }
    }
}

impl Segment {
    fn plan(header: &ProgramHeader, file_bytes: usize) -> Result<Self, ImageError> {
        let number = |value: u64| usize::try_from(value).map_err(|_| ImageError::OutOfPlace);
        let start = number(header.p_vaddr)?;
        let end = start.checked_add(number(header.p_memsz)?).ok_or(ImageError::OutOfPlace)?;
        if start < layout::IMAGE || end > layout::STARTUP {
            return Err(ImageError::OutOfPlace);
        }
        let first = usize::try_from(header.p_offset).map_err(|_| ImageError::NoElf)?;
        let length = usize::try_from(header.p_filesz).map_err(|_| ImageError::NoElf)?;
        let last = first.checked_add(length).ok_or(ImageError::NoElf)?;
        if last > file_bytes || length > end - start {
            return Err(ImageError::NoElf);
        }
        let mut access = Access::READ;
        access.set(Access::WRITE, header.p_flags & PF_W != 0);
        access.set(Access::EXECUTE, header.p_flags & PF_X != 0);
        if access.contains(Access::WRITE | Access::EXECUTE) {
            return Err(ImageError::WritableText);
        }
        let address = start / PAGE_BYTES * PAGE_BYTES;
        let bytes = end.next_multiple_of(PAGE_BYTES) - address;
        Ok(Self { address, bytes, offset: start - address, file: first..last, access })
    }

    fn contains(&self, address: usize) -> bool {
        (self.address..self.address + self.bytes).contains(&address)
    }

    fn overlaps(&self, other: &Self) -> bool {
        self.address < other.address + other.bytes && other.address < self.address + self.bytes
    }
}

#[cfg(test)]
mod tests;
