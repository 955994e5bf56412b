//! The short ways of what nobody calls for: an interrupt for a driver that waits, a fault whose handler waits.

use crate::Kernel;
use crate::account::TraceKind;
use crate::machine::{Context, Line, Machine, Resume, Trigger};
use crate::objects::thread::{Fault, Token};

impl<M: Machine> Kernel<M> {
    /// A line fired whose driver waits. Nothing is returned, and nothing was done, if it has to go the general way.
    #[inline(always)]
    pub fn fast_interrupt(&mut self, machine: &mut M, line: Line) -> Option<Resume> {
        let interrupted = self.current;
        let link = *self.lines.get(line.0 as usize)?;
        // If a message were pending, nobody would wait at the endpoint.
        let target = self.endpoints.get_mut(self.interrupts.at(link)?.endpoint)?;
        let receiver = target.receivers.only();
        if !Self::may_preempt(&self.threads, &self.schedule, interrupted, receiver) {
            return None;
        }
        target.receivers.clear_only();
        self.choose(receiver);
        // In an order that is done with one thing before it takes up the next: registers are few.
        let came = machine.now();
        self.account.trace(TraceKind::Interrupt, came, interrupted, line.0 as u32);
        self.preempt_alone(interrupted, came);
        let source_name = self.interrupts.name(link);
        let source = self.interrupts.at_mut(link)?;
        let (message, sequence) = source.note_and_take(came);
        let thread = self.threads.at_mut(receiver)?;
        thread.completes = Token { source: source_name, sequence };
        let resume = thread.context.deliver(message);
        thread.cycles = thread.cycles.wrapping_sub(came.0);
        if source.trigger == Trigger::Level {
            source.mask_directly(machine);
        }
        machine.end_directly(line);
        source.counters.taken = source.counters.taken.wrapping_add(1);
        // The low halves will do: this entry into the kernel began at the former time.
        source.counters.note_latency((machine.now().0 as u32).wrapping_sub(came.0 as u32));
        self.switch_to(machine, receiver);
        Some(resume)
    }

    /// The running thread raised an exception whose handler waits. Nothing is returned, and nothing was done, if it has
    /// to go the general way.
    #[inline(always)]
    pub fn fast_fault(&mut self, machine: &mut M, fault: Fault) -> Option<Resume> {
        let faulty = self.current;
        let thread = self.threads.at(faulty)?;
        let object = thread.fault_endpoint;
        if thread.serves == object {
            return None;
        }
        let target = self.endpoints.get_mut(object)?;
        let handler = target.receivers.only();
        if target.is_dying() || self.threads.at(handler)?.rank() <= self.schedule.bar() {
            return None;
        }
        target.receivers.clear_only();
        let thread = self.threads.at_mut(faulty)?;
        thread.begin_awaiting(handler);
        thread.begin_fault(fault);
        let message = fault.message(thread.fault_badge);
        let receiver = self.threads.at_mut(handler)?;
        receiver.owe(faulty);
        let resume = receiver.context.deliver(message);
        let now = machine.now();
        self.account.faults = self.account.faults.wrapping_add(1);
        self.account.trace(TraceKind::Fault, now, faulty, fault.vector as u32);
        self.hand_over(machine, faulty, handler, now)?;
        Some(resume)
    }
}
