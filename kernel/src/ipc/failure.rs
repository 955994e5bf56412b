//! The end of a wait without a message: by a deadline, or since the other side has gone.

use crate::account::TraceKind;
use crate::dispatch::DeadlineOf;
use crate::kernel::Kernel;
use crate::machine::{Context, Machine};
use crate::objects::process::{Exit, Life};
use crate::objects::thread::{Luggage, Sent, State, StateKind};
use crate::tables::Link;
use abi::{Error, Message};

impl<M: Machine> Kernel<M> {
    /// Fails a waiting thread's call or receive: the thread is ready again, with an error.
    pub(crate) fn fail(&mut self, link: Link, error: Error) {
        self.detach(link);
        if let Some(thread) = self.threads.at_mut(link) {
            match thread.sent() {
                Sent::Call => thread.context.set_message(Message::error(error, [0; 2])),
                Sent::Fault => thread.end_fault(),
            }
        }
        self.enqueue(link);
    }

    /// Takes a thread out of the queue that it waits in; it is in none afterwards.
    pub(crate) fn detach(&mut self, link: Link) {
        self.clear_deadline(link);
        let Some(state) = self.threads.at(link).map(|thread| thread.state()) else { return };
        match state.kind() {
            StateKind::Ready => self.schedule.remove_ready(&mut self.threads, link),
            StateKind::Preempted => self.schedule.remove_preempted(&mut self.threads, link),
            StateKind::Receiving | StateKind::ReceivingHandles => {
                if let Some(endpoint) = self.endpoints.at_mut(state.target()) {
                    endpoint.remove_receiver(&mut self.threads, link);
                }
            }
            StateKind::Sending => {
                if let Some(endpoint) = self.endpoints.at_mut(state.target()) {
                    endpoint.remove_sender(&mut self.threads, link);
                }
            }
            StateKind::AwaitingReply => self.lose_caller(state.target()),
            StateKind::Stopped | StateKind::Running | StateKind::Awaiting => {}
        }
    }

    /// The thread that owed a caller the reply is gone. A call fails; a fault waits for the next handler on its
    /// endpoint, or ends its process if that endpoint is gone too.
    pub(crate) fn abandon(&mut self, caller: Link, expected: State) {
        let Some(waiting) = self.threads.at_mut(caller) else { return };
        if waiting.state() != expected {
            return;
        }
        match waiting.sent() {
            Sent::Call => self.fail(caller, Error::Gone),
            Sent::Fault => match self.endpoints.resolve(waiting.fault_endpoint()) {
                Some(endpoint) => self.pass_fault_on(caller, endpoint),
                None => self.end_unanswered(caller),
            },
        }
    }

    /// A fault can't be answered any more: the end of its process begins, as that of a fault without a handler.
    pub(crate) fn end_unanswered(&mut self, faulty: Link) {
        let Some(thread) = self.threads.at_mut(faulty) else { return };
        let (process, fault) = (thread.process, thread.fault());
        thread.stop();
        thread.end_fault();
        if self.begin_ending(process, fault.into()) {
            // The timer raises the first slice: this code may run in a slice of another process's end.
            self.deadlines.set(DeadlineOf::Process(process), self.now);
        }
    }

    /// Begins the end of a process that lives; slices have to follow. Returns false for one that has ended or is
    /// ending: it keeps its reason.
    pub(crate) fn begin_ending(&mut self, link: Link, exit: Exit) -> bool {
        let Some(process) = self.processes.at_mut(link).filter(|process| process.life() == Life::Alive) else {
            return false;
        };
        process.begin_end(exit);
        let badge = process.origin().badge;
        self.account.exits = self.account.exits.wrapping_add(1);
        self.trace(TraceKind::Exit, badge as u32);
        true
    }

    /// Gives a fault whose handler has gone to another handler that waits at the endpoint, or lets it wait there for
    /// the next one, ahead of all others.
    fn pass_fault_on(&mut self, faulty: Link, endpoint: Link) {
        let Some(target) = self.endpoints.at_mut(endpoint) else { return };
        target.return_sender(&mut self.threads, endpoint, faulty);
        let receiver = target.take_receiver(&mut self.threads);
        if !receiver.is_some() {
            return;
        }
        // The first sender is the fault, which carries no handle.
        if let Ok(Some(message)) = self.take_sender(receiver, endpoint, Luggage::Refused) {
            let next = self.give(receiver, message);
            self.make_ready(next);
        }
    }
}
