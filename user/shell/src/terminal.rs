//! The console's stream, with lines: what the person sees and types.

use crate::Failure;
use crate::waiter::{Waiter, ask_console};
use alloc::rc::Rc;
use alloc::vec::Vec;
use bellwire::protocol::{CHUNK_BYTES, Chunk, StreamRequest};
use core::fmt;

/// The console as the shell uses it. Written text is sent at the end of each line, and before anything is read.
pub struct Terminal {
    waiter: Rc<Waiter>,
    written: Vec<u8>,
}

impl Terminal {
    /// Makes a terminal on the waiter's console.
    pub fn new(waiter: Rc<Waiter>) -> Self {
        Self { waiter, written: Vec::new() }
    }

    /// Sends what was written, waits for input, and returns `most` bytes of it at most.
    pub fn read(&mut self, most: usize) -> Result<Chunk, Failure> {
        let chunk = self.waiter.take_typed(most);
        if !chunk.is_empty() {
            return Ok(chunk);
        }
        self.flush()?;
        self.waiter.read(most)
    }

    /// Writes bytes unchanged.
    pub fn write(&mut self, bytes: &[u8]) {
        self.written.extend_from_slice(bytes);
    }

    /// Sends bytes unchanged, after what was written before.
    pub fn send(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.written.extend_from_slice(bytes);
        self.flush()
    }

    /// Sends what was written. Fails without sending if Ctrl-C was typed.
    pub fn flush(&mut self) -> Result<(), Failure> {
        let written = core::mem::take(&mut self.written);
        if written.is_empty() {
            return Ok(());
        }
        self.waiter.check()?;
        for bytes in written.chunks(CHUNK_BYTES) {
            let mut rest = bytes;
            while !rest.is_empty() {
                let [taken, ..] = ask_console(self.waiter.console(), StreamRequest::Write(Chunk::new(rest)))?;
                rest = rest.get(taken..).unwrap_or(&[]);
            }
        }
        Ok(())
    }
}

impl fmt::Write for Terminal {
    /// Writes text. A line feed becomes CR and LF, which terminals need at a line's end.
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            if byte == b'\n' {
                self.written.push(b'\r');
            }
            self.written.push(byte);
        }
        if text.ends_with('\n') { self.flush().map_err(|_| fmt::Error) } else { Ok(()) }
    }
}
