//! Multiboot2 (specification 2.0, section 3.6), as GRUB speaks it, by the crate `multiboot2`.
//!
//! The crate panics on tags that contradict the specification, so their sizes are checked before it sees them. The
//! crate reads a copy: it needs an aligned block, and the loader may have put the original anywhere.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use arch::firmware::acpi::RootPointer;
use arch::memory::Region;
use multiboot2::{BootInformation, BootInformationHeader, FramebufferType};

use super::{Error, Framebuffer, Information, Loaded, Module, multiboot1};

/// The most bytes of information: no machine has more.
const MOST_BYTES: usize = 256 * 1024;
const HEADER_BYTES: usize = 8;
const TAG_HEADER_BYTES: usize = 8;

// Types of tags.
const END: u32 = 0;
const COMMAND_LINE: u32 = 1;
const MODULE: u32 = 3;
const MEMORY_MAP: u32 = 6;
const FRAMEBUFFER: u32 = 8;
const ACPI_OLD: u32 = 14;
const ACPI_NEW: u32 = 15;

/// Reads the information at an address.
pub fn read(memory: &impl Loaded, address: u64) -> Result<Information, Error> {
    let block = copy(memory, address)?;
    let bytes = bytes_of(&block);
    let rsdp = check(bytes)?;
    // SAFETY: the block is aligned to 8 bytes, lives longer than the result, and its size and tags were checked.
    let information = unsafe { BootInformation::load(block.as_ptr().cast::<BootInformationHeader>()) };
    let information = information.map_err(|_| Error::Malformed("information without an end"))?;
    Ok(Information {
        regions: information.memory_map_tag().map_or(Vec::new(), |tag| {
            let region = |area: &multiboot2::MemoryArea| Region {
                start: area.start_address(),
                bytes: area.size(),
                kind: multiboot1::kind(area.typ().into()),
            };
            tag.memory_areas().iter().map(region).collect()
        }),
        modules: information
            .module_tags()
            .map(|tag| Module::new(tag.start_address().into(), tag.end_address().into(), line(tag.cmdline().ok())))
            .collect::<Result<_, _>>()?,
        command_line: line(information.command_line_tag().and_then(|tag| tag.cmdline().ok())),
        acpi_root: rsdp,
        framebuffer: information.framebuffer_tag().and_then(Result::ok).and_then(framebuffer),
    })
}

fn line(text: Option<&str>) -> String {
    text.unwrap_or("").to_string()
}

fn framebuffer(tag: &multiboot2::FramebufferTag) -> Option<Framebuffer> {
    let Ok(FramebufferType::RGB { red, green, blue }) = tag.buffer_type() else {
        return None;
    };
    let colours = [red, green, blue].map(|field| (field.position, field.size));
    let (address, pitch, bits) = (tag.address(), tag.pitch(), tag.bpp());
    Framebuffer { address, pitch, width: tag.width(), height: tag.height(), bits, colours }.checked()
}

/// Copies the whole information to an aligned block.
fn copy(memory: &impl Loaded, address: u64) -> Result<Vec<u64>, Error> {
    let unreadable = Error::Unreadable("information", address);
    let header = memory.bytes(address, HEADER_BYTES).ok_or(unreadable)?;
    let size = number(header, 0).ok_or(unreadable)? as usize;
    if !(HEADER_BYTES + TAG_HEADER_BYTES..=MOST_BYTES).contains(&size) || !size.is_multiple_of(8) {
        return Err(Error::Malformed("total size"));
    }
    let bytes = memory.bytes(address, size).ok_or(unreadable)?;
    let word = |chunk: &[u8]| chunk.try_into().map_or(0, u64::from_ne_bytes);
    Ok(bytes.chunks_exact(8).map(word).collect())
}

fn bytes_of(block: &[u64]) -> &[u8] {
    // SAFETY: any eight bytes of a `u64` are valid bytes, and the length is the same in both.
    unsafe { core::slice::from_raw_parts(block.as_ptr().cast::<u8>(), size_of_val(block)) }
}

/// Checks the tags: each lies within the information and is long enough for its type, and the last one is the end tag.
/// Returns the ACPI root pointer.
fn check(bytes: &[u8]) -> Result<Option<RootPointer>, Error> {
    let [mut old, mut new] = [None; 2];
    let mut at = HEADER_BYTES;
    loop {
        let header = bytes.get(at..).and_then(|tag| Some((number(tag, 0)?, number(tag, 4)? as usize)));
        let (kind, size) = header.ok_or(Error::Malformed("no end tag"))?;
        let tag = bytes.get(at..).filter(|_| size >= TAG_HEADER_BYTES).and_then(|tag| tag.get(..size));
        let tag = tag.ok_or(Error::Malformed("size of a tag"))?;
        if let Some(mistake) = mistake(kind, tag) {
            return Err(Error::Malformed(mistake));
        }
        match kind {
            // The newer form is preferred, in any order of the tags.
            END => return Ok(new.or(old)),
            ACPI_NEW => new = RootPointer::decode(&tag[TAG_HEADER_BYTES..]),
            ACPI_OLD => old = RootPointer::decode(&tag[TAG_HEADER_BYTES..]),
            _ => {}
        }
        at += size.next_multiple_of(8);
    }
}

/// Returns what is wrong with a tag that the kernel reads.
fn mistake(kind: u32, tag: &[u8]) -> Option<&'static str> {
    let ends = tag.last() == Some(&0);
    let (fine, mistake) = match kind {
        END => (tag.len() == TAG_HEADER_BYTES, "end tag"),
        COMMAND_LINE => (tag.len() > 8 && ends, "command line"),
        MODULE => (tag.len() > 16 && ends, "module tag"),
        MEMORY_MAP => {
            (tag.len() >= 16 && number(tag, 8) == Some(24) && (tag.len() - 16).is_multiple_of(24), "memory map")
        }
        FRAMEBUFFER => (framebuffer_fits(tag), "framebuffer tag"),
        ACPI_OLD => (tag.len() >= TAG_HEADER_BYTES + 20, "old ACPI tag"),
        ACPI_NEW => (tag.len() >= TAG_HEADER_BYTES + 36, "new ACPI tag"),
        _ => (true, ""),
    };
    (!fine).then_some(mistake)
}

/// Tells whether the colour information fits, which stands behind the fixed 32 bytes: a palette with its length, six
/// bytes of fields, or nothing.
fn framebuffer_fits(tag: &[u8]) -> bool {
    match tag.get(29) {
        Some(0) => {
            let colours = tag.get(32..34).and_then(|count| count.try_into().ok()).map_or(0, u16::from_le_bytes);
            tag.len() >= 34 + 3 * usize::from(colours)
        }
        Some(1) => tag.len() >= 38,
        Some(_) => tag.len() >= 31,
        None => false,
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes)
}
