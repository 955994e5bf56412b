//! The stacks of spawned threads, which are given back once their threads have nothing more to do on them.

use crate::handle::Scoped;
use crate::lock::{self, Lock};
use crate::{Error, Mapping, Memory, Mutex, Result, Thread};
use abi::{Access, Register, Rights};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::marker::PhantomData;
use core::sync::atomic::{AtomicBool, Ordering};

/// The memory of a stack. It is unmapped and destroyed when this is dropped.
#[derive(Debug)]
pub struct Stack {
    mapping: Mapping,
    memory: Scoped<Memory>,
}

impl Stack {
    pub fn new(bytes: usize) -> Result<Self> {
        let memory = Scoped::new(Memory::new(bytes)?);
        let mapping = memory.map(Access::READ | Access::WRITE)?;
        // A program that guesses the number of the handle that stays can neither map the stack again nor copy the
        // handle.
        let handle = memory.copy(Rights::DESTROY)?;
        drop(memory.keep());
        Ok(Self { mapping, memory: Scoped::new(handle) })
    }

    /// Its end, where a thread's stack pointer begins.
    pub const fn top(&self) -> usize {
        self.mapping.address() + self.mapping.len()
    }

    /// Puts a value at its end, for the thread that is to run on it.
    ///
    /// # Panics
    /// If the stack has no room for it.
    pub fn put<T>(&mut self, value: T) -> Put<'_, T> {
        let address = (self.top() - size_of::<T>()) & !(align_of::<T>() - 1);
        assert!(address >= self.mapping.address(), "the value is larger than the stack");
        let place = address as *mut T;
        // SAFETY: the place is aligned, inside the mapping, and nothing else is there: the stack is borrowed.
        unsafe { place.write(value) };
        Put { place, stack: PhantomData }
    }

    /// Leaves the stack mapped for good, and closes its handle.
    fn leave(self) {
        let Self { mapping, memory } = self;
        core::mem::forget(mapping);
        drop(memory.keep());
    }
}

/// A value at the end of a stack. It is dropped with this unless a thread takes it.
pub struct Put<'a, T> {
    place: *mut T,
    stack: PhantomData<&'a mut Stack>,
}

impl<T> Put<'_, T> {
    /// Where it is. A thread's stack pointer may begin there.
    pub fn address(&self) -> usize {
        self.place as usize
    }

    /// Leaves it to the thread.
    pub fn hand_over(self) {
        core::mem::forget(self);
    }
}

impl<T> Drop for Put<'_, T> {
    fn drop(&mut self) {
        // SAFETY: `put` wrote the value, and no thread has taken it.
        unsafe { self.place.drop_in_place() };
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

    /// Waits until the thread only has its stack left. When its function has returned, a few instructions are left to
    /// it, which take their time if the waiting thread outranks it.
    pub fn wait_over(&self) {
        self.function.wait_open();
        while !self.is_over() {
            lock::pause();
        }
    }

    /// Whether the thread only has its stack left.
    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// Says that the calling thread's function has returned. From here on the thread uses only its stack, until it has
    /// exited.
    ///
    /// # Safety
    /// `running` is the calling thread's. The list of stacks, or the thread that spawns this one, keeps it until it is
    /// over.
    pub unsafe fn end(running: *const Self) {
        // SAFETY: it is kept at least until the store, after which nothing here uses it.
        let running = unsafe { &*running };
        running.function.open();
        running.over.store(true, Ordering::Release);
    }
}

struct Kept {
    /// A handle of the list's own, which can't be copied.
    thread: Thread,
    stack: Stack,
    running: Arc<Running>,
}

static KEPT: Mutex<Vec<Kept>> = Mutex::new(Vec::new());

/// Keeps the stack of a thread until the thread is over.
pub fn keep(thread: Thread, stack: Stack, running: Arc<Running>) {
    KEPT.lock().push(Kept { thread, stack, running });
}

/// Gives back the stack of a thread that has been destroyed.
///
/// # Safety
/// The thread doesn't run any more, and nothing refers to what lies on its stack.
pub unsafe fn give_back(running: &Arc<Running>) {
    drop(take(|kept| Arc::ptr_eq(&kept.running, running)));
}

/// Gives back the stacks of all threads that are over. A thread that has exited within its function, or was ended by
/// others, leaves its stack behind, since what lies there may be pinned: then only the handles are closed.
pub fn sweep() {
    while let Some(Kept { thread, stack, running }) = take(|kept| kept.running.is_over() || kept.is_gone()) {
        if running.is_over() {
            // It has nothing to do any more but to exit. An error means that it has.
            let _ = thread.destroy();
            drop(stack);
        } else {
            stack.leave();
        }
    }
}

/// Takes one out of the list, whose lock is free again when this returns.
fn take(which: impl Fn(&Kept) -> bool) -> Option<Kept> {
    let mut kept = KEPT.lock();
    let at = kept.iter().position(which)?;
    Some(kept.swap_remove(at))
}

impl Kept {
    fn is_gone(&self) -> bool {
        self.thread.register(Register::Ip) == Err(Error::BadHandle)
    }
}
