//! The stacks of spawned threads, which are given back once their threads have nothing more to do on them.

use crate::lock::Lock;
use crate::{Mapping, Memory, Mutex, Result, Thread};
use abi::{Access, Rights};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem::ManuallyDrop;
use core::sync::atomic::{AtomicBool, Ordering};

/// The memory of a stack. It is destroyed when this is dropped.
pub struct Stack {
    memory: ManuallyDrop<Memory>,
    mapping: ManuallyDrop<Mapping>,
}

impl Stack {
    pub fn new(bytes: usize) -> Result<Self> {
        let memory = Memory::new(bytes)?;
        let mapping = memory.map(Access::READ | Access::WRITE);
        // A program that guesses the number of the handle that stays can neither map the stack again nor copy the
        // handle.
        match mapping.and_then(|mapping| Ok((memory.copy(Rights::DESTROY)?, mapping))) {
            Ok((memory, mapping)) => {
                Ok(Self { memory: ManuallyDrop::new(memory), mapping: ManuallyDrop::new(mapping) })
            }
            Err(error) => memory.destroy().and(Err(error)),
        }
    }

    /// Leaves the stack mapped for good, and closes its handle.
    fn leave(mut self) {
        // SAFETY: `self` is forgotten, so nothing drops it again.
        drop(unsafe { ManuallyDrop::take(&mut self.memory) });
        core::mem::forget(self);
    }

    /// Its end, where a thread's stack pointer begins.
    pub fn top(&self) -> usize {
        self.mapping.address() + self.mapping.len()
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: this is the only place that drops it, once.
        unsafe { ManuallyDrop::drop(&mut self.mapping) };
        // SAFETY: as above.
        let memory = unsafe { ManuallyDrop::take(&mut self.memory) };
        // An error here means that the memory is gone already.
        let _ = memory.destroy();
    }
}

/// How far a spawned thread is.
#[derive(Debug)]
pub struct Running {
    /// Taken until the thread's function has returned.
    function: Lock,
    /// Set by the thread's last access to any memory but its stack.
    over: AtomicBool,
}

impl Running {
    pub const fn new() -> Self {
        Self { function: Lock::taken(), over: AtomicBool::new(false) }
    }

    /// Waits until the thread's function has returned.
    pub fn wait(&self) {
        self.function.wait_open();
    }

    /// Whether the thread only has its stack left.
    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// Says that the calling thread's function has returned. From here on the thread uses only its stack, until it has
    /// exited.
    pub fn end(self: Arc<Self>) {
        self.function.open();
        let over = Arc::as_ptr(&self);
        // There is another one: the spawning thread's, which goes into the list of stacks.
        drop(self);
        // SAFETY: the list of stacks keeps the other one until this store.
        unsafe { &*over }.over.store(true, Ordering::Release);
    }
}

struct Kept {
    thread: Thread,
    stack: Stack,
    running: Arc<Running>,
}

static KEPT: Mutex<Vec<Kept>> = Mutex::new(Vec::new());

/// Keeps the stack of a thread until the thread is over.
pub fn keep(thread: Thread, stack: Stack, running: Arc<Running>) {
    KEPT.lock().push(Kept { thread, stack, running });
}

/// Leaves the stack of a thread that was ended within its function, and closes the handles that belong to it.
pub fn leave(running: &Arc<Running>) {
    let mut kept = KEPT.lock();
    let Some(at) = kept.iter().position(|kept| Arc::ptr_eq(&kept.running, running)) else { return };
    let Kept { stack, .. } = kept.swap_remove(at);
    drop(kept);
    stack.leave();
}

/// Gives back the stacks of all threads that are over.
pub fn sweep() {
    loop {
        let mut kept = KEPT.lock();
        let Some(at) = kept.iter().position(|kept| kept.running.is_over()) else { return };
        let Kept { thread, stack, running } = kept.swap_remove(at);
        drop(kept);
        // It has nothing to do any more but to exit. An error means that it has.
        let _ = thread.destroy();
        drop((stack, running));
    }
}
