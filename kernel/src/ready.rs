//! Becoming ready: run queues, slices and the deadlines of threads. Nothing here switches.

use crate::dispatch::{DeadlineOf, Next, Priority, Slice};
use crate::kernel::{Kernel, NEVER};
use crate::machine::{Machine, Time};
use crate::objects::thread::State;
use crate::tables::Link;

/// The slices of a second: a thread runs for 10 ms before a peer of its priority gets its turn.
pub(crate) const SLICES_PER_SECOND: u64 = 100;

/// The pauses of a slice: 2.4 microseconds pass before the timer raises the next trap, if more is due already.
const PAUSES_PER_SLICE: u64 = 4096;

impl<M: Machine> Kernel<M> {
    /// A thread becomes ready, behind its peers.
    pub(crate) fn enqueue(&mut self, link: Link) {
        if let Some(thread) = self.threads.at_mut(link) {
            thread.become_ready();
        }
        self.schedule.enqueue(&mut self.threads, link);
        self.begin_slice_if_shared();
    }

    /// Makes ready the thread that a step has decided to run next, for a trap that has more to do before its tail.
    pub(crate) fn make_ready(&mut self, next: Next) {
        match next {
            Next::Scheduled => {}
            Next::Woken(link) | Next::HandOver(link) => self.enqueue(link),
        }
    }

    /// The running thread goes behind its peers.
    pub(crate) fn yield_turn(&mut self) {
        self.set_slice_end(NEVER);
        let Some(thread) = self.threads.at(self.current) else { return };
        if thread.state() == State::RUNNING && self.current != self.idle {
            self.enqueue(self.current);
        }
    }

    /// The running thread's slice begins once a peer is ready.
    pub(crate) fn begin_slice_if_shared(&mut self) {
        let priority = self.threads.at(self.current).map_or(Priority::IDLE, |thread| thread.priority());
        if self.slice_end == NEVER && self.schedule.has_peer(priority) {
            self.set_slice_end(self.now.0.saturating_add(self.slice_cycles));
        }
    }

    pub(crate) fn set_slice_end(&mut self, end: u64) {
        self.slice_end = end;
        self.schedule.set_slice(&self.threads, if end == NEVER { Slice::Open } else { Slice::Measured });
    }

    /// When the timer raises the next trap for work that is cut into slices: some microseconds from now.
    pub(crate) fn after_pause(&self) -> u64 {
        self.now.0.saturating_add(self.slice_cycles / PAUSES_PER_SLICE)
    }

    /// Sets the deadline that a program asks for. A deadline that has passed becomes due now, behind those that are due
    /// already: a trap serves only the earliest, so that a program that sets deadlines in the past again and again
    /// would keep all others waiting.
    pub(crate) fn set_deadline(&mut self, owner: DeadlineOf, deadline: Time) {
        self.deadlines.set(owner, deadline.max(self.now));
        if let DeadlineOf::Thread(link) = owner
            && let Some(thread) = self.threads.at_mut(link)
        {
            thread.begin_deadline();
        }
    }

    /// Clears a thread's deadline, if it has one: its rank is its priority again.
    #[inline(never)]
    pub(crate) fn clear_deadline(&mut self, thread: Link) {
        if self.deadlines.clear(DeadlineOf::Thread(thread))
            && let Some(thread) = self.threads.at_mut(thread)
        {
            thread.end_deadline();
        }
    }
}
