//! Receiving: taking what waits at an endpoint, or waiting there.

use crate::dispatch::{Next, QUEUE};
use crate::kernel::Kernel;
use crate::machine::{Context, Machine};
use crate::objects::event::Event;
use crate::request::{CallResult, Outcome};
use crate::tables::Link;
use abi::{Error, Kind, Message, Tag};

/// How many senders one receive refuses whose handles have no room at the receiver.
const REFUSALS_PER_CALL: usize = 2;

impl<M: Machine> Kernel<M> {
    /// Takes the next message or waits for it; `answered` is a client that was just answered and is in no queue.
    #[inline(never)]
    pub(crate) fn next_message(&mut self, machine: &mut M, caller: Link, endpoint: Link, answered: Link) -> CallResult {
        if let Some(thread) = self.threads.at_mut(caller) {
            thread.serves = self.endpoints.name(endpoint);
        }
        let taken = self.take_message(machine, caller, endpoint);
        if let Ok(Some(message)) = taken {
            self.set_message(caller, message);
            return Ok(Outcome::Next(Next::Woken(answered)));
        }
        if let Err(error) = taken.and_then(|_| self.wait(caller, endpoint)) {
            if answered.is_some() {
                self.enqueue(answered);
            }
            return Err(error.into());
        }
        Ok(Outcome::Next(Next::Woken(answered)))
    }

    /// The next message for a thread that receives on an endpoint, if one waits there. An error says that more may be
    /// there: see [`Self::take_sender`].
    #[inline(never)]
    pub(crate) fn take_message(
        &mut self,
        machine: &mut M,
        receiver: Link,
        endpoint: Link,
    ) -> Result<Option<Message>, Error> {
        let Some(target) = self.endpoints.at_mut(endpoint) else { return Ok(None) };
        if target.bits != 0 {
            let bits = core::mem::replace(&mut target.bits, 0);
            target.refresh();
            return Ok(Some(Message::new(Tag::outgoing(Kind::Notify, 0, 0), [bits as usize, 0, 0, 0])));
        }
        let event = target.events.head();
        if event.is_some() {
            self.events.unlink::<QUEUE>(&mut target.events, event);
            target.refresh();
            if let Some(slot) = self.events.at_mut(event) {
                slot.queued_at = Link::NONE;
            }
            let message = self.event_message(Event::from_link(event), receiver);
            self.now = machine.now();
            self.note_delivery(receiver, self.now);
            return Ok(Some(message));
        }
        self.take_sender(receiver, endpoint)
    }

    /// The message of the first sender that can be received, with the handle that it carries installed. Senders whose
    /// handle finds no room are refused, few a call: if it comes to that, the receiver gets the error and may try
    /// again.
    pub(crate) fn take_sender(&mut self, receiver: Link, endpoint: Link) -> Result<Option<Message>, Error> {
        for _ in 0..REFUSALS_PER_CALL {
            let Some(target) = self.endpoints.at_mut(endpoint) else { return Ok(None) };
            let sender = target.senders.head();
            if !sender.is_some() {
                return Ok(None);
            }
            self.threads.unlink::<QUEUE>(&mut target.senders, sender);
            target.refresh();
            match self.sender_message(sender, receiver) {
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

    /// A queued sender's handle can't be delivered: its call fails, and it is ready again.
    fn refuse_sender(&mut self, sender: Link, error: Error) {
        self.clear_deadline(sender);
        if let Some(thread) = self.threads.at_mut(sender) {
            thread.context.set_message(Message::error(error, [0; 2]));
        }
        self.enqueue(sender);
    }

    /// A thread begins to wait on an endpoint where nothing is to be had.
    #[inline(never)]
    pub(crate) fn wait(&mut self, thread: Link, endpoint: Link) -> Result<(), Error> {
        let Some(target) = self.endpoints.at_mut(endpoint).filter(|target| !target.is_dying()) else {
            return Err(Error::Gone);
        };
        self.threads.push_back::<QUEUE>(&mut target.receivers, thread);
        if let Some(receiver) = self.threads.at_mut(thread) {
            receiver.begin_receiving(endpoint);
        }
        Ok(())
    }
}
