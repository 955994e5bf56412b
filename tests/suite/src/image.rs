//! Makes processes from an ELF module, and lets them share what they can.

use abi::Access;
use alloc::vec;
use alloc::vec::Vec;
use bellwire::{Error, Memory, Process, Result, layout};
use executable::{Executable, Limits, Width};

/// The limits that `init` sets its programs.
const LIMITS: Limits =
    Limits { addresses: layout::IMAGE..layout::STARTUP, segment_bytes: layout::STARTUP - layout::IMAGE };

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
    /// Pages that all processes share.
    Shared(Memory),
    /// The first contents of pages that each process has for itself.
    Own(Vec<u8>),
}

impl Image {
    /// Reads a module, whose handle and size these are, and makes what all processes share.
    pub fn read(module: u32, bytes: usize) -> Result<Self> {
        // SAFETY: the module's handle is the suite's, which closes it never.
        let mapping = unsafe { Memory::borrowed(module) }.map(Access::READ)?;
        // SAFETY: nobody writes to the module or destroys it.
        let file = unsafe { mapping.as_slice() };
        let file = file.get(..bytes).ok_or(Error::BadArgument)?;
        let program = Executable::parse(file, Width::OWN, &LIMITS).map_err(|_| Error::BadArgument)?;
        let segments = program.segments.into_iter().map(|segment| {
            let mut content = vec![0; segment.offset];
            content.extend_from_slice(file.get(segment.file).ok_or(Error::BadArgument)?);
            let content = if segment.access.contains(Access::WRITE) {
                Content::Own(content)
            } else {
                let memory = filled(segment.bytes, &content)?;
                memory.seal()?;
                Content::Shared(memory)
            };
            Ok(Segment { address: segment.address, bytes: segment.bytes, access: segment.access, content })
        });
        Ok(Self { entry: program.entry, segments: segments.collect::<Result<_>>()? })
    }

    /// Where the program begins.
    pub const fn entry(&self) -> usize {
        self.entry
    }

    /// Maps code and constants into a process.
    pub fn map_shared(&self, process: &Process) -> Result<()> {
        self.segments.iter().try_for_each(|segment| match &segment.content {
            Content::Shared(memory) => memory.map_into(process, segment.address, 0, segment.bytes, segment.access),
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
