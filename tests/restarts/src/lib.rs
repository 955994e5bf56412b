//! What the driver that dies and the program that has it die share: the driver's record, and memory that is watched.
#![no_std]
#![forbid(unsafe_code)]

use bellwire::Mapping;
use bellwire::protocol::Request;

/// What a client asks of the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransferRequest {
    /// The [`Record`] so far. It is answered once a transfer is under way.
    Record,
    /// The physical address to which the device is about to write, in word 0.
    Destination,
}

impl Request for TransferRequest {
    fn encode(self) -> (u8, [usize; 4]) {
        (self as u8, [0; 4])
    }

    fn decode(label: u8, _: [usize; 4]) -> Option<Self> {
        [Self::Record, Self::Destination].get(usize::from(label)).copied()
    }
}

/// What all instances of the driver have seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// How many instances there were.
    pub starts: u32,
    /// How often somebody else had the frames to which an instance had told the device to write.
    pub same_frames: u32,
    /// How many words of these frames the device has changed.
    pub changed: u32,
    /// How many instances have had the device write to memory of their own.
    pub worked: u32,
}

impl Record {
    /// The record as four words.
    pub fn to_words(self) -> [usize; 4] {
        [self.starts, self.same_frames, self.changed, self.worked].map(|count| count as usize)
    }

    /// The record that four words carry.
    pub fn from_words(words: [usize; 4]) -> Self {
        let [starts, same_frames, changed, worked] = words.map(|word| word as u32);
        Self { starts, same_frames, changed, worked }
    }
}

/// The memory objects that a watcher takes: large ones, so that no program's image gets their frames, and many, so that
/// those of a dead driver are among them.
pub const BLOCKS: usize = 8;
/// The size of each of them, in bytes.
pub const BLOCK_BYTES: usize = 256 << 10;

/// How many words the device writes at once, at the start of a block.
pub const WORDS: usize = 1023;

/// What no device writes: its buffer holds zeros.
const PATTERN: u32 = 0xA5A5_5A5A;

/// Fills the words of a block in which changes are looked for.
pub fn fill(block: &Mapping) {
    (0..WORDS).for_each(|word| block.write(4 * word, PATTERN));
}

/// Returns how many of these words were changed.
pub fn changed(block: &Mapping) -> u32 {
    (0..WORDS).filter(|word| block.read::<u32>(4 * word) != PATTERN).count() as u32
}
