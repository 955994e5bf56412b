//! Threads.

mod call_thread;
mod stacks;

pub use call_thread::CallThread;

use crate::handle::{Scoped, handle_type};
use crate::{Endpoint, Handle, ReceiveRight, Result, lock, raw};
use abi::{Operation, Options, PAGE_BYTES, Register, Rights};
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
    /// 3. Who gets the handle, or a copy, may end the thread at any instruction.
    pub unsafe fn new(entry: usize, stack: usize, priority: u8, faults: Option<(&Endpoint, u8)>) -> Result<Self> {
        lock::prepare()?;
        // SAFETY: the caller answers for code and stack.
        unsafe { create(abi::NO_HANDLE, entry, stack, priority, faults) }
    }

    /// Starts a thread of this process that runs a function. Its stack has `stack_bytes` bytes, rounded up to pages,
    /// and an unmapped guard below. What the function has captured lies there too.
    ///
    /// The function gets the thread's right to receive, with which it makes its [`crate::Server`], if it has one. When
    /// the function returns, the thread ends, and its stack is given back at the latest when the next thread is
    /// spawned.
    ///
    /// What is captured can't be aligned to more than a page, which the compiler says:
    ///
    /// ```compile_fail,E0080
    /// # use bellwire::Thread;
    /// #[repr(align(8192))]
    /// struct Aligned(u8);
    ///
    /// # fn main() {
    /// let captured = Aligned(1);
    /// let _ = Thread::spawn(10, 4096, move |_| drop(captured));
    /// # }
    /// ```
    ///
    /// [`crate::Error::BadArgument`] for a stack of no bytes, [`crate::Error::NoMemory`] where the quota has too few
    /// frames or objects, [`crate::Error::Priority`] above the process's ceiling. After an error nothing is left
    /// behind.
    pub fn spawn<F: FnOnce(ReceiveRight) + Send + 'static>(
        priority: u8,
        stack_bytes: usize,
        run: F,
    ) -> Result<SpawnedThread> {
        stacks::sweep();
        // A function that has captured much doesn't take the room from what it does. What it has captured is there
        // twice: the thread moves it to where the function has it.
        const { assert!(align_of::<F>() <= PAGE_BYTES, "what is captured is aligned to more than a page") };
        let room = size_of::<Work<F>>().saturating_add(align_of::<Work<F>>());
        let captured = if room > LARGEST_CAPTURED { room.saturating_mul(2) } else { 0 };
        let mut stack = Stack::new(if stack_bytes == 0 { 0 } else { stack_bytes.saturating_add(captured) })?;
        let running = Arc::new(Running::new());
        let work = stack.put(Work { run, running: Arc::as_ptr(&running) });
        // SAFETY: `first` is written to be a thread's first code, and nobody else has the stack. The handle goes to the
        // caller once the thread has been started, and a thread is started once.
        let thread = unsafe { Self::new(first::<F> as *const () as usize, work.address(), priority, None) }?;
        let thread = Scoped::new(thread);
        let handle = thread.copy(Rights::THREAD | Rights::DESTROY)?;
        thread.start([work.address(), 0, 0, 0])?;
        work.hand_over();
        stacks::keep(handle, stack, running.clone());
        Ok(SpawnedThread { thread: thread.keep(), running })
    }

    /// Starts a stopped thread with these words in its message registers.
    pub fn start(&self, words: [usize; 4]) -> Result<()> {
        // SAFETY: the maker of a thread of this process has said that its code takes any words; what threads of other
        // processes do is those processes' concern.
        unsafe { raw::thread_start(self.raw(), words) }.map(drop)
    }

    /// Reads a register of a thread that isn't running. [`crate::Error::Busy`] for the calling thread.
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

    /// Changes a thread's priority: 0 is the lowest, 63 the highest. [`crate::Error::Priority`] above the ceiling of
    /// either process.
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
    /// Waits until the thread's function has returned, and gives its stack back. Waits for ever where the thread has
    /// ended in another way ([`thread_exit`]).
    pub fn join(self) {
        self.running.wait_over();
        stacks::sweep();
    }

    /// Whether the thread's function has returned.
    pub fn is_finished(&self) -> bool {
        self.running.is_over()
    }

    /// Ends the thread wherever it is, and gives its stack back. What its function has captured or made isn't dropped,
    /// and a lock that it had stays locked. [`crate::Error::Busy`] for the calling thread itself.
    ///
    /// There is no safe form: code may rely on it that a value which is pinned or lent out stays where it is until it
    /// is dropped. Have a thread return from its function instead. To give up a call that it waits for, make that call
    /// by a [`crate::CallThread`].
    ///
    /// # Safety
    /// 1. No other code refers to what lies on the thread's stack, and nothing there is pinned.
    /// 2. What the thread may be doing can be cut off at any instruction. It holds no lock that others will want; the
    ///    heap has one, so it neither allocates nor frees.
    pub unsafe fn destroy(self) -> Result<()> {
        stacks::sweep();
        match self.thread.destroy() {
            // It has ended by itself: the sweep sees to it.
            Err(crate::Error::BadHandle) => stacks::sweep(),
            // SAFETY: the thread is gone, and the caller says that nothing refers to its stack.
            result => result.map(|()| unsafe { stacks::give_back(&self.running) })?,
        }
        Ok(())
    }

    /// Changes the thread's priority: 0 is the lowest, 63 the highest. [`crate::Error::Priority`] above the process's
    /// ceiling.
    pub fn set_priority(&self, priority: u8) -> Result<()> {
        self.thread.set_priority(priority)
    }
}

/// How many bytes a function may have captured that count as a part of its stack.
const LARGEST_CAPTURED: usize = PAGE_BYTES / 16;

/// What a spawned thread is to do. It lies at the end of the thread's stack.
struct Work<F> {
    run: F,
    running: *const Running,
}

/// A spawned thread's first instructions: the address of its [`Work`] arrives in the message registers.
#[unsafe(naked)]
unsafe extern "C" fn first<F: FnOnce(ReceiveRight)>() -> ! {
    crate::naked_start!(begin::<F>)
}

/// Runs the thread's function, then ends the thread.
///
/// # Safety
/// `work` is this thread's alone, and lives until it is read. The thread has no other [`ReceiveRight`].
unsafe extern "C" fn begin<F: FnOnce(ReceiveRight)>(work: *const Work<F>, _: usize) -> ! {
    // SAFETY: the caller gives it to this thread alone.
    let Work { run, running } = unsafe { work.read() };
    // SAFETY: this is the thread's first and only one.
    run(unsafe { ReceiveRight::assume() });
    // SAFETY: it is this thread's. `spawn` keeps it, then the list of stacks does.
    unsafe { Running::end(running) };
    thread_exit()
}

/// Ends the calling thread; the last thread's end is the process's. What the thread owns isn't dropped, and its stack
/// isn't given back, since something there may be pinned. Let a thread that was spawned return from its function.
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

#[cfg(test)]
mod tests;
