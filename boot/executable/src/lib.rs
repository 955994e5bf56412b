//! Checks a program's ELF file before the first byte of it is copied.
//!
//! The kernel loads one program, `init`, and `init` loads all others. Both read the file here. The file comes from the
//! person who configured the boot loader, who may err, so each broken rule has its own message. No content of a file
//! makes this crate panic or overflow.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use abi::{Access, PAGE_BYTES};
use elf::ElfBytes;
use elf::abi::{EM_386, EM_X86_64, ET_EXEC, PF_R, PF_W, PF_X, PT_DYNAMIC, PT_INTERP, PT_LOAD};
use elf::endian::LittleEndian;
use elf::file::Class;
use elf::segment::ProgramHeader;

/// A program, ready to be copied into memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Executable {
    /// The address of the first thread's first instruction.
    pub entry: usize,
    /// The segments by ascending addresses. No two share a page.
    pub segments: Vec<Segment>,
}

/// A part of a program whose pages have the same access.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The page-aligned address where its pages begin.
    pub address: usize,
    /// The size of its pages in bytes. The bytes that the file doesn't fill are zero.
    pub bytes: usize,
    /// The offset of the file's bytes in the pages.
    pub offset: usize,
    /// The place of its bytes in the file.
    pub file: Range<usize>,
    /// The program's access to the pages.
    pub access: Access,
}

/// A processor that a program may be built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Width {
    class: Class,
    machine: u16,
    /// The name that the targets have.
    name: &'static str,
}

impl Width {
    /// 32 bits.
    pub const I686: Self = Self { class: Class::ELF32, machine: EM_386, name: "i686" };
    /// 64 bits.
    pub const X86_64: Self = Self { class: Class::ELF64, machine: EM_X86_64, name: "x86_64" };
    /// The width of the code that asks.
    pub const OWN: Self = if cfg!(target_pointer_width = "64") { Self::X86_64 } else { Self::I686 };
}

/// What the loader allows a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The addresses where its pages may lie.
    pub addresses: Range<usize>,
    /// The most memory that one segment may take, in bytes.
    pub segment_bytes: usize,
}

/// Why a file can't be loaded; its text continues "module 0, NAME, ".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unloadable {
    /// The file isn't an ELF file, or is cut short.
    NotElf,
    /// The file isn't for the processor of this name.
    OtherWidth(&'static str),
    /// The file needs a loader that relocates and links.
    NotStatic,
    /// A segment, by its number in the file, breaks a rule.
    Segment(usize, Flaw),
    /// The file has nothing to load.
    Empty,
    /// The entry isn't in code.
    Entry,
}

/// The rule that a segment breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Its bytes end behind the end of the file.
    BeyondFile,
    /// It has more bytes in the file than in memory.
    LongerInFile,
    /// It is larger than [`Limits::segment_bytes`].
    TooLarge,
    /// It lies outside [`Limits::addresses`].
    OutOfPlace,
    /// It is both writable and executable.
    WritableCode,
    /// It allows no access.
    NoAccess,
    /// It shares a page with another, so one would get the other's access.
    SharedPage,
}

impl fmt::Display for Unloadable {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotElf => write!(to, "is no ELF file"),
            Self::OtherWidth(width) => write!(to, "is no program for {width}"),
            Self::NotStatic => write!(to, "isn't linked statically to fixed addresses"),
            Self::Segment(number, flaw) => write!(to, "has a segment {number} that {flaw}"),
            Self::Empty => write!(to, "has nothing to load"),
            Self::Entry => write!(to, "begins outside its code"),
        }
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Self::BeyondFile => "ends beyond the file",
            Self::LongerInFile => "has more bytes in the file than in memory",
            Self::TooLarge => "is too large",
            Self::OutOfPlace => "lies outside user space",
            Self::WritableCode => "is both writable and executable",
            Self::NoAccess => "allows no access",
            Self::SharedPage => "shares a page with another",
        })
    }
}

impl Executable {
    /// Checks a file: it must be a static program for `width` whose segments keep the limits.
    pub fn parse(file: &[u8], width: Width, limits: &Limits) -> Result<Self, Unloadable> {
        let elf = ElfBytes::<LittleEndian>::minimal_parse(file).map_err(|_| Unloadable::NotElf)?;
        if elf.ehdr.class != width.class || elf.ehdr.e_machine != width.machine {
            return Err(Unloadable::OtherWidth(width.name));
        }
        if elf.ehdr.e_type != ET_EXEC {
            return Err(Unloadable::NotStatic);
        }
        let mut numbered = Vec::new();
        for (number, header) in elf.segments().into_iter().flat_map(|table| table.iter()).enumerate() {
            match header.p_type {
                PT_INTERP | PT_DYNAMIC => return Err(Unloadable::NotStatic),
                PT_LOAD if header.p_memsz > 0 => {
                    let segment = Segment::check(&header, file.len() as u64, limits);
                    numbered.push((number, segment.map_err(|flaw| Unloadable::Segment(number, flaw))?));
                }
                _ => {}
            }
        }
        numbered.sort_by_key(|(_, segment)| segment.address);
        for pair in numbered.windows(2) {
            if let [(number, segment), (_, next)] = pair
                && segment.end() > next.address
            {
                return Err(Unloadable::Segment(*number, Flaw::SharedPage));
            }
        }
        let segments: Vec<Segment> = numbered.into_iter().map(|(_, segment)| segment).collect();
        if segments.is_empty() {
            return Err(Unloadable::Empty);
        }
        let entry = usize::try_from(elf.ehdr.e_entry).map_err(|_| Unloadable::Entry)?;
        let holds_entry = |segment: &Segment| segment.access.contains(Access::EXECUTE) && segment.holds(entry);
        if !segments.iter().any(holds_entry) {
            return Err(Unloadable::Entry);
        }
        Ok(Self { entry, segments })
    }
}

impl Segment {
    fn check(header: &ProgramHeader, file_bytes: u64, limits: &Limits) -> Result<Self, Flaw> {
        const PAGE: u64 = PAGE_BYTES as u64;
        let file_end = header.p_offset.checked_add(header.p_filesz).filter(|end| *end <= file_bytes);
        let file_end = file_end.ok_or(Flaw::BeyondFile)?;
        if header.p_filesz > header.p_memsz {
            return Err(Flaw::LongerInFile);
        }
        if header.p_memsz > limits.segment_bytes as u64 {
            return Err(Flaw::TooLarge);
        }
        let address = header.p_vaddr / PAGE * PAGE;
        let end = header.p_vaddr.checked_add(header.p_memsz).and_then(|end| end.checked_next_multiple_of(PAGE));
        let end = end.filter(|end| *end <= limits.addresses.end as u64 && address >= limits.addresses.start as u64);
        let end = end.ok_or(Flaw::OutOfPlace)?;
        // The limits and the length of the file are numbers of this width, so what lies within them is, too.
        Ok(Self {
            address: address as usize,
            bytes: (end - address) as usize,
            offset: (header.p_vaddr - address) as usize,
            file: header.p_offset as usize..file_end as usize,
            access: access(header.p_flags)?,
        })
    }

    /// The address behind its last page.
    fn end(&self) -> usize {
        self.address + self.bytes
    }

    fn holds(&self, address: usize) -> bool {
        (self.address..self.end()).contains(&address)
    }
}

/// A processor can't allow to write or to execute a page, and not to read it.
fn access(flags: u32) -> Result<Access, Flaw> {
    let mut access = Access::empty();
    access.set(Access::READ, flags & (PF_R | PF_W | PF_X) != 0);
    access.set(Access::WRITE, flags & PF_W != 0);
    access.set(Access::EXECUTE, flags & PF_X != 0);
    if access.contains(Access::WRITE | Access::EXECUTE) {
        return Err(Flaw::WritableCode);
    }
    if access.is_empty() {
        return Err(Flaw::NoAccess);
    }
    Ok(access)
}

#[cfg(test)]
mod tests;
