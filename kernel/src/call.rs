//! System calls: from the number to what it does.
//!
//! The calls of a driver's loop come first and are done here; those that make, change and end objects are in
//! [`crate::objects`] and [`crate::map`]. Each either returns words, or an error, or has said itself
//! what its caller gets (because the caller waits).

use crate::Kernel;
use crate::account::TraceKind;
use crate::arena::{Link, Name};
use crate::deadline::Owner;
use crate::handle::Grant;
use crate::machine::{Context, Machine, Time};
use crate::process::Exit;
use crate::thread::{Sent, State, StateKind, Token};
use abi::{Error, ExitKind, Kind, Message, Operation, Options, Rights, Tag, join};

/// Why a call failed. Small, since every call can fail in a dozen places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub error: Error,
    /// Who is in the way, by the badge of its exits; 0 for nobody. The first word of the answer.
    pub badge: u16,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self { error, badge: 0 }
    }
}

/// How a call ends for its caller.
pub(crate) enum Outcome {
    /// It returns nothing: the words stay what they were.
    Done,
    /// It returns with this word, and zeros.
    Word(usize),
    /// It returns with these words.
    Return([usize; 4]),
    /// It returns with these words and a label.
    Labelled(u8, [usize; 4]),
    /// Its message registers are set already, or will be when what it waits for happens.
    Settled,
}

pub(crate) type CallResult = Result<Outcome, Refusal>;

/// A call that returns one word.
pub(crate) fn word(value: usize) -> CallResult {
    Ok(Outcome::Word(value))
}

/// A call that returns nothing.
pub(crate) const DONE: CallResult = Ok(Outcome::Done);

impl<M: Machine> Kernel<M> {
    /// The running thread made a system call; its arguments stand in its saved registers.
    pub fn call(&mut self, machine: &mut M) {
        let caller = self.current;
        let Some(thread) = self.threads.at(caller) else { return };
        let message = thread.context.message();
        let handle = thread.context.handle();
        let process = thread.process;
        self.in_call = true;
        self.now = machine.now();
        self.note_call(caller, message.tag, self.now);
        let request = Request { caller, process, handle, message };
        let result = match Operation::from_number(message.tag.operation_number()) {
            Some(Operation::ReplyReceive) => self.reply_receive(machine, request),
            Some(Operation::Call) => self.call_endpoint(machine, request),
            Some(Operation::Null) => DONE,
            Some(Operation::Receive) => self.receive(machine, request),
            Some(Operation::Reply) => self.reply(machine, request),
            Some(Operation::Notify) => self.notify(machine, request),
            Some(operation) => self.slow_call(machine, request, operation),
            None => Err(Error::UnknownCall.into()),
        };
        match result {
            Ok(Outcome::Settled) => {}
            Ok(Outcome::Done) => self.set_done(caller),
            Ok(Outcome::Word(word)) => {
                self.set_message(caller, Message::new(Tag::outgoing(Kind::Done, 0, 0), [word, 0, 0, 0]));
            }
            Ok(Outcome::Return(words)) => {
                self.set_message(caller, Message::new(Tag::outgoing(Kind::Done, 0, 0), words));
            }
            Ok(Outcome::Labelled(label, words)) => {
                self.set_message(caller, Message::new(Tag::outgoing(Kind::Done, label, 0), words));
            }
            Err(refusal) => self.set_message(caller, Message::error(refusal.error, [refusal.badge as usize, 0])),
        }
        self.finish(machine);
    }

    /// A call that returns nothing is over.
    fn set_done(&mut self, caller: Link) {
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
            thread.calls = thread.calls.wrapping_add(1);
        }
    }

    /// Answers, completes, and waits for the next message.
    fn reply_receive(&mut self, machine: &mut M, request: Request) -> CallResult {
        let endpoint = self.find_endpoint(&request, Rights::RECEIVE)?.0;
        let caller = request.caller;
        let owes = self.threads.at(caller).map_or(Link::NONE, |thread| thread.reply_to);
        let answered = if owes.is_some() {
            match self.answer(caller, request.message, State::awaiting(caller)) {
                Ok(client) => client,
                // The caller has gone or timed out: there is nobody to tell, so the loop goes on.
                Err(Error::Stale) => Link::NONE,
                Err(error) => {
                    self.restore_debt(caller, owes);
                    return Err(error.into());
                }
            }
        } else {
            Link::NONE
        };
        if !request.message.tag.options().contains(Options::KEEP) {
            self.complete_implicitly(machine, caller, endpoint);
        } else {
            self.forget_token(caller);
        }
        self.next_message(machine, caller, endpoint, answered)
    }

    /// Takes the next message or waits for it; `answered` is a client that was just answered and is in no queue.
    #[inline(never)]
    fn next_message(&mut self, machine: &mut M, caller: Link, endpoint: Link, answered: Link) -> CallResult {
        if let Some(thread) = self.threads.at_mut(caller) {
            thread.serves = self.endpoints.name(endpoint);
        }
        let taken = self.take_message(machine, caller, endpoint);
        if let Ok(Some(message)) = taken {
            self.set_message(caller, message);
            if answered.is_some() {
                self.enqueue(answered);
            }
            return Ok(Outcome::Settled);
        }
        if let Err(error) = taken.and_then(|_| self.wait(caller, endpoint)) {
            if answered.is_some() {
                self.enqueue(answered);
            }
            return Err(error.into());
        }
        if answered.is_some() {
            let priority = self.threads.at(answered).map(|thread| thread.priority);
            if priority.is_some_and(|priority| priority > self.schedule.highest()) {
                self.run(machine, answered);
            } else {
                self.enqueue(answered);
            }
        }
        Ok(Outcome::Settled)
    }

    /// Sends a message and waits for the reply.
    fn call_endpoint(&mut self, machine: &mut M, request: Request) -> CallResult {
        let (endpoint, badge) = self.find_endpoint(&request, Rights::CALL)?;
        let options = request.message.tag.options();
        let mut carries = 0;
        if options.contains(Options::HANDLE) {
            let [_, _, _, handle] = request.message.words;
            carries = handle as u32;
            if let Some(process) = self.processes.at(request.process) {
                self.handles.find(&process.0, carries, Rights::COPY)?;
            }
        }
        let Some(thread) = self.threads.at_mut(request.caller) else { return Err(Error::Gone.into()) };
        thread.badge = badge;
        thread.carries = carries;
        let deadline = core::mem::replace(&mut thread.call_deadline, 0);
        if deadline != 0 {
            self.set_deadline(Owner::Thread(request.caller), Time(deadline));
        }
        self.send(machine, endpoint);
        if deadline != 0 && self.threads.at(request.caller).is_some_and(|thread| thread.state == State::RUNNING) {
            self.clear_deadline(request.caller);
        }
        Ok(Outcome::Settled)
    }

    /// Waits for a message without answering.
    fn receive(&mut self, machine: &mut M, request: Request) -> CallResult {
        let endpoint = self.find_endpoint(&request, Rights::RECEIVE)?.0;
        let options = request.message.tag.options();
        // A call that was taken and not answered would never be: its caller gets the error now. A thread whose fault
        // was taken and not answered stays where it is, until its process is ended.
        let owes = self.threads.at_mut(request.caller).map(|thread| core::mem::take(&mut thread.reply_to));
        if let Some(client) =
            owes.filter(|client| self.threads.at(*client).is_some_and(|client| client.sent == Sent::Call))
        {
            self.abandon(machine, client, State::awaiting(request.caller));
        }
        if options.contains(Options::KEEP) {
            self.forget_token(request.caller);
        } else {
            self.complete_implicitly(machine, request.caller, endpoint);
        }
        let result = self.next_message(machine, request.caller, endpoint, Link::NONE);
        let waits = self.threads.at(request.caller).is_some_and(|thread| thread.state.kind() == StateKind::Receiving);
        if waits && options.contains(Options::NO_WAIT) {
            self.fail_running(request.caller, Error::WouldBlock);
        } else if waits && options.contains(Options::DEADLINE) {
            let [low, high, ..] = request.message.words;
            self.set_deadline(Owner::Thread(request.caller), Time(join(low, high)));
        }
        result
    }

    /// Answers without receiving.
    fn reply(&mut self, machine: &mut M, request: Request) -> CallResult {
        let client = if request.handle == abi::NO_HANDLE {
            let owes = self.threads.at(request.caller).map_or(Link::NONE, |thread| thread.reply_to);
            match self.answer(request.caller, request.message, State::awaiting(request.caller)) {
                Err(error) if error != Error::Stale => {
                    self.restore_debt(request.caller, owes);
                    return Err(error.into());
                }
                other => other?,
            }
        } else {
            let grant = self.find(&request, Rights::REPLY)?;
            let Some(reply) = self.replies.get(grant.object).copied() else { return Err(Error::BadHandle.into()) };
            let answered =
                self.answer_caller(request.process, reply.caller, request.message, State::awaiting_reply(grant.link()));
            if matches!(answered, Err(error) if error != Error::Stale) {
                return Err(answered.err().unwrap_or(Error::Stale).into());
            }
            // Its one handle goes with it.
            self.replies.recycle(grant.link());
            if let Some(process) = self.processes.at_mut(request.process) {
                self.handles.close(&mut process.0, request.handle);
                process.0.quota.refund(0, 1);
            }
            answered?
        };
        self.set_done(request.caller);
        self.in_call = false;
        self.wake(machine, client);
        Ok(Outcome::Settled)
    }

    /// Sets bits in an endpoint's notify word.
    fn notify(&mut self, machine: &mut M, request: Request) -> CallResult {
        let endpoint = self.find_endpoint(&request, Rights::NOTIFY)?.0;
        let [bits, ..] = request.message.words;
        self.set_done(request.caller);
        if bits as u32 == 0 {
            return Ok(Outcome::Settled);
        }
        let Some(target) = self.endpoints.at_mut(endpoint) else { return Err(Error::BadHandle.into()) };
        let receiver = target.receivers.head();
        if receiver.is_some() {
            self.threads.unlink::<{ crate::schedule::QUEUE }>(&mut target.receivers, receiver);
            let message = Message::new(Tag::outgoing(Kind::Notify, 0, 0), [bits as u32 as usize, 0, 0, 0]);
            self.in_call = false;
            self.give(machine, receiver, message);
        } else {
            target.note(bits as u32);
        }
        Ok(Outcome::Settled)
    }

    /// The calls that aren't part of a driver's loop.
    fn slow_call(&mut self, machine: &mut M, request: Request, operation: Operation) -> CallResult {
        match operation {
            Operation::Deadline => {
                let [low, high, ..] = request.message.words;
                if let Some(thread) = self.threads.at_mut(request.caller) {
                    thread.call_deadline = join(low, high);
                }
                DONE
            }
            Operation::Yield => {
                self.set_done(request.caller);
                self.now = machine.now();
                self.yield_turn();
                Ok(Outcome::Settled)
            }
            Operation::Exit => {
                let [code, ..] = request.message.words;
                self.end_process(machine, request.process, Exit { how: ExitKind::Exited, words: [code, 0, 0, 0] });
                Ok(Outcome::Settled)
            }
            Operation::ThreadExit => {
                let count = self.processes.at(request.process).map_or(0, |process| process.0.thread_count);
                if count <= 1 {
                    self.end_process(machine, request.process, Exit { how: ExitKind::Exited, words: [0; 4] });
                } else {
                    self.remove_thread(machine, request.caller);
                }
                Ok(Outcome::Settled)
            }
            Operation::MemoryCreate
            | Operation::MemoryPrepare
            | Operation::MemoryDevice
            | Operation::MemoryMap
            | Operation::MemoryUnmap
            | Operation::MemorySeal
            | Operation::MemoryInfo => self.memory_call(machine, request, operation),
            Operation::Info => self.info(machine, request),
            _ => self.object_call(machine, request, operation),
        }
    }

    /// What the request's handle names, if it has that right.
    pub(crate) fn find(&self, request: &Request, needs: Rights) -> Result<Grant, Refusal> {
        self.find_in(request.process, request.handle, needs)
    }

    /// What a process's handle names, if it has that right.
    pub(crate) fn find_in(&self, process: Link, handle: u32, needs: Rights) -> Result<Grant, Refusal> {
        match self.processes.at(process) {
            Some(process) => Ok(self.handles.find(&process.0, handle, needs)?),
            None => Err(Error::BadHandle.into()),
        }
    }

    /// The endpoint that the request's handle names, and the handle's badge.
    fn find_endpoint(&self, request: &Request, needs: Rights) -> Result<(Link, u16), Refusal> {
        let grant = self.find(request, needs)?;
        match self.endpoints.resolve(grant.object) {
            Some(endpoint) => Ok((endpoint, grant.badge)),
            None => Err(Error::BadHandle.into()),
        }
    }

    /// An endpoint by a handle in a word, with the right to bind events to it.
    pub(crate) fn bindable_endpoint(&self, process: Link, handle: usize) -> Result<Name, Refusal> {
        let grant = self.find_in(process, handle as u32, Rights::BIND)?;
        match self.endpoints.get(grant.object) {
            Some(_) => Ok(grant.object),
            None => Err(Error::BadHandle.into()),
        }
    }

    /// A thread that just began to wait doesn't: it goes on with an error.
    fn fail_running(&mut self, link: Link, error: Error) {
        self.detach(link);
        if let Some(thread) = self.threads.at_mut(link) {
            thread.state = State::RUNNING;
            thread.context.set_message(Message::error(error, [0; 2]));
        }
    }

    /// An answer couldn't be delivered for the server's own fault: it still owes it.
    fn restore_debt(&mut self, server: Link, client: Link) {
        if let Some(thread) = self.threads.at_mut(server) {
            thread.reply_to = client;
        }
    }

    fn forget_token(&mut self, link: Link) {
        if let Some(thread) = self.threads.at_mut(link) {
            thread.completes = Token::NONE;
        }
    }
}

/// A call's arguments.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    /// Who calls.
    pub caller: Link,
    /// Its process.
    pub process: Link,
    /// The handle register.
    pub handle: u32,
    /// The message registers.
    pub message: Message,
}
