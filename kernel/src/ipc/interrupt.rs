//! Interrupts' messages: binding a source, its message, and completing it.
//!
//! A level line is masked until its message is completed; an edge or MSI isn't, and only a storm masks it. Where
//! hardware may have dropped an edge (masked before the bind, or in a storm), the unmask posts one message that says
//! "replayed: poll your device".

use crate::kernel::Kernel;
use crate::machine::{Line, Machine, Trigger};
use crate::objects::event::Event;
use crate::objects::source::{Binding, Noted, SOURCES};
use crate::objects::thread::Token;
use crate::tables::sizes::SOURCES_PER_PROCESS;
use crate::tables::{Link, Name};
use abi::{Error, Message};

impl<M: Machine> Kernel<M> {
    /// Takes the message of an interrupt source for a receiver, which has to complete it.
    pub(super) fn interrupt_message(&mut self, source: Link, receiver: Link) -> Message {
        let name = self.interrupts.name(source);
        let Some(interrupt) = self.interrupts.at_mut(source) else { return Message::default() };
        let taken = interrupt.take();
        if let Some(thread) = self.threads.at_mut(receiver) {
            let token = Token { source: name, sequence: taken.sequence };
            thread.hold_since(token, (taken.count != 0).then_some(taken.first));
        }
        taken.message()
    }

    /// Completes the interrupt message that a thread has taken, if the source is bound to the endpoint that the thread
    /// receives on. A message that was completed by its number, or whose source was unbound, is forgotten: it would
    /// keep the thread off the fast path.
    pub(crate) fn complete_implicitly(&mut self, machine: &mut M, thread: Link, endpoint: Link) {
        let Some(token) = self.threads.at(thread).map(|receiver| receiver.completes()) else { return };
        if token == Token::NONE {
            return;
        }
        let source = self.interrupts.get(token.source).filter(|source| source.is_outstanding(token.sequence));
        if source.is_some() && self.bound_endpoint(token.source.link()).link() != endpoint {
            return;
        }
        if let Some(receiver) = self.threads.at_mut(thread) {
            receiver.forget_token();
        }
        // It fails if there is nothing to complete any more.
        let _ = self.complete(machine, token);
    }

    /// Completes a message: a level line, or one that a storm masked, may fire again.
    #[inline(never)]
    pub(crate) fn complete(&mut self, machine: &mut M, token: Token) -> Result<(), Error> {
        let Some(source) = self.interrupts.get_mut(token.source) else { return Err(Error::BadHandle) };
        if !source.is_outstanding(token.sequence) {
            return Err(Error::Stale);
        }
        let may_have_lost = source.may_have_lost();
        source.complete();
        if self.is_off(token.source.link()) {
            self.let_back_if_due(machine, token.source.link());
            return Ok(());
        }
        let Some(source) = self.interrupts.get_mut(token.source) else { return Err(Error::BadHandle) };
        if source.is_masked() {
            source.unmask(machine);
        }
        if may_have_lost { self.replay(token.source.link()) } else { Ok(()) }
    }

    /// Binds a source and unmasks it, unless a storm has switched it off. Returns how many interrupts its pending
    /// message stands for, and its last number.
    pub(crate) fn bind(
        &mut self,
        machine: &mut M,
        source: Link,
        endpoint: Name,
        binding: Binding,
    ) -> Result<(u32, u32), Error> {
        if self.endpoints.get(self.bound_endpoint(source)).is_some() {
            return Err(Error::Busy);
        }
        // The source may still be bound to an endpoint that was destroyed.
        self.unbind(machine, source);
        let Some(interrupt) = self.interrupts.at_mut(source) else { return Err(Error::BadHandle) };
        let Some(process) = self.processes.at_mut(binding.holder) else { return Err(Error::Gone) };
        if process.sources.count() >= SOURCES_PER_PROCESS {
            return Err(Error::TableFull);
        }
        interrupt.bind(machine, endpoint, binding);
        let edge = interrupt.trigger() == Trigger::Edge && interrupt.line() != Line::NMI;
        process.sources.add::<SOURCES, _, _>(&mut self.interrupts, source);
        if self.is_off(source) {
            self.bind_while_off(machine, source, endpoint);
        } else if let Some(interrupt) = self.interrupts.at_mut(source) {
            interrupt.unmask(machine);
            if edge {
                self.replay(source)?;
            }
        }
        let Some(interrupt) = self.interrupts.at(source) else { return Err(Error::BadHandle) };
        let (_, count, ..) = interrupt.pending();
        Ok((count, interrupt.sequence()))
    }

    /// Masks a source and takes it off its endpoint. A message that wasn't received is dropped, and counted as such.
    pub(crate) fn unbind(&mut self, machine: &mut M, source: Link) {
        let Some(interrupt) = self.interrupts.at_mut(source) else { return };
        if interrupt.endpoint().is_none() {
            return;
        }
        let holder = interrupt.unbind(machine);
        if let Some(process) = self.processes.at_mut(holder) {
            process.sources.remove::<SOURCES, _, _>(&mut self.interrupts, source);
        }
        self.withdraw(Event::Interrupt(source));
    }

    fn replay(&mut self, source: Link) -> Result<(), Error> {
        let now = self.now;
        let Some(interrupt) = self.interrupts.at_mut(source) else { return Err(Error::BadHandle) };
        let Some(endpoint) = self.endpoints.resolve(interrupt.endpoint()) else { return Ok(()) };
        if interrupt.replay(now) == Noted::Post {
            let next = self.post(endpoint, Event::Interrupt(source));
            self.make_ready(next);
        }
        Ok(())
    }
}
