//! The bytes of a step's code, written one after the other.

/// A place for code. What doesn't fit is dropped: an instruction cut off goes on with the next step's bytes.
#[derive(Debug)]
pub struct Code<'a> {
    bytes: &'a mut [u8],
    at: usize,
}

impl<'a> Code<'a> {
    /// An empty place.
    pub fn new(bytes: &'a mut [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// How many bytes are free.
    pub fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// Appends bytes.
    pub fn put(&mut self, bytes: &[u8]) {
        for (to, from) in self.bytes[self.at..].iter_mut().zip(bytes) {
            *to = *from;
            self.at += 1;
        }
    }

    /// Appends a number of 16 bits.
    pub fn put_16(&mut self, value: u16) {
        self.put(&value.to_le_bytes());
    }

    /// Appends the lower half of a number.
    pub fn put_32(&mut self, value: usize) {
        self.put(&(value as u32).to_le_bytes());
    }

    /// Appends a whole register.
    pub fn put_word(&mut self, value: usize) {
        self.put(&value.to_le_bytes());
    }
}
