//! A process: an address space, a handle table, a quota, and who hears of its end.

use crate::dispatch::Priority;
use crate::frames::Frame;
use crate::machine::{FramePart, Home, Machine, PORT_RANGES, PortRange};
use crate::tables::{Entry, Link, List, Name, Tree};
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
    /// It is ending: its threads stop, then its sources are unbound, then its supervisor hears of it.
    Ending = 2,
}

/// How a process ended, as its supervisor hears it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exit {
    /// The message's label.
    pub how: ExitKind,
    /// Exit code or vector, error code, address, instruction pointer.
    pub words: [usize; 4],
}

impl Exit {
    /// Becomes what another is, word by word: as a whole it would be copied by bytes, where code is to be small.
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
    /// Frames that it may use.
    pub frames: u32,
    /// Frames that it uses, given-away quota included.
    pub frames_used: u32,
    /// Objects that it may use.
    pub objects: u32,
    /// Objects that it uses, given-away quota included.
    pub objects_used: u32,
}

impl Quota {
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
    /// The first entry of its run in the handle table.
    pub table: u32,
    /// The run's size less one.
    pub table_mask: u32,
    /// The first free entry of the run that was used before, plus one.
    pub table_free: u32,
    /// How many entries of the run were ever used.
    pub table_fresh: u32,
    /// What it may use and uses.
    pub quota: Quota,
    /// The highest priority that it may give to a thread, and that its own threads may have.
    pub ceiling: Priority,
    /// The rights that objects of its making may carry.
    pub makes: Rights,
    /// Its threads.
    pub threads: List,
    /// How many they are.
    pub thread_count: u8,
    /// While it is ending, the next thread that is to stop.
    pub stopping: Link,
    /// The sources that it has bound.
    pub sources: List,
    /// How many they are.
    pub source_count: u8,
    /// What is mapped in it, by address.
    pub mappings: Tree,
    /// How many stretches they are.
    pub mapping_count: u16,
    /// The stretch that was mapped last, as long as it is there.
    pub last_mapped: Link,
    /// The root of its address space.
    pub root: Frame,
    /// A frame on its way to become a page table, or the root of a child.
    pub spare: SpareFrame,
    /// How it ended.
    pub exit: Exit,
    /// Where `reap` goes on.
    pub reap: Reap,
    /// System calls that threads made which it has no more.
    pub calls: usize,
    /// Processor time of those threads, in cycles.
    pub cycles: u64,
}

/// A frame of low memory that is zeroed a part a call, until it is needed as a page table. It is charged to its process
/// from the start, and stays that one's whatever becomes of the call that asked for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpareFrame {
    /// The frame; 0 for none.
    pub frame: Frame,
    /// How many of its parts are zeroed.
    pub zeroed: u8,
}

impl SpareFrame {
    /// There is none.
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
            table: 0,
            table_mask: 0,
            table_free: 0,
            table_fresh: 0,
            quota: Quota { frames: 0, frames_used: 0, objects: 0, objects_used: 0 },
            ceiling: Priority::IDLE,
            makes: Rights::empty(),
            threads: List::EMPTY,
            thread_count: 0,
            stopping: Link::NONE,
            sources: List::EMPTY,
            source_count: 0,
            mappings: Tree::EMPTY,
            mapping_count: 0,
            last_mapped: Link::NONE,
            root: Frame(0),
            spare: SpareFrame::NONE,
            exit: Exit { how: ExitKind::Exited, words: [0; 4] },
            reap: Reap { stage: 0, position: 0, target: Name::NONE },
            calls: 0,
            cycles: 0,
        }
    }
}

impl<M: Machine> Process<M> {
    /// How far it is.
    pub const fn life(&self) -> Life {
        self.life
    }

    /// Its end begins: its threads are to stop, the first of them first.
    pub const fn begin_end(&mut self, exit: Exit) {
        self.life = Life::Ending;
        self.exit.record(exit);
        self.stopping = self.threads.head();
    }

    /// Nothing of it goes on any more.
    pub const fn finish_end(&mut self) {
        self.life = Life::Dead;
    }
}

impl<M: Machine> Entry for Process<M> {
    const EMPTY: Self = Self::empty(M::EMPTY_SPACE);
}
