//! Who runs next: 64 priorities, round robin within one.
//!
//! Ready threads stand in one FIFO a priority; a bitmap finds the highest. A thread that was preempted keeps its turn:
//! it joins a chain of strictly falling priority instead of a queue, so that the way from an interrupt to its driver
//! and back touches no queue. One cached number covers both, and tells whether a thread may run at once.

use crate::arena::{Arena, Link, Linked, List};

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
}

/// The ready threads.
pub struct Schedule {
    ready: [List; abi::PRIORITIES as usize + 1],
    bitmap: u64,
    chain: List,
    /// The highest priority in the queues; `IDLE` if all are empty.
    queued: Priority,
    /// The highest priority in queues and chain; `IDLE` if both are empty.
    highest: Priority,
    /// What a thread's priority must exceed to run without a look at anything else: the highest, or more than there is
    /// while the running thread's slice is being measured.
    bar: Priority,
    slice: Slice,
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
    /// Nobody is ready.
    pub const EMPTY: Self = Self {
        ready: [List::EMPTY; abi::PRIORITIES as usize + 1],
        bitmap: 0,
        chain: List::EMPTY,
        queued: Priority::IDLE,
        highest: Priority::IDLE,
        bar: Priority::IDLE,
        slice: Slice::Open,
    };

    /// The highest priority of a thread that waits for the processor.
    #[inline(always)]
    pub const fn highest(&self) -> Priority {
        self.highest
    }

    /// What a thread's priority must exceed for it to run at once, with nobody's slice to be begun or kept.
    #[inline(always)]
    pub const fn bar(&self) -> Priority {
        self.bar
    }

    /// The running thread's slice began or ended.
    pub fn set_slice(&mut self, slice: Slice) {
        self.slice = slice;
        self.set_highest(self.highest);
    }

    /// Whether a running thread that is preempted now would be alone in the chain.
    #[inline(always)]
    pub const fn has_no_chain(&self) -> bool {
        self.chain.is_empty()
    }

    /// The running thread, whose slice isn't measured, is preempted, and nobody else is: its place touches nobody's.
    #[inline(always)]
    pub const fn preempt_first(&mut self, link: Link, priority: Priority) {
        self.chain = List::of(link);
        self.highest = priority;
        self.bar = priority;
    }

    /// The next thread to run, if it is the only preempted one and outranks all that are queued; none if it isn't as
    /// simple as that.
    #[inline(always)]
    pub fn sole_preempted<T: Schedulable, const N: usize>(&self, threads: &Arena<T, N>) -> Link {
        match self.chain.only() {
            Some(link) => match threads.at(link) {
                Some(thread) if thread.priority() > self.queued && self.bar != Priority::MEASURED => link,
                _ => Link::NONE,
            },
            None => Link::NONE,
        }
    }

    /// Whether nobody is ready, and nobody's slice is being measured.
    #[inline(always)]
    pub fn is_idle(&self) -> bool {
        self.chain.is_empty() && self.bar == Priority::IDLE
    }

    /// Takes the thread that [`Self::sole_preempted`] named.
    #[inline(always)]
    pub const fn take_sole_preempted(&mut self) {
        self.chain = List::EMPTY;
        self.highest = self.queued;
        self.bar = self.queued;
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
        self.queued = self.queued.max(priority);
        self.set_highest(self.highest.max(priority));
    }

    /// A running thread is preempted by a higher one: it keeps its turn.
    pub fn preempt<T: Schedulable, const N: usize>(&mut self, threads: &mut Arena<T, N>, link: Link) {
        let Some(priority) = threads.at(link).map(T::priority) else { return };
        threads.push_front::<QUEUE>(&mut self.chain, link);
        self.set_highest(self.highest.max(priority));
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

    fn refresh<T: Schedulable, const N: usize>(&mut self, threads: &Arena<T, N>) {
        let chained = threads.at(self.chain.head()).map_or(Priority::IDLE, T::priority);
        self.queued = Priority(64 - self.bitmap.leading_zeros() as u8);
        self.set_highest(chained.max(self.queued));
    }

    fn set_highest(&mut self, highest: Priority) {
        self.highest = highest;
        self.bar = match self.slice {
            Slice::Open => highest,
            Slice::Measured => Priority::MEASURED,
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
