//! Faults: an exception in user mode becomes a message to the thread's fault endpoint, or the end of its process.

use crate::Kernel;
use crate::account::TraceKind;
use crate::machine::{Context, Machine};
use crate::memory::{FrameRun, Zone};
use crate::process::Exit;
use crate::schedule::QUEUE;
use crate::thread::{Fault, State};
use abi::ExitKind;

impl<M: Machine> Kernel<M> {
    /// The running thread raised an exception. Its handler's reply means "retry".
    pub fn fault(&mut self, machine: &mut M, fault: Fault) {
        self.now = machine.now();
        self.trace(TraceKind::Fault, fault.vector as u32);
        self.account.faults = self.account.faults.wrapping_add(1);
        let current = self.current;
        let Some(thread) = self.threads.at_mut(current) else { return self.finish(machine) };
        let handler = self.endpoints.resolve(thread.fault_endpoint);
        let process = thread.process;
        match handler {
            // A thread can't be its own handler: it would wait for itself.
            Some(endpoint)
                if thread.serves != thread.fault_endpoint
                    && self.endpoints.at(endpoint).is_some_and(|target| !target.is_dying()) =>
            {
                thread.begin_fault(fault);
                self.send(machine, endpoint);
            }
            _ => {
                let words = [fault.vector as usize, fault.error, fault.address, fault.instruction];
                self.end_process(machine, process, Exit { how: ExitKind::Faulted, words });
            }
        }
        self.finish(machine);
    }

    /// The running thread uses floating point for the first time: it gets a state area, charged to its process.
    /// Returns whether it may go on; if there is no frame for it, the exception is a fault like any other. What the frame
    /// held is still in it: the machine makes of it what it needs.
    pub fn attach_floating_point(&mut self) -> bool {
        let current = self.current;
        let Some(thread) = self.threads.at_mut(current) else { return false };
        let Some(process) = self.processes.at_mut(thread.process) else { return false };
        if process.0.quota.charge(1, 0).is_none() {
            return false;
        }
        let Some(frame) = self.frames.take(1, Zone::Low) else {
            process.0.quota.refund(1, 0);
            return false;
        };
        thread.floating_point = frame;
        thread.context.attach_floating_point(frame);
        true
    }

    /// The running thread waits at an endpoint with what it has to send, or hands over to whoever waits there.
    pub(crate) fn send(&mut self, machine: &mut M, endpoint: crate::arena::Link) {
        let current = self.current;
        let Some(target) = self.endpoints.at_mut(endpoint) else { return };
        let receiver = target.receivers.head();
        if !receiver.is_some() {
            if target.is_dying() {
                return self.set_message(current, abi::Message::error(abi::Error::Gone, [0; 2]));
            }
            self.threads.push_back::<QUEUE>(&mut target.senders, current);
            target.refresh();
            if let Some(thread) = self.threads.at_mut(current) {
                thread.state = State::sending(endpoint);
            }
            return;
        }
        match self.sender_message(current, receiver) {
            Ok(message) => {
                if let Some(target) = self.endpoints.at_mut(endpoint) {
                    self.threads.unlink::<QUEUE>(&mut target.receivers, receiver);
                }
                self.clear_deadline(receiver);
                let Some(sender) = self.threads.at_mut(current) else { return };
                sender.state = State::awaiting(receiver);
                let priority = sender.priority;
                let Some(server) = self.threads.at_mut(receiver) else { return };
                server.context.set_message(message);
                server.reply_to = current;
                if server.priority >= priority {
                    self.run(machine, receiver);
                } else {
                    self.enqueue(receiver);
                }
            }
            Err(error) => self.set_message(current, abi::Message::error(error, [0; 2])),
        }
    }

    /// Gives a thread's floating-point area back.
    pub(crate) fn detach_floating_point(&mut self, link: crate::arena::Link) {
        let Some(thread) = self.threads.at_mut(link) else { return };
        let frame = core::mem::take(&mut thread.floating_point);
        if frame.0 == 0 {
            return;
        }
        self.frames.give_back(FrameRun { first: frame, count: 1 });
        if let Some(process) = self.processes.at_mut(thread.process) {
            process.0.quota.refund(1, 0);
        }
    }
}
