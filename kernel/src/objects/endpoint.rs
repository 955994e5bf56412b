//! Endpoints: where messages arrive.
//!
//! An endpoint has three queues, all threaded through the objects themselves, so that posting needs no memory and can't
//! fail: threads that wait to receive, threads that wait to send, and events (interrupts, timers, exits, lost callers)
//! with a message to give. Events go before senders. At most one of the first queue and the other two is non-empty.
//!
//! The queues change here alone, together with the state of the thread or event that joins or leaves them.

use crate::dispatch::QUEUE;
use crate::objects::event::{Event, Events};
use crate::objects::thread::{Luggage, Threads};
use crate::tables::{Entry, Link, List};
use abi::{Kind, Message, Tag};
use bitflags::bitflags;

#[cfg(test)]
mod checks;

/// Where messages arrive.
#[derive(Clone, Copy, Debug)]
pub struct Endpoint {
    /// Threads that wait to receive.
    receivers: List,
    /// Threads that wait with a call or fault.
    senders: List,
    /// Events that wait to be received.
    events: List,
    /// The notify word.
    bits: u32,
    owner: Link,
    notice: Notice,
}

bitflags! {
    /// What a receiver has to look at before it may wait.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    struct Notice: u32 {
        /// Senders, events or bits wait to be received.
        const MESSAGE = 1 << 0;
        /// The endpoint's end has begun: no thread begins to wait here any more, or one that calls again and again
        /// could keep the end from ever being reached.
        const DYING = 1 << 1;
    }
}

impl Endpoint {
    /// An endpoint that is charged to a process.
    pub const fn new(owner: Link) -> Self {
        Self { owner, ..Self::EMPTY }
    }

    /// The process whose quota pays for it.
    pub const fn owner(&self) -> Link {
        self.owner
    }

    /// Whether its end has begun.
    #[inline(always)]
    pub const fn is_dying(&self) -> bool {
        self.notice.contains(Notice::DYING)
    }

    /// Its end begins.
    pub fn begin_end(&mut self) {
        self.notice |= Notice::DYING;
    }

    /// The thread that has waited longest to receive.
    #[inline(always)]
    pub const fn first_receiver(&self) -> Link {
        self.receivers.head()
    }

    /// A thread waits at the endpoint numbered `here`, behind those that wait already.
    pub fn queue_receiver<C>(&mut self, threads: &mut Threads<C>, here: Link, receiver: Link, luggage: Luggage) {
        threads.push_back::<QUEUE>(&mut self.receivers, receiver);
        if let Some(thread) = threads.at_mut(receiver) {
            thread.begin_waiting(here, luggage);
        }
    }

    /// Takes a thread off the queue of receivers.
    pub fn remove_receiver<C>(&mut self, threads: &mut Threads<C>, receiver: Link) {
        threads.unlink::<QUEUE>(&mut self.receivers, receiver);
    }

    /// Takes the first thread off the queue of receivers; none if no thread waits.
    pub fn take_receiver<C>(&mut self, threads: &mut Threads<C>) -> Link {
        threads.pop_front::<QUEUE>(&mut self.receivers)
    }

    /// The thread that will send first.
    pub const fn first_sender(&self) -> Link {
        self.senders.head()
    }

    /// A thread's call or fault waits at the endpoint numbered `here`, behind those that wait already.
    pub fn queue_sender<C>(&mut self, threads: &mut Threads<C>, here: Link, sender: Link) {
        threads.push_back::<QUEUE>(&mut self.senders, sender);
        self.begin_sending(threads, here, sender);
    }

    /// A fault that a handler has left behind waits for the next one, before all calls and faults.
    pub fn return_sender<C>(&mut self, threads: &mut Threads<C>, here: Link, sender: Link) {
        threads.push_front::<QUEUE>(&mut self.senders, sender);
        self.begin_sending(threads, here, sender);
    }

    fn begin_sending<C>(&mut self, threads: &mut Threads<C>, here: Link, sender: Link) {
        self.refresh();
        if let Some(thread) = threads.at_mut(sender) {
            thread.begin_sending(here);
        }
    }

    /// Takes a thread off the queue of senders.
    pub fn remove_sender<C>(&mut self, threads: &mut Threads<C>, sender: Link) {
        threads.unlink::<QUEUE>(&mut self.senders, sender);
        self.refresh();
    }

    /// Takes the first thread off the queue of senders; none if no thread waits.
    pub fn take_sender<C>(&mut self, threads: &mut Threads<C>) -> Link {
        let sender = threads.pop_front::<QUEUE>(&mut self.senders);
        self.refresh();
        sender
    }

    /// The event that will be received first.
    pub fn first_event(&self) -> Option<Event> {
        self.events.head().is_some().then(|| Event::from_link(self.events.head()))
    }

    /// An event waits at the endpoint numbered `here`. One that is queued already stays where it is: what it has to say
    /// is counted in itself.
    pub fn queue_event(&mut self, events: &mut Events, here: Link, event: Event) {
        let Some(slot) = events.at_mut(event.link()) else { return };
        if slot.begin_waiting(here) {
            events.push_back::<QUEUE>(&mut self.events, event.link());
            self.refresh();
        }
    }

    /// Takes an event off the queue that it is in, which is this endpoint's.
    pub fn remove_event(&mut self, events: &mut Events, event: Event) {
        events.unlink::<QUEUE>(&mut self.events, event.link());
        if let Some(slot) = events.at_mut(event.link()) {
            slot.end_waiting();
        }
        self.refresh();
    }

    /// Takes the first event.
    pub fn take_event(&mut self, events: &mut Events) -> Option<Event> {
        let event = self.first_event()?;
        self.remove_event(events, event);
        Some(event)
    }

    /// Adds bits, of which there is one at least, to the notify word.
    #[inline(always)]
    pub fn note(&mut self, bits: u32) {
        self.bits |= bits;
        self.notice |= Notice::MESSAGE;
    }

    /// Takes the notify word, as the message that tells of it; nothing if no bit is set.
    pub fn take_bits(&mut self) -> Option<Message> {
        let bits = core::mem::replace(&mut self.bits, 0);
        self.refresh();
        (bits != 0).then_some(notification(bits))
    }

    /// Works out whether something is to be received, after each change of senders, events or bits.
    #[inline(always)]
    fn refresh(&mut self) {
        let some = self.senders.head().word() | self.events.head().word() | self.bits != 0;
        self.notice.set(Notice::MESSAGE, some);
    }
}

/// The message that tells of bits of a notify word.
#[inline(always)]
pub const fn notification(bits: u32) -> Message {
    Message::new(Tag::outgoing(Kind::Notify, 0, 0), [bits as usize, 0, 0, 0])
}

/// What the fast path needs: an endpoint with one receiver at most and nothing to receive.
impl Endpoint {
    /// Whether a thread that receives now has to wait, and is the only one.
    #[inline(always)]
    pub const fn is_quiet(&self) -> bool {
        self.receivers.only().word() | self.notice.bits() == 0
    }

    /// Whether no thread waits to receive.
    #[inline(always)]
    pub const fn has_no_receiver(&self) -> bool {
        self.receivers.is_empty()
    }

    /// The thread that waits alone; with none or several, a link that no table has an entry for.
    #[inline(always)]
    pub const fn only_receiver(&self) -> Link {
        self.receivers.only()
    }

    /// The running thread waits alone at a quiet endpoint; the caller sets its state.
    #[inline(always)]
    pub const fn set_only_receiver(&mut self, receiver: Link) {
        self.receivers.set_only(receiver);
    }

    /// The thread that waits alone gets a message.
    #[inline(always)]
    pub const fn clear_only_receiver(&mut self) {
        self.receivers.clear_only();
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
