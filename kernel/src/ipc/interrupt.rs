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
use crate::tables::{Link, Name};
use abi::{Error, InterruptFlags, Kind, Message, Tag};

impl<M: Machine> Kernel<M> {
    /// The message of an interrupt source, which the receiver thereby holds.
    pub(crate) fn interrupt_message(&mut self, source: Link, receiver: Link) -> Message {
        let name = self.interrupts.name(source);
        let Some(interrupt) = self.interrupts.at_mut(source) else { return Message::default() };
        let taken = interrupt.take();
        if taken.count == 0 {
            interrupt.counters.replayed = interrupt.counters.replayed.wrapping_add(1);
        }
        if let Some(thread) = self.threads.at_mut(receiver) {
            thread.completes = Token { source: name, sequence: taken.sequence };
            thread.raised = if taken.count != 0 { taken.first.0.max(1) } else { 0 };
        }
        taken.message()
    }

    /// Completes the interrupt message that a thread has taken, as it receives on the endpoint the source is bound to.
    pub(crate) fn complete_implicitly(&mut self, machine: &mut M, thread: Link, endpoint: Link) {
        let Some(receiver) = self.threads.at_mut(thread) else { return };
        let token = receiver.completes;
        if token == Token::NONE {
            return;
        }
        if self.interrupts.get(token.source).is_none_or(|source| source.endpoint.link() != endpoint) {
            return;
        }
        receiver.completes = Token::NONE;
        // A source that was unbound or completed by name in the meantime needs nothing more.
        let _ = self.complete(machine, token);
    }

    /// Completes a message: a level line, or one that a storm masked, may fire again.
    #[inline(never)]
    pub(crate) fn complete(&mut self, machine: &mut M, token: Token) -> Result<(), Error> {
        let Some(source) = self.interrupts.get_mut(token.source) else { return Err(Error::BadHandle) };
        if source.outstanding != token.sequence || token.sequence == 0 {
            return Err(Error::Stale);
        }
        let may_have_lost = source.may_have_lost();
        source.complete();
        if source.is_masked() {
            source.unmask(machine);
        }
        if may_have_lost { self.replay(token.source.link()) } else { Ok(()) }
    }

    /// Binds a source, unmasks it and returns how many interrupts it has seen before, and its last number.
    pub(crate) fn bind(
        &mut self,
        machine: &mut M,
        source: Link,
        endpoint: Name,
        binding: Binding,
    ) -> Result<(u32, u32), Error> {
        let Some(interrupt) = self.interrupts.at(source) else { return Err(Error::BadHandle) };
        if self.endpoints.get(interrupt.endpoint).is_some() {
            return Err(Error::Busy);
        }
        // It may still be bound to an endpoint that was destroyed.
        self.unbind(machine, source);
        let Some(interrupt) = self.interrupts.at_mut(source) else { return Err(Error::BadHandle) };
        let Some(process) = self.processes.at_mut(binding.holder) else { return Err(Error::Gone) };
        if process.source_count as usize >= crate::tables::sizes::SOURCES_PER_PROCESS {
            return Err(Error::TableFull);
        }
        process.source_count += 1;
        interrupt.endpoint = endpoint;
        interrupt.holder = binding.holder;
        interrupt.badge = binding.badge;
        interrupt.trigger = machine.configure(interrupt.line, binding.trigger);
        interrupt.plain_tag = Tag::outgoing(Kind::Interrupt, interrupt.level().bits(), interrupt.badge);
        interrupt.outstanding = 0;
        let (line, trigger) = (interrupt.line, interrupt.trigger);
        self.interrupts.push_back::<SOURCES>(&mut process.sources, source);
        if let Some(interrupt) = self.interrupts.at_mut(source) {
            interrupt.unmask(machine);
        }
        if trigger == Trigger::Edge && line != Line::NMI {
            self.replay(source)?;
        }
        let Some(interrupt) = self.interrupts.at(source) else { return Err(Error::BadHandle) };
        Ok((interrupt.count, interrupt.sequence))
    }

    /// Masks a source and takes it off its endpoint; a message that nobody read is dropped, and counted as such.
    pub(crate) fn unbind(&mut self, machine: &mut M, source: Link) {
        let Some(interrupt) = self.interrupts.at_mut(source) else { return };
        if interrupt.endpoint.is_none() {
            return;
        }
        interrupt.hold_back(machine);
        interrupt.endpoint = Name::NONE;
        interrupt.outstanding = 0;
        interrupt.flags = InterruptFlags::empty();
        interrupt.pending = false;
        if core::mem::replace(&mut interrupt.count, 0) != 0 {
            interrupt.counters.dropped = interrupt.counters.dropped.wrapping_add(1);
        }
        let holder = core::mem::replace(&mut interrupt.holder, Link::NONE);
        if let Some(process) = self.processes.at_mut(holder) {
            process.source_count = process.source_count.saturating_sub(1);
            self.interrupts.unlink::<SOURCES>(&mut process.sources, source);
        }
        self.withdraw(Event::Interrupt(source));
    }

    fn replay(&mut self, source: Link) -> Result<(), Error> {
        let now = self.now;
        let Some(interrupt) = self.interrupts.at_mut(source) else { return Err(Error::BadHandle) };
        let Some(endpoint) = self.endpoints.resolve(interrupt.endpoint) else { return Ok(()) };
        if interrupt.replay(now) == Noted::Post {
            let next = self.post(endpoint, Event::Interrupt(source));
            self.defer(next);
        }
        Ok(())
    }
}
