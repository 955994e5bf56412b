//! A program as an ELF file: its parts and their addresses, checked before the first is copied.
//!
//! The kernel loads one program, `init`; later ones are loaded by it, with checks of its own. The file comes from the
//! person who configured the boot loader, who may err: each broken rule has its own message.

use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use abi::{Access, PAGE_BYTES, USER_END};
use elf::ElfBytes;
use elf::abi::{EM_386, EM_X86_64, ET_EXEC, PF_R, PF_W, PF_X, PT_DYNAMIC, PT_INTERP, PT_LOAD};
use elf::endian::LittleEndian;
use elf::file::Class;
use elf::segment::ProgramHeader;

/// A program, ready to be copied into memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Where its first thread begins.
    pub entry: usize,
    /// The parts of the program, by ascending addresses, no two on one page.
    pub segments: Vec<Segment>,
}

/// A part of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The page-aligned address where its pages begin.
    pub address: usize,
    /// The bytes of its pages. Those that the file doesn't fill are zero.
    pub bytes: usize,
    /// The offset of the file's bytes in the pages.
    pub offset: usize,
    /// The file's bytes.
    pub file: Range<usize>,
    /// The program's access to the part.
    pub access: Access,
}

/// The machine that programs of this kernel are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Width {
    class: Class,
    machine: u16,
    /// As the targets have it.
    name: &'static str,
}

impl Width {
    /// 32 bits.
    pub const I686: Self = Self { class: Class::ELF32, machine: EM_386, name: "i686" };
    /// 64 bits.
    pub const X86_64: Self = Self { class: Class::ELF64, machine: EM_X86_64, name: "x86_64" };
}

/// The reason why a file can't be loaded; its text continues "Bellwire can't start: module 0, NAME, ".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unloadable {
    /// The file isn't an ELF file, or is cut short.
    NotElf,
    /// The file is for another machine than this one.
    OtherWidth(&'static str),
    /// The file needs a loader that relocates and links.
    NotStatic,
    /// A segment, by its number in the file, breaks a rule.
    Segment(usize, &'static str),
    /// The file has nothing to load.
    Empty,
    /// The entry isn't in code.
    Entry,
}

impl fmt::Display for Unloadable {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotElf => write!(to, "is no ELF file"),
            Self::OtherWidth(width) => write!(to, "is no program for {width}"),
            Self::NotStatic => write!(to, "isn't linked statically to fixed addresses"),
            Self::Segment(number, problem) => write!(to, "has a segment {number} that {problem}"),
            Self::Empty => write!(to, "has nothing to load"),
            Self::Entry => write!(to, "begins outside its code"),
        }
    }
}

/// The most memory that one segment may take: what one run of frames can hold with ease on a small machine.
const SEGMENT_BYTES: u64 = 64 << 20;

impl Program {
    /// Checks a file.
    pub fn parse(file: &[u8], width: Width) -> Result<Self, Unloadable> {
        let elf = ElfBytes::<LittleEndian>::minimal_parse(file).map_err(|_| Unloadable::NotElf)?;
        if elf.ehdr.class != width.class || elf.ehdr.e_machine != width.machine {
            return Err(Unloadable::OtherWidth(width.name));
        }
        if elf.ehdr.e_type != ET_EXEC {
            return Err(Unloadable::NotStatic);
        }
        let mut segments = Vec::new();
        for (number, header) in elf.segments().into_iter().flat_map(|table| table.iter()).enumerate() {
            match header.p_type {
                PT_INTERP | PT_DYNAMIC => return Err(Unloadable::NotStatic),
                PT_LOAD if header.p_memsz > 0 => {
                    let segment = Segment::check(&header, file.len() as u64);
                    segments.push(segment.map_err(|problem| Unloadable::Segment(number, problem))?);
                }
                _ => {}
            }
        }
        segments.sort_unstable_by_key(|segment| segment.address);
        let overlap = |pair: &[Segment]| pair[0].address + pair[0].bytes > pair[1].address;
        if let Some(number) = segments.windows(2).position(overlap) {
            return Err(Unloadable::Segment(number, "shares a page with another"));
        }
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
    fn check(header: &ProgramHeader, file_bytes: u64) -> Result<Self, &'static str> {
        let file_end = header.p_offset.checked_add(header.p_filesz).filter(|end| *end <= file_bytes);
        let file_end = file_end.ok_or("ends beyond the file")?;
        if header.p_filesz > header.p_memsz {
            return Err("has more bytes in the file than in memory");
        }
        if header.p_memsz > SEGMENT_BYTES {
            return Err("is too large");
        }
        let end = header.p_vaddr.checked_add(header.p_memsz).filter(|end| *end <= USER_END as u64);
        let end = end.filter(|_| header.p_vaddr >= PAGE_BYTES as u64).ok_or("lies outside user space")?;
        let page = PAGE_BYTES as u64;
        let address = header.p_vaddr / page * page;
        Ok(Self {
            address: address as usize,
            bytes: (end.next_multiple_of(page) - address) as usize,
            offset: (header.p_vaddr - address) as usize,
            file: header.p_offset as usize..file_end as usize,
            access: access(header.p_flags)?,
        })
    }

    fn holds(&self, address: usize) -> bool {
        (self.address..self.address + self.bytes).contains(&address)
    }
}

fn access(flags: u32) -> Result<Access, &'static str> {
    let mut access = Access::empty();
    access.set(Access::READ, flags & (PF_R | PF_W | PF_X) != 0);
    access.set(Access::WRITE, flags & PF_W != 0);
    access.set(Access::EXECUTE, flags & PF_X != 0);
    if access.contains(Access::WRITE | Access::EXECUTE) {
        return Err("is both writable and executable");
    }
    if access.is_empty() {
        return Err("allows no access");
    }
    Ok(access)
}

#[cfg(test)]
mod tests;
