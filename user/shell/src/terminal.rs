//! What the person sees and types: the console's stream, with lines.

use alloc::vec::Vec;
use bellwire::protocol::{CHUNK_BYTES, Chunk, StreamRequest};
use bellwire::{Endpoint, Error, Result};
use core::fmt;

/// The console as the shell uses it. What is written is sent at the end of each line, and before anything is read.
pub struct Terminal {
    console: Endpoint,
    typed: Chunk,
    written: Vec<u8>,
    in_sequence: bool,
}

impl Terminal {
    /// A terminal on a console.
    pub fn new(console: Endpoint) -> Self {
        Self { console, typed: Chunk::default(), written: Vec::new(), in_sequence: false }
    }

    /// Waits for input, and returns at most so many bytes of it.
    pub fn read(&mut self, most: usize) -> Result<Chunk> {
        if self.typed.is_empty() {
            self.flush()?;
            self.typed = Chunk::from_words(ask(&self.console, StreamRequest::Read)?);
        }
        let (taken, rest) = self.typed.bytes().split_at(self.typed.bytes().len().min(most));
        let taken = Chunk::new(taken);
        self.typed = Chunk::new(rest);
        Ok(taken)
    }

    /// Sends bytes as they are, after what was written before.
    pub fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.written.extend_from_slice(bytes);
        self.flush()
    }

    /// Sends what was written.
    pub fn flush(&mut self) -> Result<()> {
        for bytes in self.written.chunks(CHUNK_BYTES) {
            let mut rest = bytes;
            while !rest.is_empty() {
                let [taken, ..] = ask(&self.console, StreamRequest::Write(Chunk::new(rest)))?;
                rest = rest.get(taken..).unwrap_or(&[]);
            }
        }
        self.written.clear();
        Ok(())
    }
}

impl fmt::Write for Terminal {
    /// Terminals want both characters at a line's end.
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            // The console has no colours yet.
            match (self.in_sequence, byte) {
                (false, 0x1B) => self.in_sequence = true,
                (true, b'm') => self.in_sequence = false,
                (true, _) => {}
                (false, b'\n') => self.written.extend_from_slice(b"\r\n"),
                (false, _) => self.written.push(byte),
            }
        }
        if text.ends_with('\n') { self.flush().map_err(|_| fmt::Error) } else { Ok(()) }
    }
}

/// Asks the console; once more, if it died before it answered: then its successor does.
fn ask(console: &Endpoint, request: StreamRequest) -> Result<[usize; 4]> {
    match console.request(request) {
        Err(Error::Gone) => console.request(request),
        result => result,
    }
}
