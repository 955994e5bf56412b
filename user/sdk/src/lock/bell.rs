//! What the threads of a lock wait at.

use crate::handle::Scoped;
use crate::{Handle, Instant, Result, raw};
use abi::split;
use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;

/// The kernel's part of a lock; a model of it in tests.
pub trait Bells {
    /// Makes a bell, and returns its number, which isn't 0.
    fn make(&self) -> Option<u32>;

    /// Waits until a bell is rung. Returns at once if it was.
    fn wait(&self, bell: u32);

    /// Wakes all threads that wait at a bell. The bell is gone with that.
    fn ring(&self, bell: u32);

    /// Lets other threads run for a while, for a thread that found no room for a bell.
    fn pause(&self);
}

/// Bells that are endpoints at which nobody receives.
pub struct Endpoints;

/// How long a thread pauses that found no room for a bell.
const PAUSE: Duration = Duration::from_micros(200);

/// An endpoint at which nobody receives and that is never destroyed, or 0: see [`Endpoints::pause`].
static SILENT: AtomicU32 = AtomicU32::new(abi::NO_HANDLE);

/// Makes what a lock needs where the kernel has no room for bells, before a program has a second thread.
pub fn prepare() -> Result<()> {
    if SILENT.load(Ordering::Relaxed) == abi::NO_HANDLE {
        let endpoint = Scoped::new(crate::Endpoint::new()?);
        if SILENT.compare_exchange(abi::NO_HANDLE, endpoint.raw(), Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            endpoint.keep().into_raw();
        }
    }
    Ok(())
}

impl Bells for Endpoints {
    fn make(&self) -> Option<u32> {
        Some(raw::endpoint_create(abi::NO_HANDLE, [0; 4]).ok()?.words[0] as u32)
    }

    fn wait(&self, bell: u32) {
        // Any error ends the wait: the endpoint is gone, or goes meanwhile.
        // SAFETY: the bell is the lock's, and nobody receives there.
        let _ = unsafe { raw::call(bell, [0; 4]) };
    }

    fn ring(&self, bell: u32) {
        // SAFETY: the caller took the bell's number out of the lock, so nobody else destroys or closes it.
        while unsafe { raw::destroy(bell, [0; 4]) }.is_ok_and(|message| message.words[0] != 0) {}
        // SAFETY: as above.
        let _ = unsafe { raw::handle_close(bell, [0; 4]) };
    }

    fn pause(&self) {
        let silent = SILENT.load(Ordering::Relaxed);
        let [low, high] = split((Instant::now() + PAUSE).cycles());
        if silent == abi::NO_HANDLE || raw::deadline(abi::NO_HANDLE, [low, high, 0, 0]).is_err() {
            // A thread that the SDK didn't make: its maker gave the program no lock that waits.
            let _ = raw::yield_now(abi::NO_HANDLE, [0; 4]);
            core::hint::spin_loop();
        } else {
            // SAFETY: the endpoint is this module's, and nobody receives there.
            let _ = unsafe { raw::call(silent, [0; 4]) };
        }
    }
}
