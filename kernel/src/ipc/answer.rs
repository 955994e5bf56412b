//! Answering a call or a fault.

use crate::kernel::Kernel;
use crate::machine::Machine;
use crate::objects::thread::{Sent, State};
use crate::tables::Link;
use abi::{Error, Kind, Message, Tag};

impl<M: Machine> Kernel<M> {
    /// Answers the caller that a thread owes a reply. Returns the caller, which can run now and is in no queue. If the
    /// message itself can't be delivered, the thread still owes the reply.
    pub(crate) fn answer(&mut self, server: Link, message: Message) -> Result<Link, Error> {
        let Some(thread) = self.threads.at(server) else { return Err(Error::Stale) };
        let (process, caller) = (thread.process, thread.owes());
        let answered = self.answer_caller(process, caller, message, State::awaiting(server));
        if matches!(answered, Ok(_) | Err(Error::Stale))
            && let Some(thread) = self.threads.at_mut(server)
        {
            thread.forget_debt();
        }
        answered
    }

    /// Answers a caller, if its state is `expected`.
    #[inline(never)]
    pub(crate) fn answer_caller(
        &mut self,
        process: Link,
        caller: Link,
        message: Message,
        expected: State,
    ) -> Result<Link, Error> {
        let Some(waiting) = self.threads.at_mut(caller) else { return Err(Error::Stale) };
        if waiting.state() != expected {
            self.account.stale_replies = self.account.stale_replies.wrapping_add(1);
            return Err(Error::Stale);
        }
        let mut tag = Tag::outgoing(Kind::Reply, message.tag.label(), 0);
        let mut words = message.words;
        if waiting.sent() == Sent::Call {
            let to = waiting.process;
            if message.tag.options().contains(abi::Options::HANDLE) {
                let [one, two, three, handle] = words;
                let installed = self.carry(process, handle as u32, to)?;
                words = [one, two, three, installed as usize];
                tag = Tag(tag.0 | Tag::HANDLE);
            }
            self.set_message(caller, Message::new(tag, words));
        } else {
            waiting.end_fault();
        }
        self.clear_deadline(caller);
        Ok(caller)
    }
}
