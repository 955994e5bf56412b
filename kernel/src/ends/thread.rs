//! The end of a thread, at once.

use crate::kernel::Kernel;
use crate::machine::Machine;
use crate::objects::thread::{SIBLINGS, State, Token};
use crate::tables::Link;

impl<M: Machine> Kernel<M> {
    /// A thread stops for good: it leaves its queue, and its caller gets an error. The slot stays its process's.
    pub(crate) fn stop_thread(&mut self, link: Link) {
        self.detach(link);
        // A message that it didn't live to see was delivered all the same.
        self.note_delivery(link, self.now);
        let Some(thread) = self.threads.at_mut(link) else { return };
        thread.stop();
        thread.completes = Token::NONE;
        let caller = thread.take_debt();
        self.abandon(caller, State::awaiting(link));
    }

    /// Takes a thread's slot away. A process goes on without threads: its maker may give it new ones.
    pub(crate) fn remove_thread(&mut self, machine: &mut M, link: Link) {
        self.stop_thread(link);
        self.detach_floating_point(link);
        let used = self.used_cycles(machine, link);
        let Some(thread) = self.threads.at_mut(link) else { return };
        machine.forget(&mut thread.context);
        let (owner, calls) = (thread.process, thread.calls);
        let next = self.threads.next::<SIBLINGS>(link);
        if let Some(process) = self.processes.at_mut(owner) {
            if process.stopping == link {
                process.stopping = next;
            }
            process.calls = process.calls.wrapping_add(calls);
            process.cycles = process.cycles.wrapping_add(used);
            self.threads.unlink::<SIBLINGS>(&mut process.threads, link);
            process.thread_count = process.thread_count.saturating_sub(1);
            process.quota.refund(0, 1);
        }
        self.threads.remove(link);
    }

    /// The processor time that a thread has used up to now.
    pub(crate) fn used_cycles(&self, machine: &mut M, link: Link) -> u64 {
        let began = if link == self.current { machine.now().0 } else { 0 };
        self.threads.at(link).map_or(0, |thread| thread.cycles.wrapping_add(began))
    }
}
