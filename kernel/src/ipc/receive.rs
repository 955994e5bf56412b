//! Receiving: taking what waits at an endpoint, or waiting there.

use crate::dispatch::Next;
use crate::kernel::Kernel;
use crate::machine::Machine;
use crate::objects::thread::Luggage;
use crate::request::{CallResult, Outcome};
use crate::tables::Link;
use abi::{Error, Message};

/// How many senders one receive refuses whose handles the receiver doesn't take, or has no room for.
const REFUSALS_PER_CALL: usize = 2;

impl<M: Machine> Kernel<M> {
    /// Takes the next message or waits for it; `answered` is a client that was just answered and is in no queue.
    #[inline(never)]
    pub(crate) fn next_message(
        &mut self,
        machine: &mut M,
        caller: Link,
        (endpoint, luggage): (Link, Luggage),
        answered: Link,
    ) -> CallResult {
        if let Some(thread) = self.threads.at_mut(caller) {
            thread.serve(self.endpoints.name(endpoint));
        }
        let taken = self.take_message(machine, caller, endpoint, luggage);
        if let Ok(Some(message)) = taken {
            self.set_message(caller, message);
            return Ok(Outcome::Next(Next::Woken(answered)));
        }
        if let Err(error) = taken.and_then(|_| self.wait(caller, endpoint, luggage)) {
            if answered.is_some() {
                self.enqueue(answered);
            }
            return Err(error.into());
        }
        Ok(Outcome::Next(Next::Woken(answered)))
    }

    /// Takes the next message for a thread that receives on an endpoint, if there is one. An error says that more may
    /// be there: see [`Self::take_sender`].
    #[inline(never)]
    pub(crate) fn take_message(
        &mut self,
        machine: &mut M,
        receiver: Link,
        endpoint: Link,
        luggage: Luggage,
    ) -> Result<Option<Message>, Error> {
        let Some(target) = self.endpoints.at_mut(endpoint) else { return Ok(None) };
        if let Some(message) = target.take_bits() {
            return Ok(Some(message));
        }
        if let Some(event) = target.take_event(&mut self.events) {
            let message = self.event_message(event, receiver);
            self.read_clock(machine);
            self.note_delivery(receiver, self.now);
            return Ok(Some(message));
        }
        self.take_sender(receiver, endpoint, luggage)
    }

    /// Takes the message of the first sender that can be received, and installs the handle that it carries. Senders
    /// whose handle isn't taken or finds no room are refused, at most [`REFUSALS_PER_CALL`] a call: then the receiver
    /// gets the error, and may try again.
    pub(crate) fn take_sender(
        &mut self,
        receiver: Link,
        endpoint: Link,
        luggage: Luggage,
    ) -> Result<Option<Message>, Error> {
        for _ in 0..REFUSALS_PER_CALL {
            let Some(target) = self.endpoints.at_mut(endpoint) else { return Ok(None) };
            let sender = target.take_sender(&mut self.threads);
            if !sender.is_some() {
                return Ok(None);
            }
            match self.sender_message(sender, receiver, luggage) {
                Ok(message) => {
                    if let Some(thread) = self.threads.at_mut(sender) {
                        thread.begin_awaiting(receiver);
                    }
                    if let Some(thread) = self.threads.at_mut(receiver) {
                        thread.owe(sender);
                    }
                    return Ok(Some(message));
                }
                Err(error) => self.refuse_sender(sender, error),
            }
        }
        Err(Error::NoHandleSlot)
    }

    /// Fails the call of a queued sender whose handle can't be delivered: the sender is ready again.
    fn refuse_sender(&mut self, sender: Link, error: Error) {
        self.clear_deadline(sender);
        self.set_message(sender, Message::error(error, [0; 2]));
        self.enqueue(sender);
    }

    /// Lets a thread wait at an endpoint where nothing is to be received.
    #[inline(never)]
    fn wait(&mut self, thread: Link, endpoint: Link, luggage: Luggage) -> Result<(), Error> {
        let Some(target) = self.endpoints.at_mut(endpoint).filter(|target| !target.is_dying()) else {
            return Err(Error::Gone);
        };
        target.queue_receiver(&mut self.threads, endpoint, thread, luggage);
        Ok(())
    }
}
