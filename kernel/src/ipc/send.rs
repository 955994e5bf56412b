//! Sending: a call or a fault reaches a thread that receives, or waits for one.

use crate::dispatch::Next;
use crate::kernel::Kernel;
use crate::machine::{Context, Machine};
use crate::objects::thread::{Luggage, Sent};
use crate::tables::Link;
use abi::{Error, Kind, Message, Rights, Tag};

impl<M: Machine> Kernel<M> {
    /// Gives the running thread's call or fault to a thread that receives at an endpoint, or lets it wait there.
    pub(crate) fn send(&mut self, endpoint: Link) -> Next {
        let current = self.current;
        let Some(target) = self.endpoints.at_mut(endpoint) else { return Next::Scheduled };
        let receiver = target.first_receiver();
        if !receiver.is_some() {
            if target.is_dying() {
                self.set_message(current, Message::error(Error::Gone, [0; 2]));
                return Next::Scheduled;
            }
            target.queue_sender(&mut self.threads, endpoint, current);
            return Next::Scheduled;
        }
        let luggage = self.threads.at(receiver).map_or(Luggage::Refused, |thread| thread.state().luggage());
        match self.sender_message(current, receiver, luggage) {
            Ok(message) => {
                if let Some(target) = self.endpoints.at_mut(endpoint) {
                    target.remove_receiver(&mut self.threads, receiver);
                }
                self.clear_deadline(receiver);
                let Some(sender) = self.threads.at_mut(current) else { return Next::Scheduled };
                sender.begin_awaiting(receiver);
                let priority = sender.priority();
                let Some(server) = self.threads.at_mut(receiver) else { return Next::Scheduled };
                server.context.set_message(message);
                server.owe(current);
                if server.priority() >= priority { Next::HandOver(receiver) } else { Next::Woken(receiver) }
            }
            Err(error) => {
                self.set_message(current, Message::error(error, [0; 2]));
                Next::Scheduled
            }
        }
    }

    /// The message of a sender, as the receiver gets it. Installs the handle that it carries in the receiver's process.
    pub(crate) fn sender_message(&mut self, sender: Link, receiver: Link, luggage: Luggage) -> Result<Message, Error> {
        let Some(thread) = self.threads.at(sender) else { return Err(Error::Gone) };
        match thread.sent() {
            Sent::Call => {
                let message = thread.context.message();
                let (process, (badge, carries)) = (thread.process, thread.call());
                let tag = Tag::outgoing(Kind::Call, message.tag.label(), badge);
                if carries != 0 {
                    if luggage == Luggage::Refused {
                        return Err(Error::HandleUnwanted);
                    }
                    let Some(to) = self.threads.at(receiver).map(|thread| thread.process) else {
                        return Err(Error::Gone);
                    };
                    let handle = self.carry(process, carries, to)?;
                    let [one, two, three, _] = message.words;
                    return Ok(Message::new(Tag(tag.0 | Tag::HANDLE), [one, two, three, handle as usize]));
                }
                Ok(Message::new(tag, message.words))
            }
            Sent::Fault => Ok(thread.fault().message(thread.fault_badge())),
        }
    }

    /// Copies a handle from one process to another, as one that travels in a message.
    pub(crate) fn carry(&mut self, from: Link, handle: u32, to: Link) -> Result<u32, Error> {
        let Some(source) = self.processes.at(from) else { return Err(Error::BadHandle) };
        let grant = self.handles.find(source.table.handle_run(), handle, Rights::COPY)?;
        let grant = self.check_copy(grant).map_err(|refusal| refusal.error)?;
        self.install(to, grant.passed_on()).map_err(|_| Error::ReceiverFull)
    }
}
