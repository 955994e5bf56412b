//! The fast path of a thread that is done and receives again: the loop of every server and driver.

use super::Origin;
use crate::Kernel;
use crate::machine::{Machine, Resume};
use crate::objects::thread::{Sent, State};
use crate::tables::{Link, Name};
use abi::{Kind, Rights, Tag};

impl<M: Machine> Kernel<M> {
    /// Completes the interrupt or answers the call that the running thread has served, and lets the thread wait. The
    /// thread's debt is read before the endpoint, so that only one of the two is kept in registers.
    #[inline(always)]
    pub(super) fn fast_reply_receive(
        &mut self,
        machine: &mut M,
        tag: Tag,
        handle: u32,
        origin: Origin,
    ) -> Option<Resume> {
        let server = self.current;
        let thread = self.threads.at(server)?;
        if thread.completes().sequence != 0 {
            self.fast_complete(machine, tag, handle, server)
        } else if self.threads.at(thread.owes()).is_some() {
            self.fast_answer(machine, tag, handle, origin)
        } else {
            let next = self.schedule.successor();
            self.threads.at(next)?;
            let endpoint = self.quiet_endpoint(server, handle)?;
            self.fast_wait(server, endpoint)?;
            self.give_way(machine, tag, server, next)
        }
    }

    /// Completes an interrupt: its line may fire again.
    #[inline(always)]
    fn fast_complete(&mut self, machine: &mut M, tag: Tag, handle: u32, driver: Link) -> Option<Resume> {
        let next = self.schedule.successor();
        self.threads.at(next)?;
        let thread = self.threads.at(driver)?;
        let token = thread.completes();
        if thread.owes().is_some() {
            return None;
        }
        let source = self.interrupts.get(token.source)?;
        if !source.is_outstanding(token.sequence) || !source.can_unmask_directly() {
            return None;
        }
        let endpoint = self.quiet_endpoint(driver, handle)?;
        let source = self.interrupts.at_mut(token.source.link())?;
        if source.endpoint() != endpoint {
            return None;
        }
        source.complete();
        source.unmask_directly(machine);
        self.threads.at_mut(driver)?.forget_token();
        self.fast_wait(driver, endpoint)?;
        self.give_way(machine, tag, driver, next)
    }

    /// Answers a caller, which runs next.
    #[inline(always)]
    fn fast_answer(&mut self, machine: &mut M, tag: Tag, handle: u32, origin: Origin) -> Option<Resume> {
        let server = self.current;
        let client = self.threads.at(server)?.owes();
        let waiting = self.threads.at(client)?;
        if waiting.state() != State::awaiting(server) {
            return None;
        }
        if waiting.rank() <= self.schedule.bar() {
            return self.fast_retry(machine, tag, handle, server, client);
        }
        let endpoint = self.quiet_endpoint(server, handle)?;
        self.fast_wait(server, endpoint)?;
        self.threads.at_mut(server)?.forget_debt();
        self.charge_call(machine, tag, server, client);
        let resume = self.pass(Tag::outgoing(Kind::Reply, tag.label(), 0), origin, server, client)?;
        self.resume_next(machine, client);
        Some(resume)
    }

    /// Answers a fault: the thread that raised it tries again, with the registers that it has.
    #[inline(always)]
    fn fast_retry(&mut self, machine: &mut M, tag: Tag, handle: u32, handler: Link, faulty: Link) -> Option<Resume> {
        let thread = self.threads.at(faulty)?;
        if thread.sent() != Sent::Fault || thread.priority() <= self.schedule.bar() {
            return None;
        }
        let endpoint = self.quiet_endpoint(handler, handle)?;
        self.fast_wait(handler, endpoint)?;
        self.threads.at_mut(handler)?.forget_debt();
        self.threads.at_mut(faulty)?.end_fault();
        self.charge_call(machine, tag, handler, faulty);
        self.resume_next(machine, faulty);
        Some(Resume::Saved)
    }

    /// The endpoint that a handle allows to receive on, if its receiver has to wait there, and alone.
    #[inline(always)]
    fn quiet_endpoint(&self, receiver: Link, handle: u32) -> Option<Name> {
        let run = self.threads.at(receiver)?.handles;
        let grant = self.handles.look_up(run, handle, Rights::RECEIVE)?;
        self.endpoints.get(grant.object)?.is_quiet().then_some(grant.object)
    }

    /// Runs the thread that the schedule has ready as the next, since the running one waits.
    #[inline(always)]
    fn give_way(&mut self, machine: &mut M, tag: Tag, from: Link, next: Link) -> Option<Resume> {
        self.schedule.take_successor();
        self.charge_call(machine, tag, from, next);
        self.resume_next(machine, next);
        Some(Resume::Saved)
    }

    /// Lets the running thread wait, alone, at an endpoint.
    #[inline(always)]
    fn fast_wait(&mut self, server: Link, endpoint: Name) -> Option<()> {
        self.endpoints.at_mut(endpoint.link())?.set_only_receiver(server);
        let thread = self.threads.at_mut(server)?;
        thread.begin_receiving(endpoint.link());
        thread.serve(endpoint);
        Some(())
    }
}
