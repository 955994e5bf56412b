//! The calls about handles: closing a handle forgets a name, destroying an object revokes it for everyone.

use crate::kernel::Kernel;
use crate::machine::{Context, Machine};
use crate::objects::handle::Grant;
use crate::objects::thread::{Sent, StateKind, Thread};
use crate::request::{CallResult, DONE, Outcome, Request, word};
use abi::{Error, Message, ObjectKind, Rights};

impl<M: Machine> Kernel<M> {
    pub(super) fn handle_copy(&mut self, request: Request) -> CallResult {
        let [rights, badge, without, _] = request.message.words;
        let grant = self.check_copy(self.find(&request, Rights::COPY)?)?;
        let grant = grant.restricted(Rights::from_bits_truncate(rights as u32), badge as u16, without as u32);
        word(self.install(request.process, grant)? as usize)
    }

    pub(super) fn handle_close(&mut self, request: Request) -> CallResult {
        let grant = self.find(&request, Rights::empty())?;
        if let Some(process) = self.processes.at_mut(request.process) {
            self.handles.close(&mut process.table, request.handle);
        }
        if grant.kind == ObjectKind::Reply {
            self.drop_reply(grant.object);
        }
        DONE
    }

    pub(super) fn destroy(&mut self, machine: &mut M, request: Request) -> CallResult {
        let grant = self.find(&request, Rights::DESTROY)?;
        if matches!(grant.kind, ObjectKind::Process | ObjectKind::Root) {
            // A process is ended by `process_kill` and torn down by `process_reap`; the root is for ever.
            return Err(Error::WrongType.into());
        }
        let link = self.check_copy(grant)?.link();
        match grant.kind {
            ObjectKind::Endpoint => return word(self.destroy_endpoint(machine, link)),
            ObjectKind::Memory => return word(self.destroy_memory(machine, link)),
            ObjectKind::Ports => return word(self.destroy_ports(machine, link)),
            ObjectKind::Interrupt => self.destroy_interrupt(machine, link),
            ObjectKind::Timer => self.destroy_timer(link),
            ObjectKind::Thread if link == request.caller => return Err(Error::Busy.into()),
            ObjectKind::Thread => {
                let Message { tag, words: [.., last] } = self.held_message(grant);
                self.remove_thread(machine, link);
                return Ok(Outcome::Return([0, tag.0 as usize, last, 0]));
            }
            _ => return Err(Error::BadHandle.into()),
        }
        DONE
    }

    /// The message with which a thread would go on, for a caller that destroys the thread and might have read its
    /// registers before. The caller can't read them in a call of its own: an answer may come between the two calls.
    ///
    /// A thread that waits for a message has none. Its saved registers may hold an old one, whose handle names
    /// something else by now: the fast path takes what it sends from the CPU's registers.
    fn held_message(&self, thread: Grant) -> Message {
        let thread = self.threads.at(thread.link()).filter(|_| thread.rights.contains(Rights::THREAD));
        let goes_on = |thread: &&Thread<M::Context>| {
            matches!(thread.state().kind(), StateKind::Ready | StateKind::Preempted) || thread.sent() == Sent::Fault
        };
        thread.filter(goes_on).map_or(Message::default(), |thread| thread.context.message())
    }
}
