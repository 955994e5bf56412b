//! Whether some task can go on because it was woken.

use crate::raw;
use alloc::sync::Arc;
use alloc::task::Wake;
use core::sync::atomic::{AtomicU8, Ordering};

/// The bit of the notify word by which a thread wakes the thread of the tasks.
pub const WAKE: u32 = 1 << 31;

/// The tasks are being polled.
const RUNNING: u8 = 0;
/// A task was woken since they were.
const WOKEN: u8 = 1;
/// Their thread receives, or is about to.
const WAITING: u8 = 2;
/// There are no tasks any more.
const GONE: u8 = 3;

/// What a waker of a task sets, from any thread.
pub struct Woken {
    state: AtomicU8,
    endpoint: u32,
}

impl Woken {
    pub fn new(endpoint: u32) -> Self {
        Self { state: AtomicU8::new(RUNNING), endpoint }
    }

    /// The tasks are polled from now on. What was woken before is polled with them.
    pub fn begin(&self) {
        self.state.store(RUNNING, Ordering::SeqCst);
    }

    /// The thread is about to receive, unless a task was woken since [`Woken::begin`]. From here on a waker notifies.
    pub fn wait(&self) -> bool {
        self.state.compare_exchange(RUNNING, WAITING, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }

    /// No waker notifies the endpoint any more.
    pub fn end(&self) {
        self.state.store(GONE, Ordering::SeqCst);
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let wake = |state| (state != GONE).then_some(WOKEN);
        if self.state.fetch_update(Ordering::SeqCst, Ordering::SeqCst, wake) == Ok(WAITING) {
            // Without the right to notify, the task goes on with the next event.
            let _ = raw::notify(self.endpoint, [WAKE as usize, 0, 0, 0]);
        }
    }
}
