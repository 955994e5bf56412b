//! Streams of bytes: the serial line, the keys of the keyboard, the console.
//!
//! A message carries up to twelve bytes, four to a word, which is enough for anything that a person types or reads.
//! A server never drops bytes: a write is answered once at least one byte was taken, and input that nobody reads
//! stays where it is, up to the sender at the other end of the line.

use super::{Request, narrow};
use crate::{Error, Result};

/// How many bytes one message carries at most.
pub const CHUNK_BYTES: usize = 12;

/// A few bytes of a stream, as they travel in one message.
///
/// ```
/// use bellwire::protocol::Chunk;
/// let chunk = Chunk::new(b"hello, world!");
/// assert_eq!(chunk.bytes(), b"hello, world");
/// assert_eq!(Chunk::from_words(chunk.to_words()), Ok(chunk));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Chunk {
    count: u8,
    bytes: [u8; CHUNK_BYTES],
}

impl Chunk {
    /// As many of the bytes as fit.
    pub fn new(from: &[u8]) -> Self {
        from.iter().copied().collect()
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.count as usize]
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The chunk as four words: the count, then the bytes, four to a word.
    pub fn to_words(self) -> [usize; 4] {
        let word = |at: usize| {
            let four = [self.bytes[at], self.bytes[at + 1], self.bytes[at + 2], self.bytes[at + 3]];
            u32::from_le_bytes(four) as usize
        };
        [self.count as usize, word(0), word(4), word(8)]
    }

    /// The chunk that four words carry.
    pub fn from_words(words: [usize; 4]) -> Result<Self> {
        let [count, first, second, third] = words;
        let four = |word| narrow(word).map(u32::to_le_bytes);
        let all = [four(first)?, four(second)?, four(third)?];
        all.as_flattened().get(..count).map(Self::new).ok_or(Error::BadArgument)
    }
}

impl FromIterator<u8> for Chunk {
    /// Takes as many bytes as fit and leaves the rest.
    fn from_iter<I: IntoIterator<Item = u8>>(from: I) -> Self {
        let mut chunk = Self::default();
        let mut from = from.into_iter();
        for slot in &mut chunk.bytes {
            let Some(byte) = from.next() else { break };
            *slot = byte;
            chunk.count += 1;
        }
        chunk
    }
}

/// What a client asks of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamRequest {
    /// Send these bytes. Answered with how many were taken (word 0), at least one.
    Write(Chunk),
    /// Wait for input. Answered with a [`Chunk`] that isn't empty.
    Read,
    /// Input, if there is any. Answered at once, with a [`Chunk`] that may be empty.
    Poll,
}

impl Request for StreamRequest {
    fn encode(self) -> (u8, [usize; 4]) {
        match self {
            Self::Write(chunk) => (1, chunk.to_words()),
            Self::Read => (2, [0; 4]),
            Self::Poll => (3, [0; 4]),
        }
    }

    fn decode(label: u8, words: [usize; 4]) -> Option<Self> {
        match label {
            1 => Chunk::from_words(words).ok().map(Self::Write),
            2 => Some(Self::Read),
            3 => Some(Self::Poll),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_survives_the_words() {
        let bytes = [0x80, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0xFF];
        for length in 0..=CHUNK_BYTES {
            let chunk = Chunk::new(&bytes[..length]);
            assert_eq!(chunk.bytes(), &bytes[..length]);
            assert_eq!(Chunk::from_words(chunk.to_words()), Ok(chunk));
        }
    }

    #[test]
    fn a_count_that_lies_is_refused() {
        for count in [CHUNK_BYTES + 1, usize::MAX] {
            assert_eq!(Chunk::from_words([count, 0, 0, 0]), Err(Error::BadArgument));
            assert_eq!(StreamRequest::decode(1, [count, 0, 0, 0]), None);
        }
    }

    #[test]
    fn requests_survive_the_words() {
        for request in [StreamRequest::Write(Chunk::new(b"abc")), StreamRequest::Read, StreamRequest::Poll] {
            let (label, words) = request.encode();
            assert_eq!(StreamRequest::decode(label, words), Some(request));
        }
        assert_eq!(StreamRequest::decode(0, [0; 4]), None);
    }
}
