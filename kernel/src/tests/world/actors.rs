//! The processes that `init` makes, and their ends.

use super::{ENTRY, STACK, World};
use crate::Kernel;
use crate::fake::Fake;
use crate::machine::Line;
use crate::objects::process::Life;
use crate::tables::Link;
use crate::tables::sizes::PROCESSES;
use abi::{Operation, Options, Rights, Tag};

/// A process with one thread, made by `init`.
#[derive(Clone, Copy, Debug)]
pub struct Actor {
    pub process: Link,
    pub thread: Link,
    /// Init's handle to the process.
    pub process_handle: usize,
    /// Init's handle to the thread.
    pub thread_handle: usize,
    /// What its exit message carries.
    pub badge: usize,
}

impl World {
    /// Init makes a process with one thread of that priority, and starts it.
    #[track_caller]
    pub fn spawn(&mut self, priority: usize) -> Actor {
        let actor = self.spawn_stopped(priority);
        self.done(Operation::ThreadStart, actor.thread_handle, [0; 4]);
        actor
    }

    /// Init makes a process with one thread of that priority, and doesn't start it.
    #[track_caller]
    pub fn spawn_stopped(&mut self, priority: usize) -> Actor {
        let process = self.make_process();
        self.make_actor(process, priority)
    }

    /// Init makes a process with a share of its own and one thread of that priority, and starts it.
    #[track_caller]
    pub fn spawn_sharing(&mut self, priority: usize, thousandths: usize) -> Actor {
        let process = self.make_process();
        self.done(Operation::ProcessShare, process, [thousandths, 0, 0, 0]);
        let actor = self.make_actor(process, priority);
        self.done(Operation::ThreadStart, actor.thread_handle, [0; 4]);
        actor
    }

    /// Init makes a process with the next badge.
    #[track_caller]
    fn make_process(&mut self) -> usize {
        self.badges += 1;
        let create = Tag::incoming(Operation::ProcessCreate, 63, Options::DMA);
        self.make_with(create, 0, [40, 30, self.supervisor, self.badges])
    }

    /// Init makes the thread of the process that it has made last.
    #[track_caller]
    fn make_actor(&mut self, process_handle: usize, priority: usize) -> Actor {
        let thread_handle = self.make(Operation::ThreadCreate, process_handle, [ENTRY, STACK, priority, 0]);
        let (process, thread) = (self.object(process_handle), self.object(thread_handle));
        Actor { process, thread, process_handle, thread_handle, badge: self.badges }
    }

    /// Init gives an actor one of its handles, with these rights; returns the actor's handle.
    #[track_caller]
    pub fn grant(&mut self, to: Actor, handle: usize, rights: Rights, badge: usize) -> usize {
        self.make(Operation::ProcessGrant, to.process_handle, [handle, rights.bits() as usize, badge, 0])
    }

    /// Init waits for its bell, so that the others run.
    pub fn park(&mut self) {
        assert!(self.is_running(self.init_thread));
        self.receive(self.supervisor);
    }

    /// Binds a line to a new endpoint, and returns the actor's handle to receive there.
    pub fn bind_for(&mut self, actor: Actor, line: Line) -> usize {
        let endpoint = self.endpoint();
        let source = self.make(Operation::InterruptCreate, self.init.root as usize, [line.0 as usize, 0, 0, 0]);
        self.done(Operation::InterruptBind, source, [endpoint, 0, 0, 0]);
        self.grant(actor, endpoint, Rights::RECEIVE, 0)
    }

    /// Init ends a process and reaps it to the end; returns how many calls that took.
    #[track_caller]
    pub fn reap(&mut self, process_handle: usize) -> usize {
        for calls in 1..10_000 {
            let [left, quarantined, ..] = self.done(Operation::ProcessReap, process_handle, [0; 4]);
            assert_eq!(quarantined, 0);
            if left == 0 {
                return calls;
            }
        }
        panic!("reaping never ends");
    }

    /// Time passes until no end of a process is under way.
    pub fn finish_ends(&mut self) {
        let is_ending = |kernel: &Kernel<Fake>| {
            let mut links = (0..PROCESSES).map(Link::new);
            links.any(|link| kernel.processes.live(link).is_some_and(|process| process.life() == Life::Ending))
        };
        while is_ending(&self.kernel) {
            assert!(self.machine.armed.is_some(), "the timer raises the next slice");
            self.advance_to_timer(u64::MAX);
        }
    }
}
