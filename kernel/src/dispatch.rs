//! Which thread runs next, and when something is due: priorities, the ready threads, budgets, and deadlines. Nothing
//! here knows what a thread is beyond [`Schedulable`].

mod budget;
mod deadlines;
mod schedule;
mod watch;

#[cfg(test)]
pub use budget::MOST_WINDOWS;
pub use budget::{Budget, Since};
pub use deadlines::{DeadlineOf, Deadlines};
pub use schedule::{Priority, QUEUE, Schedulable, Schedule, Slice, Wakes};
pub use watch::{Load, Turn, Watch, Watched};

use crate::tables::Link;

/// A trap's decision about which thread runs when the kernel is left. Steps return it; only the tail of the trap
/// carries it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "the thread that it names is in no queue"]
pub enum Next {
    /// The running thread if it can still run and no ready thread outranks it, else the highest ready thread.
    Scheduled,
    /// This thread can run now and is in no queue: it runs at once if it outranks the running thread and all that are
    /// ready, else in its turn. A link of no thread means [`Self::Scheduled`].
    Woken(Link),
    /// This thread, which is in no queue, runs in the place of the running one, which waits for it.
    HandOver(Link),
}
