//! Which thread runs next: 64 priorities and one below them, round robin within one.
//!
//! Ready threads stand in one FIFO a priority; a bitmap finds the highest. A preempted thread keeps its turn: it joins
//! a chain of strictly falling priority instead of a queue, so that an interrupt's way to its driver and back touches
//! no queue. Two results are kept up to date for the fast path: the priority that a thread must exceed to run at once,
//! and the thread that runs next, where that is known without a search.

use crate::tables::{Arena, Link, Linked, List};

#[cfg(test)]
mod checks;

/// A thread's priority inside the core: 0 is the idle thread's, 1 is that of threads whose process has used up its
/// share of the CPU, and 2 to 65 stand for the interface's 0 to 63.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Priority(u8);

impl Priority {
    /// The idle thread's, below every program's.
    pub const IDLE: Self = Self(0);
    /// That of threads whose process has used up its share of the CPU, below every other program's.
    pub const LOWERED: Self = Self(1);
    /// The lowest that a program can ask for.
    const LOWEST: Self = Self(2);
    /// The highest.
    pub const HIGHEST: Self = Self(Self::LOWEST.0 + abi::PRIORITIES - 1);
    /// Above every thread: see [`Schedule::bar`].
    const MEASURED: Self = Self(u8::MAX);

    /// The priority of the interface's number.
    pub const fn new(number: usize) -> Option<Self> {
        if number < abi::PRIORITIES as usize { Some(Self(Self::LOWEST.0 + number as u8)) } else { None }
    }

    /// The interface's number; 0 for those that have none.
    pub const fn number(self) -> usize {
        self.0.saturating_sub(Self::LOWEST.0) as usize
    }
}

/// The kind of list that run queues, the chain and an endpoint's queues are. A thread is in one of them at most.
pub const QUEUE: usize = 0;

/// What the schedule needs to know of a thread.
pub trait Schedulable: Linked<QUEUE> {
    /// Its priority.
    fn priority(&self) -> Priority;
    /// Whether it was preempted in the middle of a slice, which goes on when it runs again.
    fn is_in_slice(&self) -> bool;
}

/// The ready threads.
pub struct Schedule {
    ready: [List; Priority::HIGHEST.0 as usize + 1],
    /// Which queues of priorities that programs ask for have threads.
    bitmap: u64,
    chain: List,
    /// The priority that a thread must exceed for the fast path to run it at once. It is the highest in queues and
    /// chain. While the running thread's slice is measured or the watch sleeps, no thread exceeds it: the slow path
    /// keeps slices, and wakes the watch.
    bar: Priority,
    /// The highest priority in the queues; `IDLE` if all are empty.
    queued: Priority,
    /// The highest priority in queues and chain, whatever the bar is.
    highest: Priority,
    slice: Slice,
    wakes: Wakes,
    /// The thread that runs when the running one waits, where that is known without a search: the only preempted
    /// thread, if it outranks all queued threads and isn't in a slice; or the idle thread, if no thread is ready.
    /// Otherwise a link of no thread.
    successor: Link,
    /// What `successor` becomes when that thread is taken.
    second: Link,
    /// What runs when no thread is ready.
    idle: Link,
}

/// Whether the running thread's slice is measured, since a peer is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slice {
    /// No peer is ready: the slice has no end.
    Open,
    /// A peer is ready: the slice ends.
    Measured,
}

/// Which path a thread that becomes ready may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wakes {
    /// The fast path where the case is simple, else the slow path.
    Any,
    /// The slow path, which wakes the watch.
    Slow,
}

impl Schedule {
    /// No thread is ready, not even the idle thread.
    pub const EMPTY: Self = Self {
        ready: [List::EMPTY; Priority::HIGHEST.0 as usize + 1],
        bitmap: 0,
        chain: List::EMPTY,
        bar: Priority::IDLE,
        queued: Priority::IDLE,
        highest: Priority::IDLE,
        slice: Slice::Open,
        wakes: Wakes::Any,
        successor: Link::NONE,
        second: Link::NONE,
        idle: Link::NONE,
    };

    /// Sets the thread that runs when no other is ready.
    pub fn set_idle<T: Schedulable, const N: usize>(&mut self, threads: &Arena<T, N>, idle: Link) {
        self.idle = idle;
        self.refresh(threads);
    }

    /// The highest priority of a thread that waits for the processor.
    #[inline(always)]
    pub const fn highest(&self) -> Priority {
        match self.bar {
            Priority::MEASURED => self.highest,
            bar => bar,
        }
    }

    /// The priority that a thread must exceed for the fast path to run it at once.
    #[inline(always)]
    pub const fn bar(&self) -> Priority {
        self.bar
    }

    /// Sets whether the running thread's slice is measured.
    pub fn set_slice<T: Schedulable, const N: usize>(&mut self, threads: &Arena<T, N>, slice: Slice) {
        if self.slice != slice {
            self.slice = slice;
            self.refresh(threads);
        }
    }

    /// Sets which path a thread that becomes ready may take.
    pub fn set_wakes<T: Schedulable, const N: usize>(&mut self, threads: &Arena<T, N>, wakes: Wakes) {
        if self.wakes != wakes {
            self.wakes = wakes;
            self.refresh(threads);
        }
    }

    /// Which path a thread that becomes ready may take, for the tests.
    #[cfg(test)]
    pub fn wakes(&self) -> Wakes {
        self.wakes
    }

    /// Whether a running thread that is preempted now would be alone in the chain.
    #[inline(always)]
    pub const fn has_no_chain(&self) -> bool {
        self.chain.is_empty()
    }

    /// Preempts the running thread, whose slice isn't measured, while no other thread is preempted.
    #[inline(always)]
    pub const fn preempt_first(&mut self, link: Link, priority: Priority) {
        self.chain.set_only(link);
        self.bar = priority;
        self.successor = link;
    }

    /// The thread that runs when the running one waits; a link that no thread has if a search has to find it.
    #[inline(always)]
    pub const fn successor(&self) -> Link {
        self.successor
    }

    /// Takes the thread that [`Self::successor`] named.
    #[inline(always)]
    pub const fn take_successor(&mut self) {
        self.chain.clear_only();
        self.bar = self.queued;
        self.successor = self.second;
    }

    /// Whether another thread of that priority waits in its queue.
    #[inline(always)]
    pub const fn has_peer(&self, priority: Priority) -> bool {
        match priority {
            Priority::LOWERED => !self.lowered().is_empty(),
            priority => self.bitmap & bit(priority) != 0,
        }
    }

    #[inline(always)]
    const fn lowered(&self) -> &List {
        &self.ready[Priority::LOWERED.0 as usize]
    }

    /// Queues a ready thread behind its peers.
    pub fn enqueue<T: Schedulable, const N: usize>(&mut self, threads: &mut Arena<T, N>, link: Link) {
        let Some(priority) = threads.at(link).map(T::priority) else { return };
        let Some(queue) = self.ready.get_mut(priority.0 as usize) else { return };
        threads.push_back::<QUEUE>(queue, link);
        self.bitmap |= bit(priority);
        self.refresh(threads);
    }

    /// Puts the running thread, which a higher one preempts, at the head of the chain.
    pub fn preempt<T: Schedulable, const N: usize>(&mut self, threads: &mut Arena<T, N>, link: Link) {
        threads.push_front::<QUEUE>(&mut self.chain, link);
        self.refresh(threads);
    }

    /// Takes the next thread to run; none if no thread is ready. A preempted thread goes before its peers.
    pub fn pick<T: Schedulable, const N: usize>(&mut self, threads: &mut Arena<T, N>) -> Link {
        let chained = threads.at(self.chain.head()).map_or(Priority::IDLE, T::priority);
        let queued = self.queued;
        let link = if chained != Priority::IDLE && chained >= queued {
            threads.pop_front::<QUEUE>(&mut self.chain)
        } else {
            match self.ready.get_mut(queued.0 as usize) {
                Some(queue) => {
                    let link = threads.pop_front::<QUEUE>(queue);
                    if queue.is_empty() {
                        self.bitmap &= !bit(queued);
                    }
                    link
                }
                None => Link::NONE,
            }
        };
        self.refresh(threads);
        link
    }

    /// Takes a ready thread out of its queue.
    pub fn remove_ready<T: Schedulable, const N: usize>(&mut self, threads: &mut Arena<T, N>, link: Link) {
        let Some(priority) = threads.at(link).map(T::priority) else { return };
        if let Some(queue) = self.ready.get_mut(priority.0 as usize) {
            threads.unlink::<QUEUE>(queue, link);
            if queue.is_empty() {
                self.bitmap &= !bit(priority);
            }
        }
        self.refresh(threads);
    }

    /// Takes a preempted thread out of the chain.
    pub fn remove_preempted<T: Schedulable, const N: usize>(&mut self, threads: &mut Arena<T, N>, link: Link) {
        threads.unlink::<QUEUE>(&mut self.chain, link);
        self.refresh(threads);
    }

    /// Recomputes the bar and the successor, after each change of queues, chain or slice.
    fn refresh<T: Schedulable, const N: usize>(&mut self, threads: &Arena<T, N>) {
        self.queued = match self.bitmap {
            0 if self.lowered().is_empty() => Priority::IDLE,
            0 => Priority::LOWERED,
            bits => Priority(Priority::LOWEST.0 + bits.ilog2() as u8),
        };
        let first = threads.at(self.chain.head());
        let highest = first.map_or(self.queued, |first| first.priority().max(self.queued));
        self.highest = highest;
        self.second = if self.queued == Priority::IDLE { self.idle } else { Link::NONE };
        (self.bar, self.successor) = match (self.slice, self.wakes, first) {
            (Slice::Measured, _, _) | (_, Wakes::Slow, _) => (Priority::MEASURED, Link::NONE),
            (Slice::Open, Wakes::Any, None) => (highest, self.second),
            (Slice::Open, Wakes::Any, Some(first)) if first.priority() > self.queued && !first.is_in_slice() => {
                (highest, self.chain.only())
            }
            (Slice::Open, Wakes::Any, Some(_)) => (highest, Link::NONE),
        };
    }
}

/// A priority's bit in the bitmap; 0 for one that no program asks for.
const fn bit(priority: Priority) -> u64 {
    match priority.0.checked_sub(Priority::LOWEST.0) {
        Some(number) if number < abi::PRIORITIES => 1 << number,
        _ => 0,
    }
}
