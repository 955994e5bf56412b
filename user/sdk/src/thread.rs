//! Threads.

use crate::handle::handle_type;
use crate::{Endpoint, Handle, Process, Result, raw};
use abi::Register;

handle_type! {
    /// A thread of this process or another.
    Thread
}

impl Thread {
    /// Makes a thread in a process (nothing: this one) that will start at an address with a stack. Its faults go to
    /// the endpoint; without one they end the process.
    ///
    /// # Safety
    /// In this process, the code at `entry` must be written to be a thread's first, and `stack` be the end of memory
    /// that is the thread's alone.
    pub unsafe fn new(
        process: Option<&Process>,
        entry: usize,
        stack: usize,
        priority: u8,
        faults: Option<&Endpoint>,
    ) -> Result<Self> {
        let process = process.map_or(abi::NO_HANDLE, Handle::raw);
        let faults = faults.map_or(abi::NO_HANDLE, Handle::raw);
        let message = raw::thread_create(process, [entry, stack, priority as usize, faults as usize])?;
        Ok(Self::from_raw(message.words[0] as u32))
    }

    /// Starts it with these words in its message registers.
    pub fn start(&self, words: [usize; 4]) -> Result<()> {
        raw::thread_start(self.raw(), words).map(drop)
    }

    /// Reads a register of a thread that isn't running.
    pub fn register(&self, register: Register) -> Result<usize> {
        Ok(raw::thread_read(self.raw(), [register as usize, 0, 0, 0])?.words[0])
    }

    /// Changes a thread's priority, up to this thread's own.
    pub fn set_priority(&self, priority: u8) -> Result<()> {
        raw::thread_priority(self.raw(), [priority as usize, 0, 0, 0]).map(drop)
    }
}
