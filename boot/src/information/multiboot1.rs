//! Multiboot version 1 (specification 0.6.96, section 3.3), as `qemu -kernel` and older loaders speak it.

use alloc::string::String;
use alloc::vec::Vec;

use arch::memory::{Region, RegionKind};

use super::{Error, Framebuffer, Information, Loaded, Module, text};

/// The bytes of the structure, up to the end of its framebuffer fields.
const BYTES: usize = 116;

// The bits that say which fields are valid.
const HAS_COMMAND_LINE: u32 = 1 << 2;
const HAS_MODULES: u32 = 1 << 3;
const HAS_MEMORY_MAP: u32 = 1 << 6;
const HAS_FRAMEBUFFER: u32 = 1 << 12;

/// The most modules and the most bytes of a map: no machine has more.
const MODULES: u32 = 256;
const MAP_BYTES: u32 = 64 * 1024;
const COMMAND_LINE_BYTES: usize = 4096;

/// The kind of a framebuffer whose pixels are colours.
const DIRECT_COLOUR: u8 = 1;

/// Reads the structure at an address and what it points to.
pub fn read(memory: &impl Loaded, address: u64) -> Result<Information, Error> {
    let bytes = memory.bytes(address, BYTES).ok_or(Error::Unreadable("information", address))?;
    let flags = word(bytes, 0)?;
    let mut information = Information::default();
    if flags & HAS_COMMAND_LINE != 0 {
        information.command_line = string(memory, word(bytes, 16)?)?;
    }
    if flags & HAS_MODULES != 0 {
        information.modules = modules(memory, word(bytes, 20)?, word(bytes, 24)?)?;
    }
    if flags & HAS_MEMORY_MAP != 0 {
        information.regions = regions(memory, word(bytes, 44)?, word(bytes, 48)?)?;
    }
    if flags & HAS_FRAMEBUFFER != 0 {
        information.framebuffer = framebuffer(bytes)?;
    }
    Ok(information)
}

fn modules(memory: &impl Loaded, count: u32, address: u32) -> Result<Vec<Module>, Error> {
    const ENTRY: usize = 16;
    if count > MODULES {
        return Err(Error::Malformed("too many modules"));
    }
    let table = memory
        .bytes(address.into(), count as usize * ENTRY)
        .ok_or(Error::Unreadable("list of modules", address.into()))?;
    let module =
        |entry: &[u8]| Module::new(word(entry, 0)?.into(), word(entry, 4)?.into(), string(memory, word(entry, 8)?)?);
    table.chunks_exact(ENTRY).map(module).collect()
}

/// Reads the memory map. Each entry begins with its length, which doesn't count the length field itself.
fn regions(memory: &impl Loaded, length: u32, address: u32) -> Result<Vec<Region>, Error> {
    const SMALLEST: usize = 20;
    if length > MAP_BYTES {
        return Err(Error::Malformed("memory map too long"));
    }
    let mut rest =
        memory.bytes(address.into(), length as usize).ok_or(Error::Unreadable("memory map", address.into()))?;
    let mut regions = Vec::new();
    while !rest.is_empty() {
        let size = word(rest, 0)? as usize;
        let entry = rest.get(4..).filter(|_| size >= SMALLEST).and_then(|after| after.get(..size));
        let entry = entry.ok_or(Error::Malformed("entry of the memory map"))?;
        regions.push(Region { start: long(entry, 0)?, bytes: long(entry, 8)?, kind: kind(word(entry, 16)?) });
        rest = &rest[4 + size..];
    }
    Ok(regions)
}

/// Translates the BIOS's number of a kind of memory, which multiboot2 uses too. 3 is ACPI's tables; 4 is what ACPI
/// keeps over sleep.
pub fn kind(number: u32) -> RegionKind {
    match number {
        1 => RegionKind::Available,
        3 | 4 => RegionKind::Firmware,
        _ => RegionKind::Reserved,
    }
}

fn framebuffer(bytes: &[u8]) -> Result<Option<Framebuffer>, Error> {
    let byte = |at: usize| bytes.get(at).copied().ok_or(Error::Malformed("framebuffer"));
    if byte(109)? != DIRECT_COLOUR {
        return Ok(None);
    }
    let framebuffer = Framebuffer {
        address: long(bytes, 88)?,
        pitch: word(bytes, 96)?,
        width: word(bytes, 100)?,
        height: word(bytes, 104)?,
        bits: byte(108)?,
        colours: [(byte(110)?, byte(111)?), (byte(112)?, byte(113)?), (byte(114)?, byte(115)?)],
    };
    Ok(framebuffer.checked())
}

fn string(memory: &impl Loaded, address: u32) -> Result<String, Error> {
    if address == 0 {
        return Ok(String::new());
    }
    // The length is unknown, and memory may end early, so each byte is read by itself up to the zero.
    let mut bytes = Vec::new();
    for at in 0..COMMAND_LINE_BYTES {
        let byte = memory.bytes(u64::from(address) + at as u64, 1).and_then(|bytes| bytes.first().copied());
        match byte.ok_or(Error::Unreadable("command line", address.into()))? {
            0 => return Ok(text(&bytes)),
            byte => bytes.push(byte),
        }
    }
    Err(Error::Malformed("command line without an end"))
}

fn word(bytes: &[u8], at: usize) -> Result<u32, Error> {
    let field = bytes.get(at..at + 4).and_then(|field| field.try_into().ok());
    field.map(u32::from_le_bytes).ok_or(Error::Malformed("structure cut short"))
}

fn long(bytes: &[u8], at: usize) -> Result<u64, Error> {
    Ok(u64::from(word(bytes, at)?) | u64::from(word(bytes, at + 4)?) << 32)
}
