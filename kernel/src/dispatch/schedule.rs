//! Who runs next: 64 priorities, round robin within one.
//!
//! Ready threads stand in one FIFO a priority; a bitmap finds the highest. A thread that was preempted keeps its turn:
//! it joins a chain of strictly falling priority instead of a queue, so that the way from an interrupt to its driver
//! and back touches no queue. Two things are kept ready for the fast path: a number that tells
//! whether a thread may run at once, and who runs next if that is plain to see.

use crate::tables::{Arena, Link, Linked, List};

/// A thread's priority inside the core: 0 is the idle thread's, 1 to 64 stand for the interface's 0 to 63.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Priority(u8);

impl Priority {
    /// Below every thread of a program.
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

/// The kind of list that run queues, the chain and an endpoint's queues are; a thread is in one at most.
pub const QUEUE: usize = 0;

/// What the schedule needs to know of a thread.
pub trait Schedulable: Linked<QUEUE> {
    /// Its priority.
    fn priority(&self) -> Priority;
    /// Whether a slice of its own goes on when it runs again.
    fn is_in_slice(&self) -> bool;
}

/// The ready threads.
pub struct Schedule {
    ready: [List; abi::PRIORITIES as usize + 1],
    bitmap: u64,
    chain: List,
    /// What a thread's priority must exceed to run at once, with nobody's slice to be begun or kept: the highest that
    /// waits in queues and chain, or more than there is while the running thread's slice is measured.
    bar: Priority,
    /// The highest priority in the queues; `IDLE` if all are empty.
    queued: Priority,
    /// The highest in queues and chain, while the bar doesn't tell.
    behind_the_bar: Priority,
    slice: Slice,
    /// Who runs when the running thread waits, where nothing but the chain changes by that: the only preempted thread,
    /// if it outranks all that are queued and isn't in a slice, or the idle thread if nobody is ready. Otherwise a link
    /// that no thread has.
    successor: Link,
    /// The successor that the successor has.
    second: Link,
    /// What runs when nobody is ready.
    idle: Link,
}

/// Whether the running thread has to make room for a peer at some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slice {
    /// It may run on.
    Open,
    /// It has an end.
    Measured,
}

impl Schedule {
    /// Nobody is ready, not even the idle thread.
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

    /// Tells what runs when nobody is ready.
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

    /// What a thread's priority must exceed for it to run at once, with nobody's slice to be begun or kept.
    #[inline(always)]
    pub const fn bar(&self) -> Priority {
        self.bar
    }

    /// The running thread's slice began or ended.
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

    /// The running thread, whose slice isn't measured, is preempted, and nobody else is: its place touches nobody's.
    #[inline(always)]
    pub const fn preempt_first(&mut self, link: Link, priority: Priority) {
        self.chain.set_only(link);
        self.bar = priority;
        self.successor = link;
    }

    /// Who runs when the running thread waits; no thread's link if that isn't plain to see.
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

    /// A thread becomes ready: it goes behind its peers.
    pub fn enqueue<T: Schedulable, const N: usize>(&mut self, threads: &mut Arena<T, N>, link: Link) {
        let Some(priority) = threads.at(link).map(T::priority) else { return };
        let Some(queue) = self.ready.get_mut(priority.0 as usize) else { return };
        threads.push_back::<QUEUE>(queue, link);
        self.bitmap |= bit(priority);
        self.refresh(threads);
    }

    /// A running thread is preempted by a higher one: it keeps its turn.
    pub fn preempt<T: Schedulable, const N: usize>(&mut self, threads: &mut Arena<T, N>, link: Link) {
        threads.push_front::<QUEUE>(&mut self.chain, link);
        self.refresh(threads);
    }

    /// Takes the next thread to run; none if nobody is ready. A preempted thread goes before its peers.
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

    /// A ready thread is no longer to run.
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

    /// A preempted thread is no longer to run.
    pub fn remove_preempted<T: Schedulable, const N: usize>(&mut self, threads: &mut Arena<T, N>, link: Link) {
        threads.unlink::<QUEUE>(&mut self.chain, link);
        self.refresh(threads);
    }

    /// The preempted threads, highest first, for checks.
    pub const fn chain(&self) -> &List {
        &self.chain
    }

    /// The queue of a priority, for checks.
    pub fn queue(&self, priority: Priority) -> Option<&List> {
        self.ready.get(priority.0 as usize)
    }

    /// Works out anew what is kept ready, after any change of queues, chain or slice.
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

/// The bitmap's bit of a priority; none for the idle thread, which is never queued.
const fn bit(priority: Priority) -> u64 {
    match priority.0 {
        0 => 0,
        number => 1 << (number - 1),
    }
}
