//! The lock of what the threads of a program share inside the SDK: the heap, and the room for mappings.

use crate::raw;
use spin::{Mutex, MutexGuard};

/// Takes a lock. A thread that meets it taken lets its peers run until it is free, so threads that share a heap must
/// have the same priority: one that outranks the holder would wait for ever.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    loop {
        match mutex.try_lock() {
            Some(guard) => return guard,
            None => _ = raw::yield_now(abi::NO_HANDLE, [0; 4]),
        }
    }
}
