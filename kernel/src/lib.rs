//! Bellwire's portable core: every trap becomes a message.
//!
//! A trap goes in ([`Kernel::interrupt`], [`Kernel::call`], [`Kernel::fault`], [`Kernel::timer`]), a decision comes
//! out: which thread's registers the CPU resumes, and what stands in its message registers. The core is a state
//! machine in safe Rust without globals; what it needs of the hardware it asks of a [`machine::Machine`], so the same code runs
//! in ring 0 and in host tests.
//!
//! To follow an interrupt, read [`interrupt`] and then [`endpoint`]. Calls begin in `call.rs`; who runs next is
//! decided here, in `Kernel::finish` and what it calls. What happens most has a shorter way with the same outcome, in
//! `fast.rs`.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

#[cfg(any(test, feature = "small-tables"))]
extern crate std;

pub mod account;
pub mod arena;
pub mod boot;
mod call;
pub mod deadline;
mod destroy;
mod diagnosis;
pub mod endpoint;
mod exit;
pub mod fast;
mod fault;
pub mod handle;
mod info;
pub mod interrupt;
pub mod machine;
mod map;
pub mod memory;
mod objects;
pub mod process;
mod process_calls;
mod reap;
pub mod schedule;
pub mod sizes;
pub mod thread;
pub mod timer;

use account::{Account, TraceKind};
use arena::{Arena, Link, Tree};
use deadline::Deadlines;
use endpoint::{EVENTS, Endpoint, EventSlot};
use handle::Handles;
use interrupt::Interrupt;
use machine::{Context, Machine, Time};
use memory::Frames;
use process::{MappedRange, Memory, Ports, ProcessEntry, Reply};
use schedule::{Priority, Schedule, Slice};
use sizes::*;
use thread::{State, Thread};
use timer::Timer;

/// How long a thread runs before a peer of its priority gets its turn, in parts of a second.
const SLICES_PER_SECOND: u64 = 100;

/// How long the timer pauses before it raises a trap for what is due already, in parts of such a slice: 2.4 microseconds.
const PAUSES_PER_SLICE: u64 = 4096;

/// No deadline.
const NEVER: u64 = u64::MAX;

/// The state of one CPU's kernel.
pub struct Kernel<M: Machine> {
    threads: Arena<Thread<M::Context>, THREADS>,
    processes: Arena<ProcessEntry<M>, PROCESSES>,
    endpoints: Arena<Endpoint, ENDPOINTS>,
    interrupts: Arena<Interrupt, INTERRUPTS>,
    timers: Arena<Timer, TIMERS>,
    memories: Arena<Memory, MEMORIES>,
    mappings: Arena<MappedRange, MAPPINGS>,
    ports: Arena<Ports, PORTS>,
    replies: Arena<Reply, REPLIES>,
    /// Never inserted into: every object that can post has its slot from the start.
    events: Arena<EventSlot, EVENTS>,
    handles: Handles,
    /// The claimed ranges of ports.
    claimed_ports: Tree,
    /// The claimed device memory.
    claimed_memory: Tree,
    /// The source that claimed each line.
    lines: [Link; LINES],
    schedule: Schedule,
    deadlines: Deadlines,
    frames: Frames,
    /// The running thread.
    current: Link,
    /// What runs when nobody else does.
    idle: Link,
    /// The object that root handles name.
    root: Link,
    /// When the running thread has to make room for its peers; `NEVER` if it has none.
    slice_end: u64,
    slice_cycles: u64,
    /// What the one-shot timer is set to.
    armed: u64,
    /// The timer isn't set to an earlier time.
    not_before: u64,
    /// The time of the trap, or of the last switch.
    now: Time,
    /// A call is being carried out: threads that become ready wait for its end.
    in_call: bool,
    port_versions: u32,
    account: Account,
}

impl<M: Machine> Kernel<M> {
    /// A kernel without anything, all zeros: a place for [`Kernel::initialise`].
    pub const EMPTY: Self = Self {
        threads: Arena::EMPTY,
        processes: Arena::EMPTY,
        endpoints: Arena::EMPTY,
        interrupts: Arena::EMPTY,
        timers: Arena::EMPTY,
        memories: Arena::EMPTY,
        mappings: Arena::EMPTY,
        ports: Arena::EMPTY,
        replies: Arena::EMPTY,
        events: Arena::EMPTY,
        handles: Handles::EMPTY,
        claimed_ports: Tree::EMPTY,
        claimed_memory: Tree::EMPTY,
        lines: [Link::NONE; LINES],
        schedule: Schedule::EMPTY,
        deadlines: Deadlines::EMPTY,
        frames: Frames::EMPTY,
        current: Link::NONE,
        idle: Link::NONE,
        root: Link::NONE,
        slice_end: 0,
        slice_cycles: 0,
        armed: 0,
        not_before: 0,
        now: Time(0),
        in_call: false,
        port_versions: 0,
        account: Account::ZERO,
    };

    /// The one-shot timer fired.
    pub fn timer(&mut self, machine: &mut M) {
        self.now = machine.now();
        self.armed = NEVER;
        self.trace(TraceKind::Timer, 0);
        self.expire(machine);
        if self.slice_end <= self.now.0 {
            self.yield_turn();
        }
        // If more is due, other interrupts get their chance first: the timer's goes before all of them.
        let more = self.deadlines.first().is_some_and(|(time, _)| time <= self.now);
        self.not_before = if more { self.after_pause() } else { 0 };
        self.finish(machine);
    }

    /// What was counted and traced.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// The running thread's registers, if it isn't the idle thread.
    pub fn current_context(&mut self) -> Option<&mut M::Context> {
        if self.current == self.idle {
            return None;
        }
        self.threads.at_mut(self.current).map(|thread| &mut thread.context)
    }

    /// The registers that run, the idle thread's too.
    #[inline(always)]
    pub fn running(&self) -> Option<&M::Context> {
        self.threads.at(self.current).map(|thread| &thread.context)
    }

    /// The home of the process that they belong to.
    pub fn running_home(&self) -> Option<&machine::Home<M::Space>> {
        let thread = self.threads.at(self.current)?;
        self.processes.at(thread.process).map(|process| &process.0.home)
    }

    /// The last step of every trap: the highest-priority ready thread runs, and the timer is set.
    #[inline(never)]
    pub(crate) fn finish(&mut self, machine: &mut M) {
        self.in_call = false;
        match self.threads.at(self.current) {
            Some(thread) if thread.state == State::RUNNING => {
                if self.schedule.highest() > thread.priority {
                    self.preempt_current();
                    self.dispatch(machine);
                }
            }
            _ => self.dispatch(machine),
        }
        self.arm(machine);
    }

    /// A thread that was waiting can run: at once if it outranks the running one, else in its turn.
    #[inline(never)]
    pub(crate) fn wake(&mut self, machine: &mut M, link: Link) {
        let Some(priority) = self.threads.at(link).map(|thread| thread.priority) else { return };
        let Some(running) = self.threads.at(self.current) else { return };
        let goes_on = running.state == State::RUNNING;
        if self.in_call || priority <= self.schedule.highest() || goes_on && priority <= running.priority {
            return self.enqueue(link);
        }
        if goes_on {
            self.preempt_current();
        }
        self.run(machine, link);
    }

    /// A thread becomes ready, behind its peers.
    pub(crate) fn enqueue(&mut self, link: Link) {
        if let Some(thread) = self.threads.at_mut(link) {
            thread.state = State::READY;
        }
        self.schedule.enqueue(&mut self.threads, link);
        self.begin_slice_if_shared();
    }

    /// The running thread goes behind its peers.
    pub(crate) fn yield_turn(&mut self) {
        self.set_slice_end(NEVER);
        let Some(thread) = self.threads.at(self.current) else { return };
        if thread.state == State::RUNNING && self.current != self.idle {
            self.enqueue(self.current);
        }
    }

    /// The running thread stops running for a higher one; it keeps its turn.
    fn preempt_current(&mut self) {
        let current = self.current;
        let Some(thread) = self.threads.at_mut(current) else { return };
        if current == self.idle {
            thread.state = State::READY;
            return;
        }
        thread.state = if self.slice_end == NEVER { State::PREEMPTED } else { State::PREEMPTED_IN_SLICE };
        self.schedule.preempt(&mut self.threads, current);
    }

    /// The next thread runs, or the idle one.
    pub(crate) fn dispatch(&mut self, machine: &mut M) {
        let next = self.schedule.pick(&mut self.threads);
        self.run(machine, if next.is_some() { next } else { self.idle });
    }

    /// A thread that is in no queue runs.
    #[inline(never)]
    pub(crate) fn run(&mut self, machine: &mut M, link: Link) {
        let now = machine.now();
        self.now = now;
        // A slice goes on where it stopped: otherwise interrupts that come more often than slices end would keep a
        // thread's peers from running.
        if let Some(thread) = self.threads.at_mut(self.current)
            && thread.state == State::PREEMPTED_IN_SLICE
        {
            thread.slice_left = self.slice_end.saturating_sub(now.0);
        }
        let Some(thread) = self.threads.at(link) else { return };
        self.set_slice_end(match thread.state {
            State::PREEMPTED_IN_SLICE => now.0.saturating_add(thread.slice_left),
            _ => NEVER,
        });
        self.hand_over(machine, self.current, link, now);
        self.note_delivery(link, now);
        self.begin_slice_if_shared();
    }

    /// The CPU goes from the running thread to another, which begins to be charged for it.
    #[inline(always)]
    pub(crate) fn hand_over(
        &mut self,
        machine: &mut M,
        from: Link,
        to: Link,
        now: Time,
    ) -> Option<&mut Thread<M::Context>> {
        self.charge(from, to, now);
        self.resume_next(machine, to)
    }

    /// One thread's time ends, another's begins.
    #[inline(always)]
    pub(crate) fn charge(&mut self, from: Link, to: Link, now: Time) {
        if let Some(from) = self.threads.at_mut(from) {
            from.cycles = from.cycles.wrapping_add(now.0);
        }
        if let Some(to) = self.threads.at_mut(to) {
            to.cycles = to.cycles.wrapping_sub(now.0);
        }
    }

    /// A thread runs when the kernel is left.
    #[inline(always)]
    pub(crate) fn resume_next(&mut self, machine: &mut M, to: Link) -> Option<&mut Thread<M::Context>> {
        self.choose(to);
        self.switch_to(machine, to)
    }

    /// The first half of it: from now on it is the running thread.
    #[inline(always)]
    pub(crate) fn choose(&mut self, to: Link) {
        self.account.switches = self.account.switches.wrapping_add(1);
        self.current = to;
        if let Some(thread) = self.threads.at_mut(to) {
            thread.state = State::RUNNING;
        }
    }

    /// The second half: its registers are those that the way out resumes.
    #[inline(always)]
    pub(crate) fn switch_to(&mut self, machine: &mut M, to: Link) -> Option<&mut Thread<M::Context>> {
        let thread = self.threads.at_mut(to)?;
        let (process, processes) = (&thread.process, &self.processes);
        machine.switch(&mut thread.context, || processes.at(*process).map(|process| &process.0.home));
        Some(thread)
    }

    /// The running thread's slice begins once a peer is ready.
    fn begin_slice_if_shared(&mut self) {
        let priority = self.threads.at(self.current).map_or(Priority::IDLE, |thread| thread.priority);
        if self.slice_end == NEVER && self.schedule.has_peer(priority) {
            self.set_slice_end(self.now.0.saturating_add(self.slice_cycles));
        }
    }

    /// When work goes on that is cut into traps of the timer: some microseconds from now.
    pub(crate) fn after_pause(&self) -> u64 {
        self.now.0.saturating_add(self.slice_cycles / PAUSES_PER_SLICE)
    }

    fn set_slice_end(&mut self, end: u64) {
        self.slice_end = end;
        self.schedule.set_slice(&self.threads, if end == NEVER { Slice::Open } else { Slice::Measured });
    }

    fn arm(&mut self, machine: &mut M) {
        let deadline = self.deadlines.first().map_or(NEVER, |(time, _)| time.0);
        let next = deadline.min(self.slice_end).max(self.not_before);
        if next != self.armed {
            self.armed = next;
            machine.arm(if next == NEVER { None } else { Some(Time(next)) });
        }
    }

    /// Puts what the running thread is to go on with into its saved registers.
    #[inline(always)]
    pub fn save(&mut self, resume: machine::Resume) {
        if let machine::Resume::With(message) = resume
            && let Some(thread) = self.threads.at_mut(self.current)
        {
            thread.context.set_message(message);
        }
    }

    /// Sets the message registers of a thread.
    pub(crate) fn set_message(&mut self, link: Link, message: abi::Message) {
        if let Some(thread) = self.threads.at_mut(link) {
            thread.context.set_message(message);
        }
    }
}

#[cfg(any(test, feature = "small-tables"))]
pub mod fake;
#[cfg(test)]
mod tests;
