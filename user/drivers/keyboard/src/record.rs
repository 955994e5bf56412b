//! Records: the bytes that the driver keeps for its successor.
//!
//! Kept memory has two places for a record. The driver may die at any instruction, so a record is written to the place
//! of the one before the last, and counts only once the first byte of its header is there, which is written last. So
//! there is a record at any time from the first one on: the last one that was whole.
//!
//! A record lies in memory that outlives the program. The program that wrote it may have been at fault, so a reader of
//! a bad record finds nothing, and never fails otherwise.

use alloc::vec::Vec;

/// The first word of a record: the kind, and the version of its format.
const MAGIC: u32 = 0x3250_5302;

/// How many instances begin with a record whose driver dies before it has begun. It may have been ended for another
/// reason, so once isn't proof that the record is at fault.
const MOST_TRIES: u8 = 3;

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

/// The places for records.
const PLACES: usize = 2;

// The header of a record, by offsets.
const KIND: usize = 0;
const NUMBER: usize = 4;
const LENGTH: usize = 8;
const TRIES: usize = 12;
const HEADER_BYTES: usize = 13;

/// The records in kept memory.
#[derive(Debug)]
pub struct Store<M> {
    memory: M,
    /// The number of the last record.
    number: u32,
    /// Which instance this is that has begun with the present state and isn't known to work.
    tries: u8,
}

impl<M: Kept> Store<M> {
    /// Finds the last whole record, and returns what it holds, if there is one. A record with which several instances
    /// have begun and none has [settled](Self::settle) is removed.
    pub fn open(memory: M) -> (Self, Option<Vec<u8>>) {
        let mut store = Self { memory, number: 0, tries: 0 };
        let Some((number, place)) = store.last() else { return (store, None) };
        store.number = number;
        let tries = store.memory.read(place + TRIES);
        if tries >= MOST_TRIES {
            store.forget();
            return (store, None);
        }
        store.tries = tries + 1;
        store.memory.write(place + TRIES, store.tries);
        let content = store.content(place);
        (store, content)
    }

    /// Writes a record. One without room isn't written, and leaves none.
    pub fn keep(&mut self, record: &Record) {
        let bytes = record.bytes();
        if HEADER_BYTES + bytes.len() > self.place_bytes() {
            return self.forget();
        }
        self.number = self.number.wrapping_add(1);
        let place = self.place(self.number);
        let [first, rest @ ..] = MAGIC.to_le_bytes();
        self.put(place + KIND, &[0]);
        self.put(place + KIND + 1, &rest);
        self.put(place + NUMBER, &self.number.to_le_bytes());
        self.put(place + LENGTH, &(bytes.len() as u32).to_le_bytes());
        self.put(place + TRIES, &[self.tries]);
        self.put(place + HEADER_BYTES, bytes);
        self.put(place + KIND, &[first]);
    }

    /// Notes that the instance works: the records from now on are at no fault.
    pub fn settle(&mut self) {
        self.tries = 0;
    }

    /// Returns the number and the place of the last whole record.
    fn last(&self) -> Option<(u32, usize)> {
        let numbered = (0..PLACES as u32).filter_map(|index| {
            let place = self.place(index);
            let number = self.number_at(place + NUMBER)?;
            let is_whole = self.number_at(place + KIND)? == MAGIC && self.content(place).is_some();
            (self.place(number) == place && is_whole).then_some((number, place))
        });
        // Numbers begin anew after the largest.
        numbered.reduce(|one, other| if other.0.wrapping_sub(one.0) as i32 > 0 { other } else { one })
    }

    fn content(&self, place: usize) -> Option<Vec<u8>> {
        let count = self.number_at(place + LENGTH)? as usize;
        let is_inside = count <= self.place_bytes().checked_sub(HEADER_BYTES)?;
        is_inside.then(|| self.get(place + HEADER_BYTES, count))
    }

    fn forget(&mut self) {
        for index in 0..PLACES as u32 {
            self.put(self.place(index) + KIND, &[0]);
        }
    }

    fn place_bytes(&self) -> usize {
        self.memory.size() / PLACES
    }

    /// Returns the place of the record with a number.
    fn place(&self, number: u32) -> usize {
        number as usize % PLACES * self.place_bytes()
    }

    fn number_at(&self, offset: usize) -> Option<u32> {
        Reader::new(&self.get(offset, 4)).number()
    }

    fn put(&mut self, offset: usize, bytes: &[u8]) {
        bytes.iter().zip(offset..self.memory.size()).for_each(|(byte, at)| self.memory.write(at, *byte));
    }

    fn get(&self, offset: usize, count: usize) -> Vec<u8> {
        (offset..self.memory.size()).take(count).map(|at| self.memory.read(at)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    /// Kept memory that notes its content after each byte that is written.
    #[derive(Clone)]
    struct Memory {
        bytes: Vec<u8>,
        history: Vec<Vec<u8>>,
    }

    impl Memory {
        fn new(bytes: Vec<u8>) -> Self {
            Self { bytes, history: Vec::new() }
        }
    }

    impl Kept for Memory {
        fn size(&self) -> usize {
            self.bytes.len()
        }

        fn read(&self, offset: usize) -> u8 {
            self.bytes[offset]
        }

        fn write(&mut self, offset: usize, byte: u8) {
            self.bytes[offset] = byte;
            self.history.push(self.bytes.clone());
        }
    }

    fn record(bytes: &[u8]) -> Record {
        let mut record = Record::default();
        bytes.iter().for_each(|byte| record.byte(*byte));
        record
    }

    fn found(bytes: &[u8]) -> Option<Vec<u8>> {
        Store::open(Memory::new(bytes.to_vec())).1
    }

    #[test]
    fn a_record_comes_back_as_it_was_written() {
        let (mut store, nothing) = Store::open(Memory::new(vec![0; 64]));
        assert_eq!(nothing, None, "nobody has written one");
        let mut record = Record::default();
        record.byte(7);
        record.number(0x0102_0304);
        store.keep(&record);
        let bytes = found(&store.memory.bytes).unwrap();
        let mut reader = Reader::new(&bytes);
        assert_eq!((reader.byte(), reader.number(), reader.byte()), (Some(7), Some(0x0102_0304), None));
    }

    #[test]
    fn a_driver_that_dies_at_any_byte_leaves_the_last_record_or_the_one_before() {
        // Numbers of one, two and three bytes, and the largest.
        for number in [0, 0xFE, 0xFFFE, u32::MAX - 2] {
            let (mut store, _) = Store::open(Memory::new(vec![0; 64]));
            store.number = number;
            store.keep(&record(b"first"));
            let mut before = b"first".to_vec();
            for text in [&b"2"[..], b"the third", b"", b"fifth"] {
                store.memory.history.clear();
                store.keep(&record(text));
                for state in &store.memory.history {
                    let found = found(state).expect("a record at any time");
                    assert!(found == before || found == text, "after {number}: {found:?}, not {before:?} or {text:?}");
                }
                assert_eq!(found(&store.memory.bytes).as_deref(), Some(text));
                before = text.to_vec();
            }
        }
    }

    #[test]
    fn a_record_is_found_by_a_few_instances_that_die_with_it() {
        let (mut store, _) = Store::open(Memory::new(vec![0; 64]));
        store.keep(&record(b"fatal"));
        let mut memory = store.memory;
        for _ in 0..MOST_TRIES {
            let (mut store, found) = Store::open(memory);
            assert_eq!(found.as_deref(), Some(&b"fatal"[..]));
            // An instance may keep what it gets to know before it dies.
            store.keep(&record(b"fatal"));
            memory = store.memory;
        }
        let (store, nothing) = Store::open(memory);
        assert_eq!(nothing, None);
        assert_eq!(Store::open(store.memory).1, None);
    }

    #[test]
    fn an_instance_that_works_is_no_try() {
        let (mut store, _) = Store::open(Memory::new(vec![0; 64]));
        store.keep(&record(b"good"));
        for _ in 0..3 * MOST_TRIES {
            let (mut next, found) = Store::open(store.memory);
            assert_eq!(found.as_deref(), Some(&b"good"[..]));
            next.settle();
            next.keep(&record(b"good"));
            store = next;
        }
    }

    #[test]
    fn memory_without_room_holds_none() {
        for size in 0..PLACES * (HEADER_BYTES + 5) {
            let (mut store, nothing) = Store::open(Memory::new(vec![0xFF; size]));
            assert_eq!(nothing, None);
            store.keep(&record(b"12345"));
            assert_eq!(found(&store.memory.bytes), None);
        }
    }

    #[test]
    fn a_header_that_lies_is_found_out() {
        let (mut store, _) = Store::open(Memory::new(vec![0; 64]));
        store.keep(&record(b"12345"));
        let place = store.place(store.number);
        for (at, byte) in [(LENGTH + 3, 0xFF), (LENGTH + 1, 1), (KIND, 0), (NUMBER, 4)] {
            let mut bytes = store.memory.bytes.clone();
            bytes[place + at] = byte;
            assert_eq!(found(&bytes), None);
        }
    }
}
