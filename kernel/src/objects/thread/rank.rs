//! What decides whether a thread may run: its priority, and whether the fast path may run it.

use super::{Fault, Sent, Thread};
use crate::dispatch::Priority;

impl<C> Thread<C> {
    /// The priority that it runs with.
    #[inline(always)]
    pub const fn priority(&self) -> Priority {
        self.priority
    }

    /// The priority that was asked for.
    pub const fn asked_priority(&self) -> Priority {
        self.asked
    }

    /// Whether it runs below the priority that was asked for.
    pub fn is_lowered(&self) -> bool {
        self.priority == Priority::LOWERED
    }

    /// Its priority, but [`Priority::IDLE`] while it has a deadline or waits for the answer to a fault.
    #[inline(always)]
    pub const fn rank(&self) -> Priority {
        self.rank
    }

    /// Another priority is asked for. It runs with that unless it is lowered.
    pub fn ask_priority(&mut self, priority: Priority) {
        self.asked = priority;
        if !self.is_lowered() {
            self.set_priority(priority);
        }
    }

    /// Its process has used up its share of the CPU.
    pub fn lower(&mut self) {
        self.set_priority(Priority::LOWERED);
    }

    /// Its process has a share left: it runs with the priority that was asked for.
    pub fn restore(&mut self) {
        self.set_priority(self.asked);
    }

    fn set_priority(&mut self, priority: Priority) {
        self.rank = if self.rank == Priority::IDLE { Priority::IDLE } else { priority };
        self.priority = priority;
    }

    /// It waits with a deadline.
    pub const fn begin_deadline(&mut self) {
        self.rank = Priority::IDLE;
    }

    /// It has no deadline any more.
    pub const fn end_deadline(&mut self) {
        self.rank = self.priority;
    }

    /// It raised an exception, and waits for its handler's answer.
    #[inline(always)]
    pub fn begin_fault(&mut self, fault: Fault) {
        self.sent = Sent::Fault;
        self.rank = Priority::IDLE;
        // If the handler dies, the next one has to be told too.
        self.fault = fault;
    }

    /// It waits for no answer to a fault any more, nor does it have a deadline.
    pub fn end_fault(&mut self) {
        self.sent = Sent::Call;
        self.rank = self.priority;
    }

    /// What it sent, while it waits for a reply.
    #[inline(always)]
    pub const fn sent(&self) -> Sent {
        self.sent
    }

    /// The fault that it sent last.
    pub const fn fault(&self) -> Fault {
        self.fault
    }
}
