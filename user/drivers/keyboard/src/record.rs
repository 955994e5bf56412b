//! Records: the bytes that the driver keeps for its successor.
//!
//! A record lies in memory that outlives the program. The program that wrote it may have been at fault, so a reader of
//! a bad record finds nothing, and never fails otherwise.

use alloc::vec::Vec;

/// The first word of a record: the kind, and the version of its format.
const MAGIC: u32 = 0x3250_5301;

/// A record that is being written.
#[derive(Debug, Default)]
pub struct Record(Vec<u8>);

impl Record {
    /// Writes a byte.
    pub fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    /// Writes a number of 32 bits.
    pub fn number(&mut self, number: u32) {
        self.0.extend(number.to_le_bytes());
    }

    /// Returns all that was written.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The bytes of a record, read in the order in which they were written.
#[derive(Debug)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Makes a reader at the first byte.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Reads a byte.
    pub fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// Reads a number of 32 bits.
    pub fn number(&mut self) -> Option<u32> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_le_bytes(*first))
    }
}

/// Memory that outlives the program.
pub trait Kept {
    /// Returns how many bytes the memory has.
    fn size(&self) -> usize;
    /// Reads a byte.
    fn read(&self, offset: usize) -> u8;
    /// Writes a byte.
    fn write(&mut self, offset: usize, byte: u8);
}

const HEADER_BYTES: usize = 8;

/// Writes a record to kept memory. The record counts only once its magic number is complete, which is written last. A
/// record without room isn't written, and leaves none.
pub fn keep(memory: &mut impl Kept, record: &Record) {
    forget(memory);
    let bytes = record.bytes();
    if HEADER_BYTES + bytes.len() > memory.size() {
        return;
    }
    put(memory, 4, &(bytes.len() as u32).to_le_bytes());
    put(memory, HEADER_BYTES, bytes);
    put(memory, 0, &MAGIC.to_le_bytes());
}

/// Returns the record, if there is one, and removes it. So a program that dies of the record leaves none to its
/// successor.
pub fn take(memory: &mut impl Kept) -> Option<Vec<u8>> {
    let header: Vec<u8> = get(memory, 0, HEADER_BYTES)?;
    forget(memory);
    let mut header = Reader::new(&header);
    let (magic, count) = (header.number()?, header.number()?);
    if magic == MAGIC { get(memory, HEADER_BYTES, count as usize) } else { None }
}

fn forget(memory: &mut impl Kept) {
    put(memory, 0, &[0; 4]);
}

fn put(memory: &mut impl Kept, offset: usize, bytes: &[u8]) {
    bytes.iter().zip(offset..memory.size()).for_each(|(byte, at)| memory.write(at, *byte));
}

fn get(memory: &impl Kept, offset: usize, count: usize) -> Option<Vec<u8>> {
    let end = offset.checked_add(count).filter(|end| *end <= memory.size())?;
    Some((offset..end).map(|at| memory.read(at)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    impl Kept for Vec<u8> {
        fn size(&self) -> usize {
            self.len()
        }

        fn read(&self, offset: usize) -> u8 {
            self[offset]
        }

        fn write(&mut self, offset: usize, byte: u8) {
            self[offset] = byte;
        }
    }

    fn record() -> Record {
        let mut record = Record::default();
        record.byte(7);
        record.number(0x0102_0304);
        record
    }

    #[test]
    fn a_record_is_taken_once() {
        let mut memory = vec![0; 64];
        assert_eq!(take(&mut memory), None, "nobody has written one");
        keep(&mut memory, &record());
        let bytes = take(&mut memory).unwrap();
        let mut reader = Reader::new(&bytes);
        assert_eq!((reader.byte(), reader.number(), reader.byte()), (Some(7), Some(0x0102_0304), None));
        assert_eq!(take(&mut memory), None);
    }

    #[test]
    fn memory_without_room_holds_none() {
        for size in 0..HEADER_BYTES + 5 {
            let mut memory = vec![0xFF; size];
            keep(&mut memory, &record());
            assert_eq!(take(&mut memory), None);
        }
    }

    #[test]
    fn a_length_that_lies_is_found_out() {
        let mut memory = vec![0; 64];
        keep(&mut memory, &record());
        put(&mut memory, 4, &[0xFF; 4]);
        assert_eq!(take(&mut memory), None);
    }
}
