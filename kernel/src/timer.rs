//! Timers: deadlines that post to an endpoint, once or periodically.

use crate::Kernel;
use crate::arena::{Entry, Link, Name};
use crate::deadline::Owner;
use crate::endpoint::Event;
use crate::exit::STEPS_PER_SLICE;
use crate::machine::{Machine, Time};
use crate::schedule::Priority;
use abi::Error;

/// A deadline bound to an endpoint.
#[derive(Clone, Copy, Debug)]
pub struct Timer {
    /// Where its messages go.
    pub endpoint: Name,
    /// The badge of its messages.
    pub badge: u16,
    /// Cycles from one expiry to the next; 0 for a timer that fires once.
    pub period: u64,
    /// Expiries since the last message was received.
    pub expiries: u32,
    /// Whose quota it is charged to.
    pub owner: Link,
}

impl Entry for Timer {
    const EMPTY: Self = Self { endpoint: Name::NONE, badge: 0, period: 0, expiries: 0, owner: Link::NONE };
}

impl<M: Machine> Kernel<M> {
    /// Serves a deadline that has passed. If there are more, the timer raises the next trap after a pause.
    pub(crate) fn expire(&mut self, machine: &mut M) {
        let Some((time, owner)) = self.deadlines.first().filter(|(time, _)| *time <= self.now) else { return };
        if let Owner::Process(process) = owner {
            self.deadlines.clear(owner);
            return self.go_on_ending(machine, process, STEPS_PER_SLICE);
        }
        self.account.expiries = self.account.expiries.wrapping_add(1);
        match owner {
            Owner::Thread(thread) => self.fail(machine, thread, Error::TimedOut),
            Owner::Timer(timer) => {
                self.deadlines.clear(owner);
                self.expire_timer(machine, timer, time);
            }
            Owner::Process(_) => {}
        }
    }

    fn expire_timer(&mut self, machine: &mut M, link: Link, time: Time) {
        let now = self.now;
        let Some(timer) = self.timers.at_mut(link) else { return };
        timer.expiries = timer.expiries.saturating_add(1);
        let (name, period) = (timer.endpoint, timer.period);
        if period != 0 {
            // A period that was missed is counted once: the timer goes on from now instead of catching up in a storm.
            let next = time.0.saturating_add(period);
            let next = if next > now.0 { next } else { now.0.saturating_add(period) };
            self.deadlines.set(Owner::Timer(link), Time(next));
        }
        if let Some(endpoint) = self.endpoints.resolve(name) {
            self.post(machine, endpoint, Event::Timer(link));
        }
    }

    /// Sets a timer to a deadline, then to further ones every period.
    pub(crate) fn set_timer(&mut self, link: Link, deadline: Time, period: u64) {
        if let Some(timer) = self.timers.at_mut(link) {
            timer.period = period;
            self.set_deadline(Owner::Timer(link), deadline);
        }
    }

    /// Sets the deadline that a program asks for. One that has passed becomes due now, behind those that are due already:
    /// a trap serves the earliest alone, so a program that sets one in the past for ever would keep all others waiting.
    pub(crate) fn set_deadline(&mut self, owner: Owner, deadline: Time) {
        self.deadlines.set(owner, deadline.max(self.now));
        if let Owner::Thread(link) = owner
            && let Some(thread) = self.threads.at_mut(link)
        {
            thread.rank = Priority::IDLE;
        }
    }

    /// Clears a thread's deadline, if it has one: its rank is its priority again.
    #[inline(never)]
    pub(crate) fn clear_deadline(&mut self, thread: Link) {
        if self.deadlines.clear(Owner::Thread(thread))
            && let Some(thread) = self.threads.at_mut(thread)
        {
            thread.rank = thread.priority;
        }
    }

    /// Takes a timer out of everything that refers to it.
    pub(crate) fn remove_timer(&mut self, link: Link) {
        self.deadlines.clear(Owner::Timer(link));
        self.withdraw(Event::Timer(link));
        self.timers.remove(link);
    }
}
