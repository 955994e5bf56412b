//! The end of a Reply: it was used, closed, or has lost its caller.
//!
//! A process that holds a Reply whose caller has gone is told by an event, whose place in the endpoint's queue is the
//! Reply's own. The event's message closes the handle. Events go before calls, so a server that receives its events has
//! no handle to a dead caller when it takes the next call: no client can fill its table with them.
//!
//! A handle is closed only by a call of its owner or by a message to its owner. Otherwise the number might name
//! something else, while the owner still believes that it is the Reply's. So where no message reaches the owner, the
//! Reply stays: an answer is `Stale` then, and ends it.

use crate::kernel::Kernel;
use crate::machine::Machine;
use crate::objects::event::Event;
use crate::objects::reply::HELD;
use crate::tables::Link;
use abi::{Kind, Message, Tag};

impl<M: Machine> Kernel<M> {
    /// Tells the process that holds a Reply that its caller has gone. If the endpoint has gone too, nobody is told.
    /// Nothing happens if the Reply has ended already.
    pub(crate) fn lose_caller(&mut self, link: Link) {
        let Some(reply) = self.replies.live(link) else { return };
        match self.endpoints.resolve(reply.endpoint()) {
            Some(endpoint) => {
                let next = self.post(endpoint, Event::CallerGone(link));
                self.make_ready(next);
            }
            None => self.orphan(link),
        }
    }

    /// The message that tells a process of a lost caller. The Reply ends. A receiver of another process is told that
    /// there was one.
    pub(crate) fn caller_gone_message(&mut self, link: Link, receiver: Link) -> Message {
        let Some(reply) = self.replies.live(link).copied() else { return Message::default() };
        let is_owner = self.threads.at(receiver).is_some_and(|thread| thread.process == reply.owner());
        let handle = if is_owner {
            self.end_reply(link);
            reply.handle()
        } else {
            self.orphan(link);
            0
        };
        Message::new(Tag::outgoing(Kind::CallerGone, 0, 0), [handle as usize, 0, 0, 0])
    }

    /// Leaves a Reply whose caller has gone to its owner, who isn't told.
    pub(crate) fn orphan(&mut self, link: Link) {
        self.withdraw(Event::CallerGone(link));
        if let Some(reply) = self.replies.at_mut(link) {
            reply.forget_endpoint();
        }
    }

    /// Ends a Reply: its handle is closed, and its owner's quota is back. The caller isn't told.
    pub(crate) fn end_reply(&mut self, link: Link) {
        let Some(reply) = self.replies.live(link).copied() else { return };
        self.withdraw(Event::CallerGone(link));
        if let Some(process) = self.processes.at_mut(reply.owner()) {
            process.replies.remove::<HELD, _, _>(&mut self.replies, link);
            self.handles.close(&mut process.table, reply.handle());
            process.quota.refund(0, 1);
        }
        self.replies.recycle(link);
    }
}
