//! Posting: an event becomes a message, at once if a thread waits for it.

use crate::dispatch::Next;
use crate::kernel::Kernel;
use crate::machine::{Machine, Time};
use crate::objects::event::Event;
use crate::tables::Link;
use abi::{Kind, Message, Share, Tag, split};

impl<M: Machine> Kernel<M> {
    /// Gives an event's message to a waiting receiver, or queues the event.
    #[inline(never)]
    pub(crate) fn post(&mut self, endpoint: Link, event: Event) -> Next {
        let Some(target) = self.endpoints.at_mut(endpoint) else { return Next::Scheduled };
        let receiver = target.take_receiver(&mut self.threads);
        if receiver.is_some() {
            let message = self.event_message(event, receiver);
            return self.give(receiver, message);
        }
        target.queue_event(&mut self.events, endpoint, event);
        Next::Scheduled
    }

    /// Takes an event out of the queue that it may be in.
    pub(crate) fn withdraw(&mut self, event: Event) {
        let Some(slot) = self.events.at(event.link()) else { return };
        if let Some(target) = self.endpoints.at_mut(slot.queued_at()) {
            target.remove_event(&mut self.events, event);
        }
    }

    pub(crate) fn event_message(&mut self, event: Event, receiver: Link) -> Message {
        match event {
            Event::Interrupt(source) => self.interrupt_message(source, receiver),
            Event::Timer(timer) => self.timers.at_mut(timer).map_or(Message::default(), |timer| timer.take_message()),
            Event::Exit(process) => {
                let Some(process) = self.processes.at(process) else { return Message::default() };
                let exit = process.exit();
                Message::new(Tag::outgoing(Kind::Exit, exit.how as u8, process.origin().badge), exit.words)
            }
            Event::CallerGone(reply) => self.caller_gone_message(reply, receiver),
            Event::Overrun(process) => {
                let Some(process) = self.processes.at(process) else { return Message::default() };
                let payer = self.processes.at(process.standing.payer());
                let share = payer.map_or(Share::NONE, |payer| payer.standing.budget.share());
                let [low, high] = split(process.standing.told_cycles());
                let words = [share.thousandths() as usize, low, high, 0];
                Message::new(Tag::outgoing(Kind::Overrun, 0, process.origin().badge), words)
            }
            Event::Storm(source) => self.storm_message(source),
        }
    }

    /// Gives a message to a receiver that was taken off its endpoint's queue, and can run now.
    #[inline(never)]
    pub(crate) fn give(&mut self, receiver: Link, message: Message) -> Next {
        self.clear_deadline(receiver);
        self.set_message(receiver, message);
        Next::Woken(receiver)
    }

    /// Records the latency of the interrupt whose message a thread now runs with, if it hasn't been recorded.
    pub(crate) fn note_delivery(&mut self, receiver: Link, now: Time) {
        let delivery = self.threads.at_mut(receiver).and_then(|thread| thread.take_delivery());
        let Some((source, raised)) = delivery else { return };
        if let Some(source) = self.interrupts.get_mut(source) {
            source.counters.note_latency(u32::try_from(now.0.saturating_sub(raised.0)).unwrap_or(u32::MAX));
        }
    }
}
