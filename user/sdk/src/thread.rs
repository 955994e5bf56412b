//! Threads.

use crate::handle::handle_type;
use crate::{Endpoint, Handle, Mapping, Memory, Process, Result, raw};
use abi::{Access, Operation, Options, Register};
use alloc::boxed::Box;

handle_type! {
    /// A thread of this process or another.
    Thread
}

impl Thread {
    /// Makes a thread in a process (nothing: this one) that will start at an address with a stack. Its faults go to
    /// the endpoint with a badge; without one they end the process.
    ///
    /// # Safety
    /// In this process, the code at `entry` must be written to be a thread's first, and `stack` be the end of memory
    /// that is the thread's alone.
    pub unsafe fn new(
        process: Option<&Process>,
        entry: usize,
        stack: usize,
        priority: u8,
        faults: Option<(&Endpoint, u8)>,
    ) -> Result<Self> {
        let process = process.map_or(abi::NO_HANDLE, Handle::raw);
        let (faults, badge) = faults.map_or((abi::NO_HANDLE, 0), |(endpoint, badge)| (endpoint.raw(), badge));
        let words = [entry, stack, priority as usize, faults as usize];
        let message = raw::checked(raw::invoke(Operation::ThreadCreate, process, badge, Options::empty(), words))?;
        Ok(Self::from_raw(message.words[0] as u32))
    }

    /// Starts a thread of this process that runs a function. Its stack stays as long as the process.
    ///
    /// Threads that use the heap should have the same priority: one that finds it in use only lets its peers run.
    pub fn spawn(priority: u8, stack_bytes: usize, run: impl FnOnce() + Send + 'static) -> Result<Self> {
        let stack = Memory::new(stack_bytes)?.map(Access::READ | Access::WRITE)?;
        let top = stack.address() + stack.len();
        let run: Box<dyn FnOnce() + Send> = Box::new(run);
        let work = Box::into_raw(Box::new(Work { run, stack }));
        // SAFETY: `first` is written to be a thread's first code, and nobody else has the stack.
        let thread = unsafe { Self::new(None, first as *const () as usize, top, priority, None) };
        let started = thread.and_then(|thread| thread.start([work as usize, 0, 0, 0]).map(|()| thread));
        if started.is_err() {
            // SAFETY: this came from `Box::into_raw`, and no thread has started that would take it.
            drop(unsafe { Box::from_raw(work) });
        }
        started
    }

    /// Starts it with these words in its message registers.
    pub fn start(&self, words: [usize; 4]) -> Result<()> {
        raw::thread_start(self.raw(), words).map(drop)
    }

    /// Reads a register of a thread that isn't running.
    pub fn register(&self, register: Register) -> Result<usize> {
        Ok(raw::thread_read(self.raw(), [register as usize, 0, 0, 0])?.words[0])
    }

    /// Changes a thread's priority, within the ceilings of both processes.
    pub fn set_priority(&self, priority: u8) -> Result<()> {
        raw::thread_priority(self.raw(), [priority as usize, 0, 0, 0]).map(drop)
    }
}

/// What a spawned thread is to do, and on what.
struct Work {
    run: Box<dyn FnOnce() + Send>,
    stack: Mapping,
}

/// A spawned thread's first instructions: the address of its [`Work`] arrives in the message registers.
#[unsafe(naked)]
extern "C" fn first() -> ! {
    crate::naked_start!(begin)
}

extern "C" fn begin(work: *mut Work, _: usize) -> ! {
    // SAFETY: `spawn` made this by `Box::into_raw` and gave it to this thread alone.
    let work = unsafe { Box::from_raw(work) };
    let Work { run, stack } = *work;
    // The thread is still running on it when it ends.
    core::mem::forget(stack);
    run();
    thread_exit()
}

/// Ends the calling thread; the last thread's end is the process's.
pub fn thread_exit() -> ! {
    loop {
        let _ = raw::thread_exit(abi::NO_HANDLE, [0; 4]);
    }
}
