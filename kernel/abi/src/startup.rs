//! What a program is born with: a read-only block of named entries, whose address and length are words 0 and 1 of
//! its first thread. The kernel makes one for `init`; `init` makes one for each program.
//!
//! A block is a header (magic, number of entries) and entries of 48 bytes, all little-endian: small enough to read
//! without an allocator, and the same on both widths.

/// The block's first word.
const MAGIC: u32 = 0x4C4C_4542;
const HEADER_BYTES: usize = 8;

/// What an entry's value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum StartupKind {
    /// `value` is a handle; `extra` may say more (a size in bytes for memory, the line for an interrupt).
    Handle = 1,
    /// `extra` holds two numbers.
    Number = 2,
    /// The name is a word of the program's arguments.
    Argument = 3,
}

/// One named thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StartupEntry {
    /// UTF-8, padded with zeros.
    pub name: [u8; 24],
    /// What `value` and `extra` are.
    pub kind: StartupKind,
    /// A handle, where the kind says so.
    pub value: u32,
    /// Numbers that go with it.
    pub extra: [u64; 2],
}

impl StartupEntry {
    /// An entry's size in the block.
    pub const BYTES: usize = 48;

    /// An entry; a name over 24 bytes is cut.
    pub fn new(name: &str, kind: StartupKind, value: u32, extra: [u64; 2]) -> Self {
        let mut padded = [0; 24];
        for (to, from) in padded.iter_mut().zip(name.bytes()) {
            *to = from;
        }
        Self { name: padded, kind, value, extra }
    }

    /// The name without its padding; a name that isn't UTF-8 reads as empty.
    pub fn name(&self) -> &str {
        let length = self.name.iter().position(|byte| *byte == 0).unwrap_or(self.name.len());
        core::str::from_utf8(&self.name[..length]).unwrap_or("")
    }

    /// The entry as it stands in a block.
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..24].copy_from_slice(&self.name);
        bytes[24..28].copy_from_slice(&(self.kind as u32).to_le_bytes());
        bytes[28..32].copy_from_slice(&self.value.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.extra[0].to_le_bytes());
        bytes[40..48].copy_from_slice(&self.extra[1].to_le_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let half = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        let whole = |at: usize| Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
        let kind = match half(24)? {
            1 => StartupKind::Handle,
            2 => StartupKind::Number,
            3 => StartupKind::Argument,
            _ => return None,
        };
        Some(Self { name: bytes.get(..24)?.try_into().ok()?, kind, value: half(28)?, extra: [whole(32)?, whole(40)?] })
    }
}

/// A block as its reader sees it.
///
/// ```
/// use abi::{StartupBlock, StartupEntry, StartupKind};
/// let entries = [StartupEntry::new("console", StartupKind::Handle, 7, [0, 0])];
/// let mut bytes = [0; 128];
/// let length = StartupBlock::write(&entries, &mut bytes).unwrap();
/// let block = StartupBlock::new(&bytes[..length]);
/// assert_eq!(block.find("console").unwrap().value, 7);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct StartupBlock<'a> {
    bytes: &'a [u8],
}

impl<'a> StartupBlock<'a> {
    /// Reads a block; bytes that aren't one read as a block without entries.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// The entries in order.
    pub fn entries(&self) -> impl Iterator<Item = StartupEntry> + 'a {
        let half = |at: usize| self.bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes);
        let count = if half(0) == Some(MAGIC) { half(4).unwrap_or(0) } else { 0 };
        let body = self.bytes.get(HEADER_BYTES..).unwrap_or(&[]);
        body.chunks_exact(StartupEntry::BYTES).take(count as usize).filter_map(StartupEntry::from_bytes)
    }

    /// The first entry of that name.
    pub fn find(&self, name: &str) -> Option<StartupEntry> {
        self.entries().find(|entry| entry.name() == name)
    }

    /// Writes a block and returns its length, or nothing if it doesn't fit.
    pub fn write(entries: &[StartupEntry], to: &mut [u8]) -> Option<usize> {
        let length = HEADER_BYTES + entries.len() * StartupEntry::BYTES;
        let to = to.get_mut(..length)?;
        to[..4].copy_from_slice(&MAGIC.to_le_bytes());
        to[4..8].copy_from_slice(&(entries.len() as u32).to_le_bytes());
        for (slot, entry) in to[HEADER_BYTES..].chunks_exact_mut(StartupEntry::BYTES).zip(entries) {
            slot.copy_from_slice(&entry.to_bytes());
        }
        Some(length)
    }
}
