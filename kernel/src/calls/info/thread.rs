//! What `info` answers about a thread, for finding out why something doesn't go on.

use super::slot;
use crate::kernel::Kernel;
use crate::machine::Machine;
use crate::objects::thread::{Sent, StateKind};
use crate::tables::{Link, Name};
use abi::{Error, ThreadPart, ThreadState};

impl<M: Machine> Kernel<M> {
    /// What a thread does or waits for.
    #[cold]
    #[inline(never)]
    pub(super) fn thread_info(&self, index: usize, part: usize) -> Result<[usize; 4], Error> {
        let part = ThreadPart::from_number(part).ok_or(Error::BadArgument)?;
        let Some(thread) = slot(&self.threads, index)? else { return Ok([ThreadState::Free as usize, 0, 0, 0]) };
        Ok(match part {
            ThreadPart::State => {
                let target = thread.state().target();
                let waiting = |state| if thread.sent() == Sent::Fault { ThreadState::Faulted } else { state };
                let (state, target) = match thread.state().kind() {
                    StateKind::Stopped => (ThreadState::Stopped, 0),
                    StateKind::Ready | StateKind::Preempted => (ThreadState::Ready, 0),
                    StateKind::Running => (ThreadState::Running, 0),
                    StateKind::Receiving | StateKind::ReceivingHandles => (ThreadState::Receiving, target.index() + 1),
                    StateKind::Sending => (waiting(ThreadState::Calling), target.index() + 1),
                    StateKind::Awaiting => {
                        let server = self.threads.at(target).map_or(Link::NONE, |server| server.process);
                        (waiting(ThreadState::Awaiting), self.badge_of(server) as usize + 1)
                    }
                    StateKind::AwaitingReply => {
                        let owner = self.replies.at(target).map_or(Link::NONE, |reply| reply.owner());
                        (waiting(ThreadState::Awaiting), self.badge_of(owner) as usize + 1)
                    }
                };
                let who = self.badge_of(thread.process) as usize | thread.asked_priority().number() << 16;
                [state as usize, who, self.endpoint_number(thread.serves()), target]
            }
            ThreadPart::Fault => {
                let fault = thread.fault();
                [fault.vector as usize, fault.error, fault.address, fault.instruction]
            }
        })
    }

    /// The number of an endpoint, plus 1; 0 if it has gone.
    pub(super) fn endpoint_number(&self, endpoint: Name) -> usize {
        self.endpoints.resolve(endpoint).map_or(0, |link| link.index() + 1)
    }
}
