//! The authority over the machine. `init` begins with all of it; other programs get the log or the counters.

use crate::handle::handle_type;
use crate::raw::SafeOperation;
use crate::{Handle, Interrupt, InterruptWrite, Memory, Ports, Result, raw};
use abi::{InfoItem, Message, Options, join, split};

handle_type! {
    /// Authority over the machine. The handle's rights say over what.
    Root
}

impl Root {
    /// Claims an interrupt line.
    pub fn line(&self, line: u8) -> Result<Interrupt> {
        let message = raw::interrupt_create(self.raw(), [line as usize, 0, 0, 0])?;
        Ok(Interrupt::installed(message.words[0]))
    }

    /// Claims a message interrupt, and returns the write by which its device raises it. [`crate::Error::Unsupported`]
    /// on a machine that takes no such writes.
    pub fn message_interrupt(&self) -> Result<(Interrupt, InterruptWrite)> {
        let [interrupt, low, high, data] = raw::message_interrupt_create(self.raw(), [0; 4])?.words;
        let write = InterruptWrite { address: join(low, high), data: data as u32 };
        Ok((Interrupt::installed(interrupt), write))
    }

    /// Claims I/O ports.
    pub fn ports(&self, first: u16, count: u16) -> Result<Ports> {
        let message = raw::ports_create(self.raw(), [first as usize, count as usize, 0, 0])?;
        Ok(Ports::installed(message.words[0]))
    }

    /// Claims device memory, whole pages.
    pub fn device_memory(&self, address: u64, bytes: usize) -> Result<Memory> {
        let [low, high] = split(address);
        let message = raw::memory_device(self.raw(), [low, high, bytes, 0])?;
        Ok(Memory::installed(message.words[0]))
    }

    /// Reads four counters.
    pub fn info(&self, item: InfoItem, index: usize, part: usize) -> Result<[usize; 4]> {
        Ok(raw::info(self.raw(), [item as usize, index, part, 0])?.words)
    }

    /// Appends up to 16 bytes to the kernel's log. Returns the number of bytes of the log that the serial line hasn't
    /// taken yet. The call never waits for the line: with no bytes, it tells how far the line is behind.
    pub fn log_write(&self, bytes: &[u8]) -> Result<usize> {
        raw::checked(log_write(self.raw(), bytes)).map(|message| message.words[0])
    }

    /// Reads the kernel's log from a position on: up to 12 bytes, and the position after them.
    pub fn log_read(&self, position: u32) -> Result<(u32, usize, [u8; 12])> {
        let message = raw::log_read(self.raw(), [position as usize, 0, 0, 0])?;
        let [next, words @ ..] = message.words;
        let mut bytes = [0; 12];
        bytes.as_chunks_mut().0.iter_mut().zip(words).for_each(|(four, word)| *four = (word as u32).to_le_bytes());
        Ok((next as u32, (message.tag.label() as usize).min(bytes.len()), bytes))
    }

    /// Makes the kernel's log leave the serial port.
    pub fn log_release(&self) -> Result<()> {
        raw::log_release(self.raw(), [0; 4]).map(drop)
    }
}

/// How many bytes of the log one call carries.
pub(crate) const LOG_BYTES: usize = 16;

pub(crate) fn log_write(handle: u32, bytes: &[u8]) -> Message {
    let mut padded = [0; LOG_BYTES];
    let count = bytes.len().min(LOG_BYTES);
    padded[..count].copy_from_slice(&bytes[..count]);
    let word = |at: usize| u32::from_le_bytes([padded[at], padded[at + 1], padded[at + 2], padded[at + 3]]) as usize;
    let words = [word(0), word(4), word(8), word(12)];
    raw::invoke(SafeOperation::LogWrite, handle, count as u8, Options::empty(), words)
}
