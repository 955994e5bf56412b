//! Timers' messages.

use crate::dispatch::{DeadlineOf, Next};
use crate::kernel::Kernel;
use crate::machine::{Machine, Time};
use crate::objects::event::Event;
use crate::tables::Link;

impl<M: Machine> Kernel<M> {
    /// A timer's deadline has passed: counts it, sets the next one, and posts the timer's message.
    pub(crate) fn expire_timer(&mut self, link: Link, time: Time) -> Next {
        let now = self.now;
        let Some(timer) = self.timers.at_mut(link) else { return Next::Scheduled };
        let name = timer.endpoint();
        if let Some(next) = timer.expire(time, now) {
            self.deadlines.set(DeadlineOf::Timer(link), next);
        }
        match self.endpoints.resolve(name) {
            Some(endpoint) => self.post(endpoint, Event::Timer(link)),
            None => Next::Scheduled,
        }
    }

    /// Sets a timer to a deadline, then to further ones every period.
    pub(crate) fn set_timer(&mut self, link: Link, deadline: Time, period: u64) {
        if let Some(timer) = self.timers.at_mut(link) {
            timer.set_period(period);
            self.set_deadline(DeadlineOf::Timer(link), deadline);
        }
    }
}
