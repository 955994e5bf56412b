//! The ways in which two processes wake each other: each has one direction, so a round trip takes two.

use core::sync::atomic::{AtomicU32, Ordering};

use crate::call::{self, File, Result};

/// One direction between two processes.
pub trait Channel {
    /// Wakes the other process once.
    fn send(&self) -> Result;
    /// Waits until the other process has sent.
    fn receive(&self) -> Result;
}

/// A pipe, and a byte in it.
pub struct Pipe {
    read: File,
    write: File,
}

impl Pipe {
    pub fn new() -> Result<Pipe> {
        call::pipe().map(|(read, write)| Pipe { read, write })
    }
}

impl Channel for Pipe {
    fn send(&self) -> Result {
        call::write(self.write, &[1]).map(drop)
    }

    fn receive(&self) -> Result {
        call::read(self.read, &mut [0]).map(drop)
    }
}

/// A counter in the kernel.
pub struct Event(File);

impl Event {
    pub fn new() -> Result<Event> {
        call::event().map(Event)
    }
}

impl Channel for Event {
    fn send(&self) -> Result {
        call::write(self.0, &1_u64.to_ne_bytes()).map(drop)
    }

    fn receive(&self) -> Result {
        call::read(self.0, &mut [0; size_of::<u64>()]).map(drop)
    }
}

/// A word in memory that both have, and the kernel's help to wait for it.
pub struct Futex<'a>(pub &'a AtomicU32);

impl Channel for Futex<'_> {
    fn send(&self) -> Result {
        self.0.store(1, Ordering::Release);
        call::futex_wake(self.0)
    }

    fn receive(&self) -> Result {
        while self.0.swap(0, Ordering::Acquire) == 0 {
            // The other may have sent in between: that is an error of this call, and the word says so.
            let _ = call::futex_wait(self.0, 0);
        }
        Ok(())
    }
}
