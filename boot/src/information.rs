//! What the boot loader says about the machine and what it loaded: one form for both multiboot protocols.
//!
//! All of it is copied into this form before the kernel writes to other memory, since a loader puts its information
//! into any gap. Each part is checked. A part that doesn't fit is an [`Error`], which becomes a line on the screen.

mod error;
mod multiboot1;
mod multiboot2;

use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use arch::firmware::acpi::RootPointer;
use arch::memory::Region;

pub use error::Error;

/// Reads physical memory that the loader filled.
pub trait Loaded {
    /// The bytes at a physical address, if all of them can be read.
    fn bytes(&self, address: u64, length: usize) -> Option<&[u8]>;
}

/// What the loader says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Information {
    /// The firmware's memory map as it is: its regions may be unsorted and overlap.
    pub regions: Vec<Region>,
    /// The modules, in the order of the loader's configuration.
    pub modules: Vec<Module>,
    /// The kernel's command line.
    pub command_line: String,
    /// The root pointer of the firmware's tables, if the loader gives it.
    pub acpi_root: Option<RootPointer>,
    /// The screen, if it is in a graphics mode.
    pub framebuffer: Option<Framebuffer>,
}

/// A file that the loader put into memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Module {
    /// The physical addresses of the module's bytes.
    pub physical: Range<u64>,
    /// The module's name and arguments.
    pub command_line: String,
}

/// A linear framebuffer of direct colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Framebuffer {
    /// The physical address of its first pixel.
    pub address: u64,
    /// Bytes from one row to the next.
    pub pitch: u32,
    /// Pixels of a line.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Bits of a pixel.
    pub bits: u8,
    /// First bit and number of bits of red, green and blue.
    pub colours: [(u8, u8); 3],
}

/// The values of `eax` with which loaders of the two protocols enter the kernel.
const MULTIBOOT1: u32 = 0x2BAD_B002;
const MULTIBOOT2: u32 = 0x36D7_6289;

impl Information {
    /// Reads the information that a loader left at `address`. `magic` names the protocol.
    pub fn read(magic: u32, address: u32, memory: &impl Loaded) -> Result<Self, Error> {
        let information = match magic {
            MULTIBOOT1 => multiboot1::read(memory, address.into())?,
            MULTIBOOT2 => multiboot2::read(memory, address.into())?,
            _ => return Err(Error::Loader(magic)),
        };
        if information.regions.is_empty() {
            return Err(Error::Missing("memory map"));
        }
        Ok(information)
    }

    /// Returns the value of the option `name=value` on the command line.
    pub fn option(&self, name: &str) -> Option<&str> {
        self.command_line.split_ascii_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
    }
}

impl Module {
    fn new(start: u64, end: u64, command_line: String) -> Result<Self, Error> {
        if start >= end {
            return Err(Error::Malformed("module without bytes"));
        }
        Ok(Self { physical: start..end, command_line })
    }

    /// Returns the first word of the module's command line, without folders: `init` for `/boot/init quiet`.
    pub fn name(&self) -> &str {
        let path = self.command_line.split_ascii_whitespace().next().unwrap_or("");
        path.rsplit('/').next().unwrap_or("")
    }

    /// Returns the words behind the name.
    pub fn arguments(&self) -> impl Iterator<Item = &str> {
        self.command_line.split_ascii_whitespace().skip(1)
    }
}

impl Framebuffer {
    /// Returns the framebuffer if it is plausible: a screen's size, pixels of up to 4 bytes, and rows that fit the
    /// pitch.
    fn checked(self) -> Option<Self> {
        let row = u64::from(self.width) * u64::from(self.bits).div_ceil(8);
        let plausible = (1..=16384).contains(&self.width)
            && (1..=16384).contains(&self.height)
            && matches!(self.bits, 15 | 16 | 24 | 32)
            && row <= u64::from(self.pitch)
            && self.pitch <= 1 << 20
            && self
                .colours
                .iter()
                .all(|(first, bits)| (1..=8).contains(bits) && u32::from(*first) + u32::from(*bits) <= 32);
        plausible.then_some(self)
    }

    /// Returns how many bytes the pixels take.
    pub fn bytes(&self) -> usize {
        self.pitch as usize * self.height as usize
    }
}

/// Turns a loader's command line, which ends at a zero, into text. Bytes that aren't UTF-8 are replaced.
fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

#[cfg(test)]
mod tests;
