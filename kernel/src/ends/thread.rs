//! The end of a thread, which takes one slice.

use crate::kernel::Kernel;
use crate::machine::Machine;
use crate::objects::thread::State;
use crate::tables::Link;

impl<M: Machine> Kernel<M> {
    /// Stops a thread for good: it leaves its queue, and its caller gets an error. The thread keeps its slot.
    pub(crate) fn stop_thread(&mut self, link: Link) {
        self.detach(link);
        // A message that the thread got but never ran with counts as delivered.
        self.note_delivery(link, self.now);
        let Some(thread) = self.threads.at_mut(link) else { return };
        thread.stop();
        thread.forget_token();
        let caller = thread.take_debt();
        self.abandon(caller, State::awaiting(link));
    }

    /// Ends a thread and frees its slot. Its process lives on even without threads: its maker may give it new ones.
    pub(crate) fn remove_thread(&mut self, machine: &mut M, link: Link) {
        self.stop_thread(link);
        self.detach_floating_point(link);
        let used = self.used_cycles(machine, link);
        let Some(thread) = self.threads.at_mut(link) else { return };
        machine.forget(&mut thread.context);
        let (owner, calls) = (thread.process, thread.calls());
        if let Some(process) = self.processes.at_mut(owner) {
            process.remove_thread(&mut self.threads, link, calls, used);
            process.quota.refund(0, 1);
        }
        self.threads.remove(link);
    }

    /// The processor time that a thread has used up to now.
    pub(crate) fn used_cycles(&self, machine: &mut M, link: Link) -> u64 {
        let now = (link == self.current).then(|| machine.now());
        self.threads.at(link).map_or(0, |thread| thread.used_cycles(now))
    }
}
