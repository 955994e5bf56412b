//! Which thread runs next: 64 priorities, round robin within one.
//!
//! Ready threads stand in one FIFO a priority; a bitmap finds the highest. A preempted thread keeps its turn: it joins
//! a chain of strictly falling priority instead of a queue, so that an interrupt's way to its driver and back touches
//! no queue. Two results are kept up to date for the fast path: the priority that a thread must exceed to run at once,
//! and the thread that runs next, where that is known without a search.

use crate::tables::{Arena, Link, Linked, List};

#[cfg(test)]
mod checks;

/// A thread's priority inside the core: 0 is the idle thread's, 1 to 64 stand for the interface's 0 to 63.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Priority(u8);

impl Priority {
    /// The idle thread's, below every program's.
    pub const IDLE: Self = Self(0);
    /// The highest.
    pub const HIGHEST: Self = Self(abi::PRIORITIES);
    /// Above every thread: see [`Schedule::bar`].
    const MEASURED: Self = Self(u8::MAX);

    /// The priority of the interface's number.
    pub const fn new(number: usize) -> Option<Self> {
        if number < abi::PRIORITIES as usize { Some(Self(number as u8 + 1)) } else { None }
    }

    /// The interface's number; 0 for the idle thread too.
    pub const fn number(self) -> usize {
        self.0.saturating_sub(1) as usize
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
    ready: [List; abi::PRIORITIES as usize + 1],
    bitmap: u64,
    chain: List,
    /// The priority that a thread must exceed to run at once without beginning or keeping a slice: the highest in
    /// queues and chain, or more than any thread has while the running thread's slice is measured.
    bar: Priority,
    /// The highest priority in the queues; `IDLE` if all are empty.
    queued: Priority,
    /// The highest in queues and chain, which the bar doesn't say while a slice is measured.
    behind_the_bar: Priority,
    slice: Slice,
    /// The thread that runs when the running one waits, if only the chain changes by that: the only preempted thread,
    /// if it outranks all queued threads and isn't in a slice, or the idle thread if no thread is ready. Otherwise a
    /// link that no thread has.
    successor: Link,
    /// The successor that the successor has.
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

impl Schedule {
    /// No thread is ready, not even the idle thread.
    pub const EMPTY: Self = Self {
        ready: [List::EMPTY; abi::PRIORITIES as usize + 1],
        bitmap: 0,
        chain: List::EMPTY,
        bar: Priority::IDLE,
        queued: Priority::IDLE,
        behind_the_bar: Priority::IDLE,
        slice: Slice::Open,
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
        match self.slice {
            Slice::Open => self.bar,
            Slice::Measured => self.behind_the_bar,
        }
    }

    /// The priority that a thread must exceed to run at once without beginning or keeping a slice.
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
        priority.0 != 0 && self.bitmap & (1 << (priority.0 - 1)) != 0
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
        self.queued = Priority(64 - self.bitmap.leading_zeros() as u8);
        let first = threads.at(self.chain.head());
        let highest = first.map_or(self.queued, |first| first.priority().max(self.queued));
        self.behind_the_bar = highest;
        self.second = if self.queued == Priority::IDLE { self.idle } else { Link::NONE };
        (self.bar, self.successor) = match (self.slice, first) {
            (Slice::Measured, _) => (Priority::MEASURED, Link::NONE),
            (Slice::Open, None) => (highest, self.second),
            (Slice::Open, Some(first)) if first.priority() > self.queued && !first.is_in_slice() => {
                (highest, self.chain.only())
            }
            (Slice::Open, Some(_)) => (highest, Link::NONE),
        };
    }
}

/// A priority's bit in the bitmap; 0 for the idle thread, which is never queued.
const fn bit(priority: Priority) -> u64 {
    match priority.0 {
        0 => 0,
        number => 1 << (number - 1),
    }
}
