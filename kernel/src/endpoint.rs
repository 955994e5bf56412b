//! Endpoints: where messages arrive, and how they get from those who send to those who receive.
//!
//! An endpoint has three queues, all threaded through the objects themselves, so that posting needs no memory and
//! can't fail: threads that wait to receive, threads that wait to send, and events (interrupts, timers, exits) with
//! a message to give. Events go before senders. At most one of the first queue and the other two is non-empty.

use crate::Kernel;
use crate::account::TraceKind;
use crate::arena::{Entry, Link, Linked, Links, List};
use crate::handle::Grant;
use crate::machine::{Context, Machine, Time};
use crate::schedule::QUEUE;
use crate::sizes::{INTERRUPTS, PROCESSES, TIMERS};
use crate::thread::{Sent, State, StateKind, Token};
use abi::{Error, Kind, Message, Rights, Tag};
use bitflags::bitflags;

/// How many senders one receive refuses whose handles have no room at the receiver.
const REFUSALS_PER_CALL: usize = 2;

/// Where messages arrive.
#[derive(Clone, Copy, Debug)]
pub struct Endpoint {
    /// Threads that wait to receive.
    pub receivers: List,
    /// Threads that wait with a call or fault.
    pub senders: List,
    /// Events that wait to be received.
    pub events: List,
    /// The notify word.
    pub bits: u32,
    /// Whose quota it is charged to.
    pub owner: Link,
    /// What a receiver has to look at before it may wait.
    pub(crate) notice: Notice,
}

bitflags! {
    /// What is to be seen at an endpoint: see [`Endpoint::refresh`].
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Notice: u32 {
        /// Senders, events or bits wait to be received.
        const MESSAGE = 1 << 0;
        /// It is being destroyed: nobody begins to wait here any more, or a thread that calls again and again could keep
        /// the end from ever being reached.
        const DYING = 1 << 1;
    }
}

impl Endpoint {
    /// Whether it is being destroyed.
    #[inline(always)]
    pub const fn is_dying(&self) -> bool {
        self.notice.contains(Notice::DYING)
    }

    /// Its end begins.
    pub fn begin_end(&mut self) {
        self.notice |= Notice::DYING;
    }

    /// Whether whoever receives here now has to wait, and alone.
    #[inline(always)]
    pub const fn is_quiet(&self) -> bool {
        self.receivers.only().word() | self.notice.bits() == 0
    }

    /// Works out anew whether there is anything to be had, after any change of senders, events or bits.
    #[inline(always)]
    pub fn refresh(&mut self) {
        let some = self.senders.head().word() | self.events.head().word() | self.bits != 0;
        self.notice.set(Notice::MESSAGE, some);
    }

    /// Adds bits, of which there is one at least, to the notify word.
    #[inline(always)]
    pub fn note(&mut self, bits: u32) {
        self.bits |= bits;
        self.notice |= Notice::MESSAGE;
    }
}

impl Entry for Endpoint {
    const EMPTY: Self = Self {
        receivers: List::EMPTY,
        senders: List::EMPTY,
        events: List::EMPTY,
        bits: 0,
        owner: Link::NONE,
        notice: Notice::empty(),
    };
}

/// What can post to an endpoint without being a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// An interrupt source.
    Interrupt(Link),
    /// A timer.
    Timer(Link),
    /// The end of a process.
    Exit(Link),
}

/// As many as there are objects that can post.
pub const EVENTS: usize = INTERRUPTS + TIMERS + PROCESSES;

impl Event {
    /// Its slot among all events.
    #[inline(always)]
    pub const fn link(self) -> Link {
        match self {
            Self::Interrupt(link) => link,
            Self::Timer(link) => Link::new(INTERRUPTS.wrapping_add(link.index())),
            Self::Exit(link) => Link::new((INTERRUPTS + TIMERS).wrapping_add(link.index())),
        }
    }

    pub(crate) const fn from_link(link: Link) -> Self {
        let index = link.index();
        if index < INTERRUPTS {
            Self::Interrupt(link)
        } else if index < INTERRUPTS + TIMERS {
            Self::Timer(Link::new(index - INTERRUPTS))
        } else {
            Self::Exit(Link::new(index - INTERRUPTS - TIMERS))
        }
    }
}

/// An event's place in an endpoint's queue.
#[derive(Clone, Copy, Debug)]
pub struct EventSlot {
    /// The endpoint in whose queue it is, or none.
    pub queued_at: Link,
    links: Links,
}

impl Entry for EventSlot {
    const EMPTY: Self = Self { queued_at: Link::NONE, links: Links::NONE };
}

impl Linked<QUEUE> for EventSlot {
    fn links(&mut self) -> &mut Links {
        &mut self.links
    }
    fn links_ref(&self) -> &Links {
        &self.links
    }
}

impl<M: Machine> Kernel<M> {
    /// Gives an event's message to a waiting receiver, or queues the event. An event that is queued already stays
    /// where it is: whatever it has to say is counted in itself.
    #[inline(never)]
    pub(crate) fn post(&mut self, machine: &mut M, endpoint: Link, event: Event) {
        let Some(target) = self.endpoints.at_mut(endpoint) else { return };
        let receiver = target.receivers.head();
        if receiver.is_some() {
            self.threads.unlink::<QUEUE>(&mut target.receivers, receiver);
            let message = self.event_message(event, receiver);
            self.give(machine, receiver, message);
            return;
        }
        let Some(slot) = self.events.at_mut(event.link()) else { return };
        if !slot.queued_at.is_some() {
            slot.queued_at = endpoint;
            self.events.push_back::<QUEUE>(&mut target.events, event.link());
            target.refresh();
        }
    }

    /// Takes an event out of the queue that it may be in. Returns whether it was in one.
    pub(crate) fn withdraw(&mut self, event: Event) -> bool {
        let Some(slot) = self.events.at_mut(event.link()) else { return false };
        let endpoint = core::mem::replace(&mut slot.queued_at, Link::NONE);
        match self.endpoints.at_mut(endpoint) {
            Some(target) => {
                self.events.unlink::<QUEUE>(&mut target.events, event.link());
                target.refresh();
                true
            }
            None => false,
        }
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

    /// Makes a receiver run with a message, or queues it as ready.
    #[inline(never)]
    pub(crate) fn give(&mut self, machine: &mut M, receiver: Link, message: Message) {
        self.clear_deadline(receiver);
        if let Some(thread) = self.threads.at_mut(receiver) {
            thread.context.set_message(message);
        }
        self.wake(machine, receiver);
    }

    fn event_message(&mut self, event: Event, receiver: Link) -> Message {
        match event {
            Event::Interrupt(source) => self.interrupt_message(source, receiver),
            Event::Timer(timer) => {
                let Some(timer) = self.timers.at_mut(timer) else { return Message::default() };
                let expiries = core::mem::replace(&mut timer.expiries, 0);
                Message::new(Tag::outgoing(Kind::Timer, 0, timer.badge), [expiries as usize, 0, 0, 0])
            }
            Event::Exit(process) => {
                let Some(process) = self.processes.at(process) else { return Message::default() };
                let exit = process.0.exit;
                Message::new(Tag::outgoing(Kind::Exit, exit.how as u8, process.0.badge), exit.words)
            }
        }
    }

    /// The message of the first sender that can be received, with the handle that it carries installed. Senders whose
    /// handle finds no room are refused, few a call: if it comes to that, the receiver gets the error and may try again.
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
                        thread.state = State::awaiting(receiver);
                    }
                    if let Some(thread) = self.threads.at_mut(receiver) {
                        thread.reply_to = sender;
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

    /// What a sender's message is at the receiver. A handle that it carries is installed there.
    pub(crate) fn sender_message(&mut self, sender: Link, receiver: Link) -> Result<Message, Error> {
        let Some(thread) = self.threads.at(sender) else { return Err(Error::Gone) };
        match thread.sent {
            Sent::Call => {
                let message = thread.context.message();
                let tag = Tag::outgoing(Kind::Call, message.tag.label(), thread.badge);
                let (process, carries) = (thread.process, thread.carries);
                if carries != 0 {
                    let Some(to) = self.threads.at(receiver).map(|thread| thread.process) else {
                        return Err(Error::Gone);
                    };
                    let handle = self.carry(process, carries, to)?;
                    let [one, two, three, _] = message.words;
                    return Ok(Message::new(Tag(tag.0 | Tag::HANDLE), [one, two, three, handle as usize]));
                }
                Ok(Message::new(tag, message.words))
            }
            Sent::Fault => Ok(thread.fault.message(thread.fault_badge)),
        }
    }

    /// Copies a handle from one process to another, as one that travels in a message.
    pub(crate) fn carry(&mut self, from: Link, handle: u32, to: Link) -> Result<u32, Error> {
        let Some(source) = self.processes.at(from) else { return Err(Error::BadHandle) };
        let grant = self.handles.find(&source.0, handle, Rights::COPY)?;
        self.install(to, grant).map_err(|_| Error::ReceiverFull)
    }

    /// Installs a handle in a process.
    pub(crate) fn install(&mut self, process: Link, grant: Grant) -> Result<u32, Error> {
        match self.processes.at_mut(process) {
            Some(process) => self.handles.install(&mut process.0, grant),
            None => Err(Error::Gone),
        }
    }

    /// Answers the caller that a thread owes a reply. Returns the caller, which now belongs to nobody's queue and
    /// waits for the decision who runs; none if there is none to answer.
    pub(crate) fn answer(&mut self, server: Link, message: Message, expected: State) -> Result<Link, Error> {
        let Some(thread) = self.threads.at_mut(server) else { return Err(Error::Stale) };
        let caller = core::mem::replace(&mut thread.reply_to, Link::NONE);
        let process = thread.process;
        self.answer_caller(process, caller, message, expected)
    }

    /// Answers a caller whose state says that it waits for just this answer.
    #[inline(never)]
    pub(crate) fn answer_caller(
        &mut self,
        process: Link,
        caller: Link,
        message: Message,
        expected: State,
    ) -> Result<Link, Error> {
        let Some(waiting) = self.threads.at_mut(caller) else { return Err(Error::Stale) };
        if waiting.state != expected {
            self.account.stale_replies = self.account.stale_replies.wrapping_add(1);
            return Err(Error::Stale);
        }
        let mut tag = Tag::outgoing(Kind::Reply, message.tag.label(), 0);
        let mut words = message.words;
        if waiting.sent == Sent::Call {
            let to = waiting.process;
            if message.tag.options().contains(abi::Options::HANDLE) {
                let [one, two, three, handle] = words;
                let installed = self.carry(process, handle as u32, to)?;
                words = [one, two, three, installed as usize];
                tag = Tag(tag.0 | Tag::HANDLE);
            }
            if let Some(waiting) = self.threads.at_mut(caller) {
                waiting.context.set_message(Message::new(tag, words));
            }
        } else {
            waiting.end_fault();
        }
        self.clear_deadline(caller);
        Ok(caller)
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

    /// A thread begins to wait on an endpoint where nothing is to be had.
    #[inline(never)]
    pub(crate) fn wait(&mut self, thread: Link, endpoint: Link) -> Result<(), Error> {
        let Some(target) = self.endpoints.at_mut(endpoint).filter(|target| !target.is_dying()) else {
            return Err(Error::Gone);
        };
        self.threads.push_back::<QUEUE>(&mut target.receivers, thread);
        if let Some(receiver) = self.threads.at_mut(thread) {
            receiver.state = State::receiving(endpoint);
        }
        Ok(())
    }

    /// Takes a waiting thread out of whatever it waits in; it is in no queue afterwards.
    pub(crate) fn detach(&mut self, link: Link) {
        self.clear_deadline(link);
        let Some(state) = self.threads.at(link).map(|thread| thread.state) else { return };
        match state.kind() {
            StateKind::Ready => self.schedule.remove_ready(&mut self.threads, link),
            StateKind::Preempted => self.schedule.remove_preempted(&mut self.threads, link),
            StateKind::Receiving => {
                if let Some(endpoint) = self.endpoints.at_mut(state.target()) {
                    self.threads.unlink::<QUEUE>(&mut endpoint.receivers, link);
                }
            }
            StateKind::Sending => {
                if let Some(endpoint) = self.endpoints.at_mut(state.target()) {
                    self.threads.unlink::<QUEUE>(&mut endpoint.senders, link);
                    endpoint.refresh();
                }
            }
            StateKind::Stopped | StateKind::Running | StateKind::Awaiting | StateKind::AwaitingReply => {}
        }
    }

    /// A waiting thread's call or receive fails: it is ready again with an error.
    pub(crate) fn fail(&mut self, machine: &mut M, link: Link, error: Error) {
        self.detach(link);
        if let Some(thread) = self.threads.at_mut(link) {
            match thread.sent {
                Sent::Call => thread.context.set_message(Message::error(error, [0; 2])),
                Sent::Fault => thread.end_fault(),
            }
        }
        self.wake(machine, link);
    }

    /// The message of an interrupt source, which the receiver thereby holds.
    fn interrupt_message(&mut self, source: Link, receiver: Link) -> Message {
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

    /// A thread that holds an interrupt's message runs now: that is the latency from trap to driver.
    pub(crate) fn note_delivery(&mut self, receiver: Link, now: Time) {
        let Some(thread) = self.threads.at_mut(receiver) else { return };
        if thread.raised == 0 {
            return;
        }
        let raised = core::mem::replace(&mut thread.raised, 0);
        let source = thread.completes.source;
        if let Some(source) = self.interrupts.get_mut(source) {
            source.counters.note_latency(u32::try_from(now.0.saturating_sub(raised)).unwrap_or(u32::MAX));
        }
    }

    /// Notes a trap in the trace.
    pub(crate) fn trace(&mut self, kind: TraceKind, detail: u32) {
        self.account.trace(kind, self.now, self.current, detail);
    }
}
