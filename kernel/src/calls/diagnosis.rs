//! What `info` answers about a line's path to its driver and about a thread, for finding out why something doesn't go
//! on. Each answer is about one slot, so that it takes bounded time.

use crate::calls::info::slot;
use crate::kernel::Kernel;
use crate::machine::{Line, Machine};
use crate::objects::source::Source;
use crate::objects::thread::{Sent, StateKind};
use crate::tables::{Link, Name};
use abi::{Error, InterruptFlags, ThreadPart, ThreadState, split};

impl<M: Machine> Kernel<M> {
    /// How a line gets to the CPU, and which source has claimed it.
    #[cold]
    #[inline(never)]
    pub(crate) fn line_info(&self, machine: &mut M, index: usize) -> Result<[usize; 4], Error> {
        let source = self.lines.get(index).copied().ok_or(Error::BadArgument)?;
        let line = Line(u8::try_from(index).map_err(|_| Error::BadArgument)?);
        let [place, flags] = machine.line_state(line).to_words();
        let claimed = if source.is_some() { source.index() + 1 } else { 0 };
        Ok([place, flags, claimed, 0])
    }

    /// A source's message, pending or received.
    #[cold]
    #[inline(never)]
    pub(crate) fn message_info(&self, source: &Source) -> [usize; 4] {
        let (pending, count, _, flags) = source.pending();
        let pending = pending as usize | (flags.contains(InterruptFlags::STORM) as usize) << 1;
        [pending, count as usize, source.outstanding() as usize, source.counters.replayed as usize]
    }

    /// Where a source's messages go. An endpoint that was destroyed counts as none, even before the source notices.
    #[cold]
    #[inline(never)]
    pub(crate) fn binding_info(&self, source: &Source) -> [usize; 4] {
        let (_, _, first, _) = source.pending();
        let [low, high] = split(first.0);
        [self.endpoint_number(source.endpoint()), self.badge_of(source.holder()) as usize, low, high]
    }

    /// What a thread does or waits for.
    #[cold]
    #[inline(never)]
    pub(crate) fn thread_info(&self, index: usize, part: usize) -> Result<[usize; 4], Error> {
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
                [state as usize, who, self.endpoint_number(thread.serves), target]
            }
            ThreadPart::Fault => {
                let fault = thread.fault();
                [fault.vector as usize, fault.error, fault.address, fault.instruction]
            }
        })
    }

    /// The number of an endpoint, plus 1; 0 if it has gone.
    fn endpoint_number(&self, endpoint: Name) -> usize {
        self.endpoints.resolve(endpoint).map_or(0, |link| link.index() + 1)
    }
}
