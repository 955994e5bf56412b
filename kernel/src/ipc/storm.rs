//! Storms: a source that interrupts more often than its budget allows is off for a while, and comes back.
//!
//! While it is off, its endpoint's name stands in its pace instead of in the source. So an interrupt that comes all the
//! same, a device's message that nothing masks, finds no endpoint: neither path asks whether a source is off.
//!
//! Off belongs to the line, not to the driver: neither the driver's end nor binding the line anew ends it. Otherwise a
//! driver could end it by unbinding, and each new instance of one would begin the storm again.

use crate::dispatch::{DeadlineOf, Next};
use crate::kernel::Kernel;
use crate::machine::{Machine, Trigger};
use crate::objects::event::Event;
use crate::objects::pace::Report;
use crate::objects::source::Noted;
use crate::tables::{Link, Name};
use abi::{Kind, Message, Tag, split};

impl<M: Machine> Kernel<M> {
    /// Whether a source is off.
    pub(crate) fn is_off(&self, source: Link) -> bool {
        self.paces.at(source).is_some_and(|pace| pace.is_off())
    }

    /// Where a bound source's messages go, also while it is off; none for one that isn't bound.
    pub(crate) fn bound_endpoint(&self, source: Link) -> Name {
        match (self.interrupts.at(source), self.paces.at(source)) {
            (Some(source), Some(pace)) if pace.is_off() && !source.endpoint().is_none() => pace.endpoint(),
            (Some(source), _) => source.endpoint(),
            (None, _) => Name::NONE,
        }
    }

    /// Switches a source off: a line is masked, a device's messages are only counted. The supervisor of the process
    /// that pays for the source is told, and a deadline lets the source back.
    pub(crate) fn switch_off(&mut self, machine: &mut M, link: Link) -> Next {
        let (now, window) = (self.now, self.slice_cycles);
        let (Some(source), Some(pace)) = (self.interrupts.at_mut(link), self.paces.at_mut(link)) else {
            return Next::Scheduled;
        };
        let payer = self.processes.at(source.payer()).map(|payer| payer.origin());
        let (badge, supervisor) = payer.map_or((0, Name::NONE), |origin| (origin.badge, origin.supervisor));
        let report = pace.switch_off((source.switch_off(machine), badge), now, window);
        self.deadlines.set(DeadlineOf::Source(link), pace.back());
        if report == Report::Silent {
            return Next::Scheduled;
        }
        // The supervisor of a process that paid before may not have taken its message yet.
        self.withdraw(Event::Storm(link));
        match self.endpoints.resolve(supervisor) {
            Some(endpoint) => self.post(endpoint, Event::Storm(link)),
            None => Next::Scheduled,
        }
    }

    /// Lets a source that was bound while it is off wait for its deadline, or lets it back if that has passed.
    pub(crate) fn bind_while_off(&mut self, machine: &mut M, link: Link, endpoint: Name) {
        if let (Some(source), Some(pace)) = (self.interrupts.at_mut(link), self.paces.at_mut(link)) {
            source.bind_while_off();
            pace.set_endpoint(endpoint);
        }
        self.let_back_if_due(machine, link);
    }

    /// Counts an interrupt that came while its source was off, for the message that comes when it is back. Returns
    /// false if the source isn't off, or isn't bound.
    pub(crate) fn note_while_off(&mut self, link: Link) -> bool {
        let now = self.now;
        let is_off = self.is_off(link);
        let source = self.interrupts.at_mut(link).filter(|source| is_off && !source.endpoint().is_none());
        source.map(|source| source.note_while_off(now)).is_some()
    }

    /// Lets a source back when its time off is over. Its driver gets a message, whatever came meanwhile. A level line
    /// whose message isn't completed stays off until that is.
    pub(crate) fn let_back(&mut self, machine: &mut M, link: Link) -> Next {
        self.deadlines.clear(DeadlineOf::Source(link));
        let (now, window) = (self.now, self.slice_cycles);
        let (Some(source), Some(pace)) = (self.interrupts.at_mut(link), self.paces.at_mut(link)) else {
            return Next::Scheduled;
        };
        if source.trigger() == Trigger::Level && source.outstanding() != 0 {
            return Next::Scheduled;
        }
        let endpoint = pace.switch_on(source.counters.taken, now, window);
        if source.endpoint().is_none() {
            return Next::Scheduled;
        }
        let noted = source.switch_on(machine, endpoint, now);
        match (self.endpoints.resolve(endpoint), noted) {
            (Some(endpoint), Noted::Post) => self.post(endpoint, Event::Interrupt(link)),
            (Some(_), _) => Next::Scheduled,
            (None, _) => {
                self.unbind(machine, link);
                Next::Scheduled
            }
        }
    }

    /// Lets a source back if its time off is over: the message that it waited for has been completed, or it is bound
    /// anew.
    pub(crate) fn let_back_if_due(&mut self, machine: &mut M, link: Link) {
        if !self.deadlines.is_set(DeadlineOf::Source(link)) {
            let next = self.let_back(machine, link);
            self.make_ready(next);
        }
    }

    /// What a supervisor is told of a source that was switched off.
    pub(crate) fn storm_message(&self, link: Link) -> Message {
        let (Some(source), Some(pace)) = (self.interrupts.at(link), self.paces.at(link)) else {
            return Message::default();
        };
        let line = source.line();
        let [low, high] = split(pace.cycles_off());
        let is_message = M::MESSAGE_LINES.contains(&line.0) as u8;
        let words = [line.0 as usize, low, high, pace.storms() as usize];
        Message::new(Tag::outgoing(Kind::Storm, is_message, pace.badge()), words)
    }
}
