//! A process: an address space, a handle table, a quota, and a supervisor that is told of its end.

use crate::dispatch::Priority;
use crate::machine::{Home, Machine, PORT_RANGES, PortRange};
use crate::objects::handle::Table;
use crate::objects::memory::Mappings;
use crate::objects::standing::Standing;
use crate::objects::thread::{Fault, SIBLINGS, Threads};
use crate::tables::{Entry, Link, Members, Name};
use abi::{ExitKind, Rights};

mod quota;
mod spare_frame;

pub use quota::Quota;
pub use spare_frame::SpareFrame;

/// How far a process is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Life {
    /// Alive.
    #[default]
    Alive = 0,
    /// Ended; its supervisor reaps it.
    Dead = 1,
    /// Ending: its threads stop, its sources are unbound, callers that it hasn't answered get an error, and then its
    /// supervisor is told.
    Ending = 2,
}

/// Whether a process ever had a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Past {
    /// It had none, and so it has made nothing.
    New,
    /// It had, and may have made processes.
    HadThreads,
}

/// How a process ended, as its supervisor is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exit {
    /// The message's label.
    pub how: ExitKind,
    /// Exit code or vector, error code, address, instruction pointer.
    pub words: [usize; 4],
}

impl From<Fault> for Exit {
    fn from(fault: Fault) -> Self {
        let words = [fault.vector as usize, fault.error, fault.address, fault.instruction];
        Self { how: ExitKind::Faulted, words }
    }
}

impl Exit {
    /// Takes over another's values word by word. (An assignment becomes a copy by bytes where code is optimised for
    /// size.)
    #[inline(always)]
    pub const fn record(&mut self, Self { how, words: [one, two, three, four] }: Self) {
        self.how = how;
        let [first, second, third, fourth] = &mut self.words;
        (*first, *second, *third, *fourth) = (one, two, three, four);
    }
}

/// What a process got from its maker, for its life.
#[derive(Clone, Copy, Debug)]
pub struct Origin {
    /// The badge of its exit message, and its name in counters.
    pub badge: u16,
    /// Where its exit message goes.
    pub supervisor: Name,
    /// The process that its quota came from.
    pub parent: Name,
    /// The highest priority that it may give to a thread, and that its own threads may have.
    pub ceiling: Priority,
    /// The rights that objects of its making may carry.
    pub grantable: Rights,
}

impl Origin {
    /// Nobody's: a process that the kernel makes.
    pub const NONE: Self = Self {
        badge: 0,
        supervisor: Name::NONE,
        parent: Name::NONE,
        ceiling: Priority::IDLE,
        grantable: Rights::empty(),
    };
}

/// A process.
pub struct Process<M: Machine> {
    /// What the machine needs to run its threads.
    pub home: Home<M::Space>,
    /// How far it is.
    life: Life,
    origin: Origin,
    /// Its part of the handle table.
    pub table: Table,
    /// What it may use and uses.
    pub quota: Quota,
    /// How it stands with the budget that pays for its time.
    pub standing: Standing,
    threads: Members,
    past: Past,
    /// While it is ending, the next thread that is to stop.
    stopping: Link,
    /// The sources that it has bound.
    pub sources: Members,
    /// The Replies that it has taken and not used.
    pub replies: Members,
    /// What is mapped in it.
    pub mappings: Mappings,
    /// A frame on its way to become a page table, or the root of a child.
    pub spare: SpareFrame,
    exit: Exit,
    reap: Reap,
    /// System calls that its former threads made.
    calls: usize,
    /// Processor time of its former threads, in cycles.
    cycles: u64,
}

/// How far an ended process is torn down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reap {
    /// Which table is being gone through.
    pub stage: u8,
    /// Where in it: a slot, or an address.
    pub position: usize,
    /// The descendant that is being torn down, which has to go first. A name, since it may have been reaped by others.
    pub target: Name,
}

impl<M: Machine> Process<M> {
    /// A process without anything.
    pub const fn empty(space: M::Space) -> Self {
        Self {
            home: Home {
                space,
                ports: [PortRange { first: 0, count: 0 }; PORT_RANGES],
                process: 0,
                port_ranges: 0,
                ports_version: 0,
            },
            life: Life::Alive,
            origin: Origin::NONE,
            table: Table::NONE,
            quota: Quota::new(0, 0),
            standing: Standing::on(Link::NONE),
            threads: Members::EMPTY,
            past: Past::New,
            stopping: Link::NONE,
            sources: Members::EMPTY,
            replies: Members::EMPTY,
            mappings: Mappings::EMPTY,
            spare: SpareFrame::NONE,
            exit: Exit { how: ExitKind::Exited, words: [0; 4] },
            reap: Reap { stage: 0, position: 0, target: Name::NONE },
            calls: 0,
            cycles: 0,
        }
    }

    /// A process with an address space, a part of the handle table and a quota.
    pub const fn new(origin: Origin, space: M::Space, table: Table, quota: Quota) -> Self {
        Self { origin, table, quota, ..Self::empty(space) }
    }

    /// What it got from its maker.
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The names that it keeps of objects which may end before it, for the sweep of stale names.
    pub const fn names_mut(&mut self) -> [&mut Name; 3] {
        [&mut self.origin.parent, &mut self.reap.target, &mut self.origin.supervisor]
    }

    /// How far it is.
    pub const fn life(&self) -> Life {
        self.life
    }

    /// How it ended, or is ending.
    pub const fn exit(&self) -> Exit {
        self.exit
    }

    /// Its end begins: its threads are to stop, the first of them first.
    pub const fn begin_end(&mut self, exit: Exit) {
        self.life = Life::Ending;
        self.exit.record(exit);
        self.stopping = self.threads.first();
    }

    /// While it is ending, the next thread that is to stop.
    pub const fn next_to_stop(&self) -> Link {
        self.stopping
    }

    /// The thread that was to stop has stopped.
    pub fn note_stopped(&mut self, threads: &Threads<M::Context>) {
        self.stopping = threads.next::<SIBLINGS>(self.stopping);
    }

    /// How far it is torn down.
    pub const fn reap(&self) -> Reap {
        self.reap
    }

    /// It is torn down from here on next time.
    pub const fn go_on_reaping(&mut self, stage: u8, position: usize) {
        (self.reap.stage, self.reap.position) = (stage, position);
    }

    /// A descendant is torn down next.
    pub const fn reap_first(&mut self, descendant: Name) {
        self.reap.target = descendant;
    }

    /// Nothing of it goes on any more.
    pub const fn finish_end(&mut self) {
        self.life = Life::Dead;
    }

    /// The first of its threads; the others follow it in the list of [`SIBLINGS`].
    pub const fn first_thread(&self) -> Link {
        self.threads.first()
    }

    /// How many threads it has.
    pub const fn thread_count(&self) -> usize {
        self.threads.count()
    }

    /// Whether it ever had a thread.
    pub const fn past(&self) -> Past {
        self.past
    }

    /// A thread is its own from now on.
    pub fn add_thread(&mut self, threads: &mut Threads<M::Context>, link: Link) {
        self.past = Past::HadThreads;
        self.threads.add::<SIBLINGS, _, _>(threads, link);
    }

    /// A thread is no longer its own; the thread's calls and its processor time stay in the account.
    pub fn remove_thread(&mut self, threads: &mut Threads<M::Context>, link: Link, calls: usize, cycles: u64) {
        if self.stopping == link {
            self.note_stopped(threads);
        }
        self.threads.remove::<SIBLINGS, _, _>(threads, link);
        self.calls = self.calls.wrapping_add(calls);
        self.cycles = self.cycles.wrapping_add(cycles);
    }

    /// The calls and the processor time, in cycles, of the threads that it has no more.
    pub const fn former_usage(&self) -> (usize, u64) {
        (self.calls, self.cycles)
    }

    /// The list of its threads, for the tests.
    #[cfg(test)]
    pub fn threads(&self) -> &crate::tables::List {
        self.threads.list()
    }
}

impl<M: Machine> Entry for Process<M> {
    const EMPTY: Self = Self::empty(M::EMPTY_SPACE);
}
