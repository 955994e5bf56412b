//! The fast path of traps that aren't calls: an interrupt for a driver that waits, a fault whose handler waits.

use crate::Kernel;
use crate::account::TraceKind;
use crate::machine::{Context, Line, Machine, Resume, Trigger};
use crate::objects::thread::{Fault, Token};

impl<M: Machine> Kernel<M> {
    /// Gives the message of a line that fired to its driver, which waits. Returns `None`, and has done nothing, if the
    /// interrupt has to take the slow path.
    #[inline(always)]
    pub fn fast_interrupt(&mut self, machine: &mut M, line: Line) -> Option<Resume> {
        let interrupted = self.current;
        let link = self.lines.source(line);
        // No message is pending: if one were, no thread would wait at the endpoint.
        let target = self.endpoints.get_mut(self.interrupts.at(link)?.endpoint())?;
        let receiver = target.only_receiver();
        if !Self::may_preempt(&self.threads, &self.schedule, interrupted, receiver) {
            return None;
        }
        target.clear_only_receiver();
        self.choose(receiver);
        // Each thing is finished before the next begins, since registers are few.
        let came = machine.now();
        self.account.trace(TraceKind::Interrupt, came, interrupted, line.0 as u32);
        self.preempt_alone(interrupted, came);
        let source_name = self.interrupts.name(link);
        let source = self.interrupts.at_mut(link)?;
        let (message, sequence) = source.note_and_take(came);
        let thread = self.threads.at_mut(receiver)?;
        thread.hold(Token { source: source_name, sequence });
        let resume = thread.context.deliver(message);
        thread.begin_time(came);
        if source.trigger() == Trigger::Level {
            source.mask_directly(machine);
        }
        machine.end_directly(line);
        // The low halves will do: this entry into the kernel began at the former time.
        source.count_delivered((machine.now().0 as u32).wrapping_sub(came.0 as u32));
        self.switch_to(machine, receiver);
        Some(resume)
    }

    /// Sends the running thread's exception to its handler, which waits. Returns `None`, and has done nothing, if the
    /// fault has to take the slow path.
    #[inline(always)]
    pub fn fast_fault(&mut self, machine: &mut M, fault: Fault) -> Option<Resume> {
        let faulty = self.current;
        let thread = self.threads.at(faulty)?;
        let object = thread.fault_endpoint();
        if thread.serves() == object {
            return None;
        }
        let target = self.endpoints.get_mut(object)?;
        let handler = target.only_receiver();
        if target.is_dying() || self.threads.at(handler)?.rank() <= self.schedule.bar() {
            return None;
        }
        target.clear_only_receiver();
        let thread = self.threads.at_mut(faulty)?;
        thread.begin_awaiting(handler);
        thread.begin_fault(fault);
        let message = fault.message(thread.fault_badge());
        let receiver = self.threads.at_mut(handler)?;
        receiver.owe(faulty);
        let resume = receiver.context.deliver(message);
        let now = machine.now();
        self.account.faults = self.account.faults.wrapping_add(1);
        self.account.trace(TraceKind::Fault, now, faulty, fault.vector as u32);
        self.hand_over(machine, faulty, handler, now);
        Some(resume)
    }
}
