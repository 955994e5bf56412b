//! What the driver that dies tells the program that has it die.
#![no_std]
#![forbid(unsafe_code)]

use bellwire::protocol::Request;

/// What a client asks of the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransferRequest {
    /// The [`Record`] so far. It is answered once a transfer is under way.
    Record,
}

impl Request for TransferRequest {
    fn encode(self) -> (u8, [usize; 4]) {
        (0, [0; 4])
    }

    fn decode(label: u8, _: [usize; 4]) -> Option<Self> {
        (label == 0).then_some(Self::Record)
    }
}

/// What all instances of the driver have seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// How many instances there were.
    pub starts: u32,
    /// How many had the frames to which the instance before had told the device to write.
    pub same_frames: u32,
    /// How many words of these the device has changed.
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
