//! A process: an address space, a handle table, a quota, and a supervisor that is told of its end.

use crate::dispatch::Priority;
use crate::frames::Frame;
use crate::machine::{FramePart, Home, Machine, PORT_RANGES, PortRange};
use crate::objects::handle::Table;
use crate::objects::memory::Mappings;
use crate::objects::standing::Standing;
use crate::objects::thread::{Fault, SIBLINGS, Threads};
use crate::tables::{Arena, Entry, Link, Linked, List, Name};
use abi::{ExitKind, Rights};

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

/// What a process may use and uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    frames: u32,
    frames_used: u32,
    objects: u32,
    objects_used: u32,
}

impl Quota {
    /// That many frames and objects, of which none is used.
    pub const fn new(frames: u32, objects: u32) -> Self {
        Self { frames, frames_used: 0, objects, objects_used: 0 }
    }

    /// Frames that the process may use.
    pub const fn frames(&self) -> u32 {
        self.frames
    }

    /// Frames that it uses, given-away quota included.
    pub const fn frames_used(&self) -> u32 {
        self.frames_used
    }

    /// Objects that it may use.
    pub const fn objects(&self) -> u32 {
        self.objects
    }

    /// Objects that it uses, given-away quota included.
    pub const fn objects_used(&self) -> u32 {
        self.objects_used
    }

    /// Lets the process use more frames.
    pub const fn grow(&mut self, frames: u32) {
        self.frames = self.frames.saturating_add(frames);
    }

    /// Gives up frames and objects that are used: they are in this quota no more, and another's use from now on.
    pub const fn cede(&mut self, frames: u32, objects: u32) {
        self.frames = self.frames.saturating_sub(frames);
        self.frames_used = self.frames_used.saturating_sub(frames);
        self.objects = self.objects.saturating_sub(objects);
        self.objects_used = self.objects_used.saturating_sub(objects);
    }

    /// Charges frames and objects, or leaves everything as it was.
    pub fn charge(&mut self, frames: u32, objects: u32) -> Option<()> {
        let frames_used = self.frames_used.checked_add(frames).filter(|used| *used <= self.frames)?;
        let objects_used = self.objects_used.checked_add(objects).filter(|used| *used <= self.objects)?;
        self.frames_used = frames_used;
        self.objects_used = objects_used;
        Some(())
    }

    /// Takes a charge back.
    pub fn refund(&mut self, frames: u32, objects: u32) {
        self.frames_used = self.frames_used.saturating_sub(frames);
        self.objects_used = self.objects_used.saturating_sub(objects);
    }
}

/// A process.
pub struct Process<M: Machine> {
    /// What the machine needs to run its threads.
    pub home: Home<M::Space>,
    /// How far it is.
    life: Life,
    /// The badge of its exit message, and its name in counters.
    pub badge: u16,
    /// Where its exit message goes.
    pub supervisor: Name,
    /// The process that its quota came from.
    pub parent: Name,
    /// Its part of the handle table.
    pub table: Table,
    /// What it may use and uses.
    pub quota: Quota,
    /// How it stands with the budget that pays for its time.
    pub standing: Standing,
    /// The highest priority that it may give to a thread, and that its own threads may have.
    pub ceiling: Priority,
    /// The rights that objects of its making may carry.
    pub grantable: Rights,
    threads: Members,
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
    /// Where `reap` goes on.
    pub reap: Reap,
    /// System calls that its former threads made.
    calls: usize,
    /// Processor time of its former threads, in cycles.
    cycles: u64,
}

/// Objects that belong to a process: a list of them, and its length.
#[derive(Clone, Copy, Debug)]
pub struct Members {
    list: List,
    count: u16,
}

impl Members {
    /// There are none.
    pub const EMPTY: Self = Self { list: List::EMPTY, count: 0 };

    /// The first of them.
    pub const fn first(&self) -> Link {
        self.list.head()
    }

    /// How many there are.
    pub const fn count(&self) -> usize {
        self.count as usize
    }

    /// Adds an object. The caller has compared [`Members::count`] with its limit, which is at most 65,535.
    pub fn add<const KIND: usize, T: Linked<KIND>, const N: usize>(&mut self, table: &mut Arena<T, N>, link: Link) {
        table.push_back::<KIND>(&mut self.list, link);
        self.count += 1;
    }

    /// Takes out an object that is one of them.
    pub fn remove<const KIND: usize, T: Linked<KIND>, const N: usize>(&mut self, table: &mut Arena<T, N>, link: Link) {
        table.unlink::<KIND>(&mut self.list, link);
        self.count = self.count.saturating_sub(1);
    }

    /// The list, for the tests.
    #[cfg(test)]
    pub fn list(&self) -> &List {
        &self.list
    }
}

/// A frame of low memory that becomes a page table once all its parts are zeroed, one a call. It is charged to its
/// process from the start, and stays with the process even if the call that asked for it fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpareFrame {
    /// The frame; 0 for none.
    pub frame: Frame,
    /// How many of its parts are zeroed.
    pub zeroed: u8,
}

impl SpareFrame {
    /// No frame.
    pub const NONE: Self = Self { frame: Frame(0), zeroed: 0 };

    /// A frame that is zeroed.
    pub const fn ready(frame: Frame) -> Self {
        Self { frame, zeroed: FramePart::COUNT }
    }

    /// The frame, if it is zeroed.
    pub fn take(&mut self) -> Option<Frame> {
        let ready = self.frame != Frame(0) && self.zeroed >= FramePart::COUNT;
        ready.then(|| core::mem::replace(self, Self::NONE).frame)
    }
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
            badge: 0,
            supervisor: Name::NONE,
            parent: Name::NONE,
            table: Table::NONE,
            quota: Quota::new(0, 0),
            standing: Standing::on(Link::NONE),
            ceiling: Priority::IDLE,
            grantable: Rights::empty(),
            threads: Members::EMPTY,
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

    /// A thread is its own from now on.
    pub fn add_thread(&mut self, threads: &mut Threads<M::Context>, link: Link) {
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
    pub fn threads(&self) -> &List {
        self.threads.list()
    }
}

impl<M: Machine> Entry for Process<M> {
    const EMPTY: Self = Self::empty(M::EMPTY_SPACE);
}
