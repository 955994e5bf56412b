//! What a thread has used: processor time, and calls.

use super::Thread;
use crate::machine::Time;

impl<C> Thread<C> {
    /// The processor is its own from now on.
    #[inline(always)]
    pub const fn begin_time(&mut self, now: Time) {
        self.cycles = self.cycles.wrapping_sub(now.0);
    }

    /// The processor isn't its own any more.
    #[inline(always)]
    pub const fn end_time(&mut self, now: Time) {
        self.cycles = self.cycles.wrapping_add(now.0);
    }

    /// The processor time that it has used, in cycles; `now` if it runs.
    pub const fn used_cycles(&self, now: Option<Time>) -> u64 {
        match now {
            Some(now) => self.cycles.wrapping_add(now.0),
            None => self.cycles,
        }
    }

    /// It made a system call.
    #[inline(always)]
    pub const fn count_call(&mut self) {
        self.calls = self.calls.wrapping_add(1);
    }

    /// System calls that it made.
    pub const fn calls(&self) -> usize {
        self.calls
    }
}
