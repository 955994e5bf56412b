//! The calls of a driver's and a client's loop: sending, receiving, answering, notifying.

use crate::dispatch::{DeadlineOf, Next};
use crate::kernel::Kernel;
use crate::machine::{Context, Machine, Time};
use crate::objects::endpoint::{Endpoint, notification};
use crate::objects::reply::{HELD, Reply};
use crate::objects::thread::{Luggage, Sent, State};
use crate::request::{CallResult, Outcome, Request, word};
use crate::tables::Link;
use abi::{Error, Message, ObjectKind, Options, Rights, join};

impl<M: Machine> Kernel<M> {
    /// Answers, completes, and waits for the next message.
    pub(super) fn reply_receive(&mut self, machine: &mut M, request: Request) -> CallResult {
        let endpoint = self.find_endpoint(&request, Rights::RECEIVE)?.0;
        let answered = match self.answer(request.caller, request.message) {
            Ok(client) => client,
            // There is no caller, or it has gone or timed out: the loop goes on.
            Err(Error::Stale) => Link::NONE,
            Err(error) => return Err(error.into()),
        };
        self.settle_interrupt(machine, &request, endpoint);
        self.next_message(machine, request.caller, (endpoint, luggage(request.message.tag.options())), answered)
    }

    /// Sends a message and waits for the reply.
    pub(super) fn call_endpoint(&mut self, request: Request) -> CallResult {
        // The deadline is this call's, even if the call can't be sent.
        let thread = self.threads.at_mut(request.caller).ok_or(Error::Gone)?;
        let deadline = thread.take_call_deadline();
        let (endpoint, badge) = self.find_endpoint(&request, Rights::CALL)?;
        let options = request.message.tag.options();
        let mut carries = 0;
        if options.contains(Options::HANDLE) {
            let [_, _, _, handle] = request.message.words;
            carries = handle as u32;
            if let Some(process) = self.processes.at(request.process) {
                self.handles.find(process.table.handle_run(), carries, Rights::COPY)?;
            }
        }
        let Some(thread) = self.threads.at_mut(request.caller) else { return Err(Error::Gone.into()) };
        thread.begin_call(badge, carries);
        if deadline != 0 {
            self.set_deadline(DeadlineOf::Thread(request.caller), Time(deadline));
        }
        let next = self.send(endpoint);
        if deadline != 0 && self.threads.at(request.caller).is_some_and(|thread| thread.state() == State::RUNNING) {
            self.clear_deadline(request.caller);
        }
        Ok(Outcome::Next(next))
    }

    /// Waits for a message without answering.
    pub(super) fn receive(&mut self, machine: &mut M, request: Request) -> CallResult {
        let endpoint = self.find_endpoint(&request, Rights::RECEIVE)?.0;
        let options = request.message.tag.options();
        // The call or fault that the thread has taken can't be answered any more: the call fails, or the fault ends its
        // process.
        let client = self.threads.at_mut(request.caller).map_or(Link::NONE, |thread| thread.take_debt());
        let expected = State::awaiting(request.caller);
        match self.threads.at(client).filter(|client| client.state() == expected).map(|client| client.sent()) {
            Some(Sent::Call) => self.abandon(client, expected),
            Some(Sent::Fault) => self.end_unanswered(client),
            None => {}
        }
        self.settle_interrupt(machine, &request, endpoint);
        let result = self.next_message(machine, request.caller, (endpoint, luggage(options)), Link::NONE);
        let waits = self.threads.at(request.caller).is_some_and(|thread| thread.state().is_receiving());
        if waits && options.contains(Options::NO_WAIT) {
            self.fail_running(request.caller, Error::WouldBlock);
        } else if waits && options.contains(Options::DEADLINE) {
            let [low, high, ..] = request.message.words;
            self.set_deadline(DeadlineOf::Thread(request.caller), Time(join(low, high)));
        }
        result
    }

    /// Answers without receiving.
    pub(super) fn reply(&mut self, request: Request) -> CallResult {
        let client = if request.handle == abi::NO_HANDLE {
            self.answer(request.caller, request.message)?
        } else {
            let grant = self.find(&request, Rights::REPLY)?;
            let caller = self.replies.get(grant.object).ok_or(Error::BadHandle)?.caller();
            let expected = State::awaiting_reply(grant.link());
            let answered = self.answer_caller(request.process, caller, request.message, expected);
            if matches!(answered, Ok(_) | Err(Error::Stale)) {
                // The Reply's only handle goes with it.
                self.end_reply(grant.link());
            }
            answered?
        };
        self.set_done(request.caller);
        Ok(Outcome::Next(Next::Woken(client)))
    }

    /// Sets bits in an endpoint's notify word.
    pub(super) fn notify(&mut self, request: Request) -> CallResult {
        let grant = self.find(&request, Rights::NOTIFY)?;
        let endpoint = self.endpoints.resolve(grant.object).ok_or(Error::BadHandle)?;
        let [asked, ..] = request.message.words;
        let bits = asked as u32 & grant.mask.bits();
        if bits == 0 && asked as u32 != 0 {
            return Err(Error::MissingRight.into());
        }
        self.set_done(request.caller);
        if bits == 0 {
            return Ok(Outcome::Next(Next::Scheduled));
        }
        let Some(target) = self.endpoints.at_mut(endpoint) else { return Err(Error::BadHandle.into()) };
        let receiver = target.take_receiver(&mut self.threads);
        if receiver.is_some() {
            return Ok(Outcome::Next(self.give(receiver, notification(bits))));
        }
        target.note(bits);
        Ok(Outcome::Next(Next::Scheduled))
    }

    pub(super) fn reply_take(&mut self, request: Request) -> CallResult {
        let thread = self.threads.at(request.caller).ok_or(Error::BadHandle)?;
        let (caller, endpoint) = (thread.owes(), thread.serves());
        if self.threads.at(caller).is_none_or(|waiting| waiting.state() != State::awaiting(request.caller)) {
            return Err(Error::Stale.into());
        }
        let handle = self.create(request, ObjectKind::Reply, |kernel| {
            let name = kernel.replies.insert(Reply::new(caller, request.process, endpoint))?;
            let process = kernel.processes.at_mut(request.process)?;
            process.replies.add::<HELD, _, _>(&mut kernel.replies, name.link());
            Some(name)
        })?;
        let grant = self.find_in(request.process, handle, Rights::REPLY)?;
        if let Some(reply) = self.replies.at_mut(grant.link()) {
            reply.set_handle(handle);
        }
        if let Some(waiting) = self.threads.at_mut(caller) {
            waiting.begin_awaiting_reply(grant.link());
        }
        if let Some(thread) = self.threads.at_mut(request.caller) {
            thread.forget_debt();
        }
        word(handle as usize)
    }

    pub(super) fn endpoint_create(&mut self, request: Request) -> CallResult {
        let handle = self
            .create(request, ObjectKind::Endpoint, |kernel| kernel.endpoints.insert(Endpoint::new(request.process)))?;
        word(handle as usize)
    }

    /// Lets a thread that has just begun to wait go on with an error.
    fn fail_running(&mut self, link: Link, error: Error) {
        self.detach(link);
        if let Some(thread) = self.threads.at_mut(link) {
            thread.run();
            thread.context.set_message(Message::error(error, [0; 2]));
        }
    }

    /// Completes the interrupt whose message the caller has taken, or leaves that to `interrupt_complete`.
    fn settle_interrupt(&mut self, machine: &mut M, request: &Request, endpoint: Link) {
        if !request.message.tag.options().contains(Options::KEEP) {
            self.complete_implicitly(machine, request.caller, endpoint);
        } else if let Some(thread) = self.threads.at_mut(request.caller) {
            thread.forget_token();
        }
    }
}

/// Whether a receive takes handles that come along.
fn luggage(options: Options) -> Luggage {
    if options.contains(Options::TAKE_HANDLE) { Luggage::Taken } else { Luggage::Refused }
}
