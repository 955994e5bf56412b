//! A lock for what threads of one program share. A thread that finds it taken waits in the kernel, so a thread of any
//! priority may hold it while another of any priority wants it.
//!
//! Waiting threads call an endpoint at which nobody receives, the lock's bell. A thread that gives the lock back while
//! others wait destroys the bell, which ends their calls. A call leaves the caller's right to answer and its
//! uncompleted interrupt alone; receiving would give both up.

mod bell;

use bell::{Bells, Endpoints};
use core::cell::UnsafeCell;
use core::fmt;
use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicU32, Ordering};

pub(crate) use bell::prepare;

/// Lets threads of lower priorities run for a while.
pub(crate) fn pause() {
    Endpoints.pause();
}

/// A value that one thread at a time may use.
///
/// A thread that locks a mutex twice waits for itself. A thread that is destroyed keeps what it has locked.
///
/// ```
/// use bellwire::Mutex;
///
/// static COUNT: Mutex<u32> = Mutex::new(0);
/// *COUNT.lock() += 1;
/// assert_eq!(*COUNT.lock(), 1);
/// ```
#[derive(Default)]
pub struct Mutex<T: ?Sized> {
    lock: Lock,
    value: UnsafeCell<T>,
}

// SAFETY: the mutex owns the value, which may go to another thread.
unsafe impl<T: ?Sized + Send> Send for Mutex<T> {}

// SAFETY: the lock lets one thread at a time reach the value, which is no more than sending it there and back.
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}

/// The use of a [`Mutex`]'s value, which ends when this is dropped.
#[must_use = "the mutex is given back when this is dropped"]
pub struct MutexGuard<'a, T: ?Sized> {
    mutex: &'a Mutex<T>,
    /// Neither `Send` nor `Sync` by itself.
    thread: PhantomData<*mut ()>,
}

// SAFETY: a shared guard gives out `&T` alone.
unsafe impl<T: ?Sized + Sync> Sync for MutexGuard<'_, T> {}

impl<T> Mutex<T> {
    /// Makes a mutex that nobody has locked.
    pub const fn new(value: T) -> Self {
        Self { lock: Lock::new(), value: UnsafeCell::new(value) }
    }

    /// Returns the value.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Waits until no other thread uses the value, and locks it.
    #[inline]
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.lock.lock(&Endpoints);
        MutexGuard { mutex: self, thread: PhantomData }
    }

    /// Locks the value if no thread uses it.
    #[inline]
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        // A guard that is made and dropped would give back the lock of another thread.
        self.lock.try_lock().then(|| MutexGuard { mutex: self, thread: PhantomData })
    }

    /// The value, which nobody else can use as long as the mutex is borrowed.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.try_lock() {
            Some(value) => value.fmt(formatter),
            None => formatter.write_str("(locked)"),
        }
    }
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the guard has the lock, and lends the value as long as it is borrowed itself.
        unsafe { &*self.mutex.value.get() }
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as for `deref`; the guard is borrowed exclusively.
        unsafe { &mut *self.mutex.value.get() }
    }
}

impl<T: ?Sized> Drop for MutexGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.mutex.lock.unlock(&Endpoints);
    }
}

/// Nobody has the lock.
const FREE: u32 = 0;
/// A thread has the lock, and none waits.
const TAKEN: u32 = 1;
/// A thread has the lock, and others may wait.
const AWAITED: u32 = 2;

/// A lock without a value, which any thread may give back.
#[derive(Debug, Default)]
pub(crate) struct Lock {
    state: AtomicU32,
    /// The bell at which threads wait, or 0.
    bell: AtomicU32,
}

impl Lock {
    pub(crate) const fn new() -> Self {
        Self { state: AtomicU32::new(FREE), bell: AtomicU32::new(0) }
    }

    /// A lock that the caller has.
    pub(crate) const fn taken() -> Self {
        Self { state: AtomicU32::new(TAKEN), bell: AtomicU32::new(0) }
    }

    #[inline]
    fn try_lock(&self) -> bool {
        self.state.compare_exchange(FREE, TAKEN, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    #[inline]
    fn lock(&self, bells: &impl Bells) {
        if !self.try_lock() {
            self.wait(bells);
        }
    }

    /// Waits until the lock is the caller's.
    ///
    /// A thread reads the bell's number before it says that it waits. A thread that gives the lock back after that
    /// takes the bell that is there then: either this one, or one that replaced it, and then this one is gone already.
    /// So no thread waits at a bell that nobody will ring.
    #[cold]
    fn wait(&self, bells: &impl Bells) {
        loop {
            let bell = self.bell(bells);
            if self.state.swap(AWAITED, Ordering::SeqCst) == FREE {
                return;
            }
            match bell {
                Some(bell) => bells.wait(bell),
                None => bells.pause(),
            }
        }
    }

    /// The bell's number. Without a bell, makes one, if the kernel has room for it.
    fn bell(&self, bells: &impl Bells) -> Option<u32> {
        match self.bell.load(Ordering::SeqCst) {
            0 => {}
            bell => return Some(bell),
        }
        let new = bells.make()?;
        match self.bell.compare_exchange(0, new, Ordering::SeqCst, Ordering::SeqCst) {
            Ok(_) => Some(new),
            Err(other) => {
                bells.ring(new);
                Some(other)
            }
        }
    }

    #[inline]
    fn unlock(&self, bells: &impl Bells) {
        if self.state.swap(FREE, Ordering::SeqCst) == AWAITED {
            self.wake(bells);
        }
    }

    #[cold]
    fn wake(&self, bells: &impl Bells) {
        match self.bell.swap(0, Ordering::SeqCst) {
            0 => {}
            bell => bells.ring(bell),
        }
    }

    /// Waits until another thread has called [`Lock::open`].
    pub(crate) fn wait_open(&self) {
        self.lock(&Endpoints);
        self.open();
    }

    /// Gives the lock back, for whichever thread took it.
    pub(crate) fn open(&self) {
        self.unlock(&Endpoints);
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // A bell is left where a guard was forgotten, or a thread that waited was ended.
        self.wake(&Endpoints);
    }
}

#[cfg(test)]
mod tests;
