//! Posting: what an event has to say becomes a message, at once if a thread waits for it.

use crate::dispatch::{Next, QUEUE};
use crate::kernel::Kernel;
use crate::machine::{Machine, Time};
use crate::objects::event::Event;
use crate::tables::Link;
use abi::{Kind, Message, Tag};

impl<M: Machine> Kernel<M> {
    /// Gives an event's message to a waiting receiver, or queues the event. An event that is queued already stays
    /// where it is: whatever it has to say is counted in itself.
    #[inline(never)]
    pub(crate) fn post(&mut self, endpoint: Link, event: Event) -> Next {
        let Some(target) = self.endpoints.at_mut(endpoint) else { return Next::Scheduled };
        let receiver = target.receivers.head();
        if receiver.is_some() {
            self.threads.unlink::<QUEUE>(&mut target.receivers, receiver);
            let message = self.event_message(event, receiver);
            return self.give(receiver, message);
        }
        let Some(slot) = self.events.at_mut(event.link()) else { return Next::Scheduled };
        if !slot.queued_at.is_some() {
            slot.queued_at = endpoint;
            self.events.push_back::<QUEUE>(&mut target.events, event.link());
            target.refresh();
        }
        Next::Scheduled
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

    pub(crate) fn event_message(&mut self, event: Event, receiver: Link) -> Message {
        match event {
            Event::Interrupt(source) => self.interrupt_message(source, receiver),
            Event::Timer(timer) => {
                let Some(timer) = self.timers.at_mut(timer) else { return Message::default() };
                let expiries = core::mem::replace(&mut timer.expiries, 0);
                Message::new(Tag::outgoing(Kind::Timer, 0, timer.badge), [expiries as usize, 0, 0, 0])
            }
            Event::Exit(process) => {
                let Some(process) = self.processes.at(process) else { return Message::default() };
                let exit = process.exit;
                Message::new(Tag::outgoing(Kind::Exit, exit.how as u8, process.badge), exit.words)
            }
        }
    }

    /// Gives a message to a receiver that was taken off its endpoint's queue, and can run now.
    #[inline(never)]
    pub(crate) fn give(&mut self, receiver: Link, message: Message) -> Next {
        self.clear_deadline(receiver);
        self.set_message(receiver, message);
        Next::Woken(receiver)
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
}
