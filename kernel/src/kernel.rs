//! The state of one CPU's kernel, and the questions and small steps that all rooms above share.

use crate::account::{Account, TraceKind};
use crate::dispatch::{Deadlines, Schedule, Watch};
use crate::frames::Frames;
use crate::machine::{Context, Home, Machine, Resume, Time};
use crate::objects::endpoint::Endpoint;
use crate::objects::event::Events;
use crate::objects::handle::Handles;
use crate::objects::lines::Lines;
use crate::objects::memory::{MappedRanges, Memory};
use crate::objects::pace::Pace;
use crate::objects::ports::Ports;
use crate::objects::process::Process;
use crate::objects::reply::Reply;
use crate::objects::source::Source;
use crate::objects::thread::Threads;
use crate::objects::timer::Timer;
use crate::tables::sizes::{ENDPOINTS, INTERRUPTS, MEMORIES, PORTS, PROCESSES, REPLIES, TIMERS};
use crate::tables::{Arena, Link, Tree};
use abi::Tag;

/// No deadline.
pub(crate) const NEVER: u64 = u64::MAX;

/// The state of one CPU's kernel.
pub struct Kernel<M: Machine> {
    pub(crate) threads: Threads<M::Context>,
    pub(crate) processes: Arena<Process<M>, PROCESSES>,
    pub(crate) endpoints: Arena<Endpoint, ENDPOINTS>,
    pub(crate) interrupts: Arena<Source, INTERRUPTS>,
    /// Each source's, in the source's slot; nothing is ever inserted.
    pub(crate) paces: Arena<Pace, INTERRUPTS>,
    pub(crate) timers: Arena<Timer, TIMERS>,
    pub(crate) memories: Arena<Memory, MEMORIES>,
    pub(crate) mappings: MappedRanges,
    pub(crate) ports: Arena<Ports, PORTS>,
    pub(crate) replies: Arena<Reply, REPLIES>,
    /// Every object that can post has its slot from the start; nothing is ever inserted.
    pub(crate) events: Events,
    pub(crate) handles: Handles,
    /// The claimed ranges of ports.
    pub(crate) claimed_ports: Tree,
    /// The claimed device memory.
    pub(crate) claimed_memory: Tree,
    /// The source that claimed each line.
    pub(crate) lines: Lines,
    pub(crate) schedule: Schedule,
    pub(crate) deadlines: Deadlines,
    pub(crate) frames: Frames,
    /// The running thread.
    pub(crate) current: Link,
    /// The thread that runs when no other can.
    pub(crate) idle: Link,
    /// The object that root handles name.
    pub(crate) root: Link,
    /// When the running thread has to let its peers run; `NEVER` if it has none.
    pub(crate) slice_end: u64,
    /// The length of a slice, which is also the window that a budget's credit is for.
    pub(crate) slice_cycles: u64,
    pub(crate) watch: Watch,
    /// The time that the one-shot timer is set to.
    pub(crate) armed: u64,
    /// The earliest time that the timer may be set to.
    pub(crate) not_before: u64,
    /// The time of the trap, or of the last switch.
    pub(crate) now: Time,
    pub(crate) port_versions: u32,
    pub(crate) sweep: Sweep,
    pub(crate) account: Account,
}

/// How far the sweep for stale names is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sweep {
    /// Creations since the last step.
    pub creations: u32,
    /// The place that the next step begins at.
    pub place: u32,
}

impl<M: Machine> Kernel<M> {
    /// A kernel whose tables are empty, all zeros, for [`Kernel::initialise`].
    pub const EMPTY: Self = Self {
        threads: Arena::EMPTY,
        processes: Arena::EMPTY,
        endpoints: Arena::EMPTY,
        interrupts: Arena::EMPTY,
        paces: Arena::EMPTY,
        timers: Arena::EMPTY,
        memories: Arena::EMPTY,
        mappings: Arena::EMPTY,
        ports: Arena::EMPTY,
        replies: Arena::EMPTY,
        events: Arena::EMPTY,
        handles: Handles::EMPTY,
        claimed_ports: Tree::EMPTY,
        claimed_memory: Tree::EMPTY,
        lines: Lines::EMPTY,
        schedule: Schedule::EMPTY,
        deadlines: Deadlines::EMPTY,
        frames: Frames::EMPTY,
        current: Link::NONE,
        idle: Link::NONE,
        root: Link::NONE,
        slice_end: 0,
        slice_cycles: 0,
        watch: Watch::EMPTY,
        armed: 0,
        not_before: 0,
        now: Time(0),
        port_versions: 0,
        sweep: Sweep { creations: 0, place: 0 },
        account: Account::ZERO,
    };

    /// The counters and the trace.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// The running thread's registers; the idle thread's if that runs.
    #[inline(always)]
    pub fn running(&self) -> Option<&M::Context> {
        self.threads.at(self.current).map(|thread| &thread.context)
    }

    /// The saved registers of all threads, for tests that look at the machine from outside.
    #[cfg(any(test, feature = "fake"))]
    pub fn contexts(&self) -> impl Iterator<Item = &M::Context> {
        let live = |index| self.threads.live(Link::new(index));
        (0..self.threads.extent()).filter_map(live).map(|thread| &thread.context)
    }

    /// The home of the running thread's process.
    pub fn running_home(&self) -> Option<&Home<M::Space>> {
        let thread = self.threads.at(self.current)?;
        self.processes.at(thread.process).map(|process| &process.home)
    }

    /// The running thread's registers, if it isn't the idle thread.
    pub fn current_context(&mut self) -> Option<&mut M::Context> {
        if self.current == self.idle {
            return None;
        }
        self.threads.at_mut(self.current).map(|thread| &mut thread.context)
    }

    /// Writes the message that the running thread resumes with to its saved registers.
    #[inline(always)]
    pub fn save(&mut self, resume: Resume) {
        if let Resume::With(message) = resume
            && let Some(thread) = self.threads.at_mut(self.current)
        {
            thread.context.set_message(message);
        }
    }

    /// A version that no process's ports had before.
    pub(crate) fn next_ports_version(&mut self) -> u32 {
        self.port_versions = self.port_versions.wrapping_add(1);
        self.port_versions
    }

    /// Sets the message registers of a thread.
    pub(crate) fn set_message(&mut self, link: Link, message: abi::Message) {
        if let Some(thread) = self.threads.at_mut(link) {
            thread.context.set_message(message);
        }
    }

    /// Marks a call that returns nothing as done.
    pub(crate) fn set_done(&mut self, caller: Link) {
        if let Some(thread) = self.threads.at_mut(caller) {
            thread.context.set_tag(Tag::DONE);
        }
    }

    /// Counts and traces a call of the running thread.
    #[inline(always)]
    pub(crate) fn note_call(&mut self, caller: Link, tag: Tag, now: Time) {
        self.account.calls = self.account.calls.wrapping_add(1);
        self.account.trace(TraceKind::Call, now, caller, tag.0);
        if let Some(thread) = self.threads.at_mut(caller) {
            thread.count_call();
        }
    }

    /// Reads the clock: the time of the trap, or of the switch.
    #[inline(always)]
    pub(crate) fn read_clock(&mut self, machine: &mut M) -> Time {
        self.now = machine.now();
        self.now
    }

    /// Adds an entry about the running thread to the trace.
    pub(crate) fn trace(&mut self, kind: TraceKind, detail: u32) {
        self.account.trace(kind, self.now, self.current, detail);
    }
}
