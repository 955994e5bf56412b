//! Switching from one thread to another: the steps that the tail of a trap and the fast path share.

use crate::kernel::Kernel;
use crate::machine::{Machine, Time};
use crate::objects::thread::SIBLINGS;
use crate::tables::Link;

impl<M: Machine> Kernel<M> {
    /// Switches from the running thread to another, and charges the time to each.
    #[inline(always)]
    pub(crate) fn hand_over(&mut self, machine: &mut M, from: Link, to: Link, now: Time) {
        self.charge(from, to, now);
        self.resume_next(machine, to);
    }

    /// Ends one thread's time and begins another's.
    #[inline(always)]
    pub(crate) fn charge(&mut self, from: Link, to: Link, now: Time) {
        if let Some(from) = self.threads.at_mut(from) {
            from.end_time(now);
        }
        if let Some(to) = self.threads.at_mut(to) {
            to.begin_time(now);
        }
    }

    /// Makes a thread the running one, and its registers those that the kernel's exit resumes.
    #[inline(always)]
    pub(crate) fn resume_next(&mut self, machine: &mut M, to: Link) {
        self.choose(to);
        self.switch_to(machine, to);
    }

    /// Makes a thread the running one; [`Kernel::switch_to`] has to follow.
    #[inline(always)]
    pub(crate) fn choose(&mut self, to: Link) {
        self.account.switches = self.account.switches.wrapping_add(1);
        self.current = to;
        if let Some(thread) = self.threads.at_mut(to) {
            thread.run();
        }
    }

    /// Makes a thread's registers those that the kernel's exit resumes.
    #[inline(always)]
    pub(crate) fn switch_to(&mut self, machine: &mut M, to: Link) {
        let Some(thread) = self.threads.at_mut(to) else { return };
        let (process, processes) = (&thread.process, &self.processes);
        machine.switch(&mut thread.context, || processes.at(*process).map(|process| &process.home));
    }

    /// Updates what the machine caches of a process (its ports, a thread pointer) for each of its threads, of which
    /// there are at most [`crate::tables::sizes::THREADS_PER_PROCESS`].
    pub(crate) fn reload_home(&mut self, machine: &mut M, process: Link) {
        let Some(home) = self.processes.at(process).map(|process| &process.home) else { return };
        let mut link = self.processes.at(process).map_or(Link::NONE, |process| process.first_thread());
        while let Some(thread) = self.threads.at_mut(link) {
            machine.settle(&mut thread.context, home);
            if link == self.current {
                machine.switch(&mut thread.context, || Some(home));
            }
            link = self.threads.next::<SIBLINGS>(link);
        }
    }
}
