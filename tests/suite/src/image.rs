//! What processes are made from: an ELF module, of which they share what they can.

use abi::{Access, PAGE_BYTES};
use alloc::vec;
use alloc::vec::Vec;
use bellwire::{Error, Memory, Process, Result};
use elf::ElfBytes;
use elf::abi::{PF_W, PF_X, PT_LOAD};
use elf::endian::LittleEndian;

/// A program, ready to be mapped.
pub struct Image {
    entry: usize,
    segments: Vec<Segment>,
}

struct Segment {
    address: usize,
    bytes: usize,
    access: Access,
    content: Content,
}

enum Content {
    /// The same pages in every process.
    Shared(Memory),
    /// What each process's own pages begin with.
    Own(Vec<u8>),
}

impl Image {
    /// Reads a module, whose handle and size these are, and makes what all processes share.
    pub fn read(module: u32, bytes: usize) -> Result<Self> {
        let mapping = Memory::from_raw(module).map(Access::READ)?;
        // SAFETY: nobody writes to the module.
        let file = unsafe { mapping.as_slice() };
        let file = file.get(..bytes).ok_or(Error::BadArgument)?;
        let elf = ElfBytes::<LittleEndian>::minimal_parse(file).map_err(|_| Error::BadArgument)?;
        let headers = elf.segments().ok_or(Error::BadArgument)?;
        let mut segments = Vec::new();
        for header in headers.iter().filter(|header| header.p_type == PT_LOAD && header.p_memsz != 0) {
            let address = header.p_vaddr as usize & !(PAGE_BYTES - 1);
            let before = header.p_vaddr as usize - address;
            let bytes = (before + header.p_memsz as usize).next_multiple_of(PAGE_BYTES);
            let data = elf.segment_data(&header).map_err(|_| Error::BadArgument)?;
            let mut content = vec![0; before];
            content.extend_from_slice(data);
            let (access, content) = if header.p_flags & PF_W != 0 {
                (Access::READ | Access::WRITE, Content::Own(content))
            } else {
                let memory = filled(bytes, &content)?;
                memory.seal()?;
                let execute = if header.p_flags & PF_X != 0 { Access::EXECUTE } else { Access::empty() };
                (Access::READ | execute, Content::Shared(memory))
            };
            segments.push(Segment { address, bytes, access, content });
        }
        Ok(Self { entry: elf.ehdr.e_entry as usize, segments })
    }

    /// Where the program begins.
    pub const fn entry(&self) -> usize {
        self.entry
    }

    /// Maps code and constants into a process.
    pub fn map_shared(&self, process: &Process) -> Result<()> {
        self.segments.iter().try_for_each(|segment| match &segment.content {
            Content::Shared(memory) => memory.map_at(Some(process), segment.address, 0, segment.bytes, segment.access),
            Content::Own(_) => Ok(()),
        })
    }

    /// Fresh memory for what a process has of its own, and the address where it belongs.
    pub fn own(&self) -> impl Iterator<Item = Result<(Memory, usize)>> {
        self.segments.iter().filter_map(|segment| match &segment.content {
            Content::Own(content) => Some(filled(segment.bytes, content).map(|memory| (memory, segment.address))),
            Content::Shared(_) => None,
        })
    }
}

/// Fresh memory with this content.
pub fn filled(bytes: usize, content: &[u8]) -> Result<Memory> {
    let memory = Memory::new(bytes)?;
    memory.map(Access::READ | Access::WRITE)?.write_bytes(0, content);
    Ok(memory)
}
