//! What the person sees and types: the console's stream, with lines.

use crate::Failure;
use crate::waiter::{Waiter, ask_console};
use alloc::rc::Rc;
use alloc::vec::Vec;
use bellwire::protocol::{CHUNK_BYTES, Chunk, StreamRequest};
use core::fmt;

/// The console as the shell uses it. What is written is sent at the end of each line, and before anything is read.
pub struct Terminal {
    waiter: Rc<Waiter>,
    written: Vec<u8>,
}

impl Terminal {
    /// A terminal on a console.
    pub fn new(waiter: Rc<Waiter>) -> Self {
        Self { waiter, written: Vec::new() }
    }

    /// Waits for input, and returns at most so many bytes of it. What was written is sent before it waits.
    pub fn read(&mut self, most: usize) -> Result<Chunk, Failure> {
        let chunk = self.waiter.take_typed(most);
        if !chunk.is_empty() {
            return Ok(chunk);
        }
        self.flush()?;
        self.waiter.read(most)
    }

    /// Writes bytes as they are.
    pub fn write(&mut self, bytes: &[u8]) {
        self.written.extend_from_slice(bytes);
    }

    /// Sends bytes as they are, after what was written before.
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
    /// Terminals want both characters at a line's end.
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
