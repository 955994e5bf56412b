//! Loading of a program's file into a process.

use crate::machine::Module;
use crate::size::TooLarge;
use alloc::vec;
use alloc::vec::Vec;
use bellwire::{Access, Error, Memory, Process, Result, StartupBlock, StartupEntry, layout};
use core::fmt;
use executable::{Executable, Limits, Segment, Unloadable, Width};

/// Where a program's pages may lie: its startup block follows.
const LIMITS: Limits =
    Limits { addresses: layout::IMAGE..layout::STARTUP, segment_bytes: layout::STARTUP - layout::IMAGE };

/// The reason why a program couldn't be loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadError {
    /// Its file can't be loaded.
    File(Unloadable),
    /// It may have more memory than there can be.
    Memory(TooLarge),
    /// The kernel refused something.
    Kernel(Error),
}

impl From<Unloadable> for LoadError {
    fn from(error: Unloadable) -> Self {
        Self::File(error)
    }
}

impl From<TooLarge> for LoadError {
    fn from(error: TooLarge) -> Self {
        Self::Memory(error)
    }
}

impl From<Error> for LoadError {
    fn from(error: Error) -> Self {
        Self::Kernel(error)
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(error) => write!(formatter, "its module {error}"),
            Self::Memory(error) => write!(formatter, "its memory: {error}"),
            Self::Kernel(error) => error.fmt(formatter),
        }
    }
}

/// The memory objects of a program's image, stack and startup block. They belong to `init`, and dropping this destroys
/// them. Drop it only when the process has been reaped.
#[derive(Debug, Default)]
pub struct Pages(Vec<Memory>);

impl Drop for Pages {
    fn drop(&mut self) {
        for memory in self.0.drain(..) {
            if let Err(error) = memory.destroy() {
                bellwire::println!("can't give memory back: {error}");
            }
        }
    }
}

impl Pages {
    /// Fills a process with a program's image, a stack and its startup block.
    pub fn load(&mut self, process: &Process, module: &Module, entries: &[StartupEntry]) -> Result<Start, LoadError> {
        let program = Executable::parse(module.bytes(), Width::OWN, &LIMITS)?;
        for segment in &program.segments {
            self.load_segment(process, segment, &module.bytes()[segment.file.clone()])?;
        }
        let stack = layout::STACK_TOP - layout::STACK_BYTES;
        self.fill(process, stack, layout::STACK_BYTES, Access::READ | Access::WRITE, 0, &[])?;
        let block = block(entries);
        self.fill(process, layout::STARTUP, block.len(), Access::READ, 0, &block)?;
        Ok(Start { entry: program.entry, block_bytes: block.len() })
    }

    fn load_segment(&mut self, process: &Process, segment: &Segment, contents: &[u8]) -> Result<()> {
        self.fill(process, segment.address, segment.bytes, segment.access, segment.offset, contents)
    }

    /// Maps new pages with contents into the process. `init` maps them only while it writes them, so that no page is
    /// writable and executable at once.
    fn fill(
        &mut self,
        process: &Process,
        address: usize,
        bytes: usize,
        access: Access,
        offset: usize,
        contents: &[u8],
    ) -> Result<()> {
        self.0.push(Memory::new(bytes)?);
        let Some(memory) = self.0.last() else { return Err(Error::NoMemory) };
        if !contents.is_empty() {
            memory.map(Access::READ | Access::WRITE)?.write_bytes(offset, contents);
        }
        if access.contains(Access::EXECUTE) {
            memory.seal()?;
        }
        memory.map_into(process, address, 0, memory.bytes()?, access)
    }
}

/// The start of a loaded program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    entry: usize,
    block_bytes: usize,
}

impl Start {
    /// Makes and starts the program's first thread.
    pub fn go(self, process: &Process, priority: u8) -> Result<()> {
        let thread = process.thread(self.entry, layout::STACK_TOP, priority, None)?;
        thread.start([layout::STARTUP, self.block_bytes, 0, 0])
    }
}

fn block(entries: &[StartupEntry]) -> Vec<u8> {
    // The block's header is shorter than an entry.
    let mut block = vec![0; (entries.len() + 1) * StartupEntry::BYTES];
    let length = StartupBlock::write(entries, &mut block).unwrap_or(0);
    block.truncate(length);
    block
}

#[cfg(test)]
mod tests {
    use super::*;
    use bellwire::StartupKind;

    #[test]
    fn blocks_hold_all_their_entries() {
        for count in 0..100 {
            let entries = vec![StartupEntry::new("ports", StartupKind::Number, 0, [count, 1]); count as usize];
            assert_eq!(StartupBlock::new(&block(&entries)).entries().collect::<Vec<_>>(), entries);
        }
    }
}
