//! Threads.

mod stacks;

use crate::handle::handle_type;
use crate::{Endpoint, Handle, ReceiveRight, Result, lock, raw};
use abi::{Operation, Options, Register};
use alloc::boxed::Box;
use alloc::sync::Arc;
use stacks::{Running, Stack};

handle_type! {
    @exclusive
    /// A thread of this process or another. The thread goes on when this is dropped.
    Thread
}

impl Thread {
    /// Makes a thread of this process that will begin at `entry` with its stack pointer at `stack`. Its faults go to
    /// the endpoint with a badge; without one they end the process.
    ///
    /// # Safety
    /// 1. The code at `entry` is written to be a thread's first, with whatever words the thread is started.
    /// 2. `stack` is the end of memory that is the thread's alone as long as it lives, with an unmapped guard below.
    pub unsafe fn new(entry: usize, stack: usize, priority: u8, faults: Option<(&Endpoint, u8)>) -> Result<Self> {
        lock::prepare()?;
        // SAFETY: the caller answers for code and stack.
        unsafe { create(abi::NO_HANDLE, entry, stack, priority, faults) }
    }

    /// Starts a thread of this process that runs a function. Its stack has `stack_bytes` bytes, rounded up to pages,
    /// and an unmapped guard below.
    ///
    /// The function gets the thread's right to receive, with which it makes its [`crate::Server`], if it has one. When
    /// the function returns, the thread ends, and its stack is given back at the latest when the next thread is
    /// spawned.
    pub fn spawn(
        priority: u8,
        stack_bytes: usize,
        run: impl FnOnce(ReceiveRight) + Send + 'static,
    ) -> Result<SpawnedThread> {
        stacks::sweep();
        let stack = Stack::new(stack_bytes)?;
        let running = Arc::new(Running::new());
        let run: Box<dyn FnOnce(ReceiveRight) + Send> = Box::new(run);
        let work = Box::into_raw(Box::new(Work { run, running: running.clone() }));
        // SAFETY: `first` is written to be a thread's first code, and nobody else has the stack. The handle goes to the
        // caller once the thread has been started, and a thread is started once.
        let thread = unsafe { Self::new(first as *const () as usize, stack.top(), priority, None) };
        let started = thread.and_then(|thread| {
            let handle = thread.copy(crate::Rights::all());
            match handle.and_then(|handle| thread.start([work as usize, 0, 0, 0]).map(|()| handle)) {
                Ok(handle) => Ok((thread, handle)),
                Err(error) => thread.destroy().and(Err(error)),
            }
        });
        match started {
            Ok((thread, handle)) => {
                stacks::keep(handle, stack, running.clone());
                Ok(SpawnedThread { thread, running })
            }
            Err(error) => {
                // SAFETY: this came from `Box::into_raw`, and no thread has started that would take it.
                drop(unsafe { Box::from_raw(work) });
                Err(error)
            }
        }
    }

    /// Starts a stopped thread with these words in its message registers.
    pub fn start(&self, words: [usize; 4]) -> Result<()> {
        // SAFETY: the maker of a thread of this process has said that its code takes any words; what threads of other
        // processes do is those processes' concern.
        unsafe { raw::thread_start(self.raw(), words) }.map(drop)
    }

    /// Reads a register of a thread that isn't running.
    pub fn register(&self, register: Register) -> Result<usize> {
        Ok(raw::thread_read(self.raw(), [register as usize, 0, 0, 0])?.words[0])
    }

    /// Changes a register of a thread that isn't running.
    ///
    /// # Safety
    /// In this process, the thread's code is written to go on with that.
    pub unsafe fn set_register(&self, register: Register, value: usize) -> Result<()> {
        // SAFETY: the caller answers for it.
        unsafe { raw::thread_write(self.raw(), [register as usize, value, 0, 0]) }.map(drop)
    }

    /// Changes a thread's priority, within the ceilings of both processes.
    pub fn set_priority(&self, priority: u8) -> Result<()> {
        raw::thread_priority(self.raw(), [priority as usize, 0, 0, 0]).map(drop)
    }

    /// Takes over a handle's number.
    ///
    /// # Safety
    /// 1. No other code owns the handle.
    /// 2. If the thread is of this process, it was made as [`Thread::new`] wants it.
    pub const unsafe fn from_raw(number: u32) -> Self {
        Self::installed(number as usize)
    }
}

/// Makes a thread in a process (`NO_HANDLE`: this one).
///
/// # Safety
/// In this process, as for [`Thread::new`].
pub(crate) unsafe fn create(
    process: u32,
    entry: usize,
    stack: usize,
    priority: u8,
    faults: Option<(&Endpoint, u8)>,
) -> Result<Thread> {
    let (faults, badge) = faults.map_or((abi::NO_HANDLE, 0), |(endpoint, badge)| (endpoint.raw(), badge));
    let words = [entry, stack, priority as usize, faults as usize];
    // SAFETY: the caller answers for code and stack.
    let message = unsafe { raw::invoke_any(Operation::ThreadCreate, process, badge, Options::empty(), words) };
    Ok(Thread::installed(raw::checked(message)?.words[0]))
}

/// A thread that runs a function, see [`Thread::spawn`]. It goes on when this is dropped.
#[derive(Debug)]
pub struct SpawnedThread {
    thread: Thread,
    running: Arc<Running>,
}

impl SpawnedThread {
    /// Waits until the thread's function has returned. Waits for ever where the thread has ended in another way
    /// ([`thread_exit`]).
    pub fn join(self) {
        self.running.wait();
        stacks::sweep();
    }

    /// Whether the thread's function has returned.
    pub fn is_finished(&self) -> bool {
        self.running.is_over()
    }

    /// Ends the thread wherever it is. What it owned stays as it is, a lock that it had stays locked, and its stack
    /// isn't given back: what lies there may be pinned.
    pub fn destroy(self) -> Result<()> {
        stacks::sweep();
        self.thread.destroy()?;
        stacks::leave(&self.running);
        Ok(())
    }

    /// Changes the thread's priority, within the ceiling of the process.
    pub fn set_priority(&self, priority: u8) -> Result<()> {
        self.thread.set_priority(priority)
    }
}

/// What a spawned thread is to do.
struct Work {
    run: Box<dyn FnOnce(ReceiveRight) + Send>,
    running: Arc<Running>,
}

/// A spawned thread's first instructions: the address of its [`Work`] arrives in the message registers.
#[unsafe(naked)]
unsafe extern "C" fn first() -> ! {
    crate::naked_start!(begin)
}

/// Runs the thread's function, then ends the thread.
///
/// # Safety
/// `work` came from `Box::into_raw` and is this thread's alone. The thread has no other [`ReceiveRight`].
unsafe extern "C" fn begin(work: *mut Work, _: usize) -> ! {
    // SAFETY: the caller gives it to this thread alone.
    let work = unsafe { Box::from_raw(work) };
    let Work { run, running } = *work;
    // SAFETY: this is the thread's first and only one.
    run(unsafe { ReceiveRight::assume() });
    running.end();
    thread_exit()
}

/// Ends the calling thread; the last thread's end is the process's. What the thread owns isn't dropped, and its stack
/// isn't given back: a thread that was spawned better returns from its function.
pub fn thread_exit() -> ! {
    loop {
        let _ = raw::thread_exit(abi::NO_HANDLE, [0; 4]);
    }
}

/// A right to receive is its thread's, so it can't be taken along into another:
///
/// ```compile_fail,E0277
/// # use bellwire::{ReceiveRight, Thread};
/// fn share(right: ReceiveRight) {
///     let _ = Thread::spawn(10, 4096, move |_| drop(right));
/// }
/// ```
///
/// ```compile_fail,E0277
/// # use bellwire::{Server, Thread};
/// fn share(mut server: Server) {
///     let _ = Thread::spawn(10, 4096, move |_| drop(server.poll().map(drop)));
/// }
/// ```
#[cfg(doctest)]
struct OneThread;
