//! The calls about the kernel's log.

use crate::kernel::Kernel;
use crate::machine::Machine;
use crate::request::{CallResult, DONE, Outcome, Request, word};
use abi::Rights;

impl<M: Machine> Kernel<M> {
    /// Writes up to 16 bytes, whose number is the label, to the kernel's log. Returns the number of bytes that the
    /// serial line hasn't taken yet.
    pub(super) fn log_write(&mut self, machine: &mut M, request: Request) -> CallResult {
        self.find(&request, Rights::ROOT_LOG_WRITE)?;
        let mut bytes = [0; 16];
        for (chunk, value) in bytes.chunks_exact_mut(4).zip(request.message.words) {
            chunk.copy_from_slice(&(value as u32).to_le_bytes());
        }
        let length = (request.message.tag.label() as usize).min(bytes.len());
        word(machine.log(bytes.get(..length).unwrap_or(&[])))
    }

    pub(super) fn log_read(&mut self, machine: &mut M, request: Request) -> CallResult {
        let [position, ..] = request.message.words;
        self.find(&request, Rights::ROOT_LOG_READ)?;
        let mut bytes = [0; 12];
        let (next, length) = machine.read_log(position as u32, &mut bytes);
        let mut words = [next as usize, 0, 0, 0];
        for (word, chunk) in words.iter_mut().skip(1).zip(bytes.chunks_exact(4)) {
            *word = chunk.try_into().map_or(0, u32::from_le_bytes) as usize;
        }
        Ok(Outcome::Labelled(length as u8, words))
    }

    pub(super) fn log_release(&mut self, machine: &mut M, request: Request) -> CallResult {
        self.find(&request, Rights::ROOT_LOG_LINE)?;
        machine.release_log();
        DONE
    }
}
