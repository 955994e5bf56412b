//! The calls about timers and deadlines.

use crate::dispatch::DeadlineOf;
use crate::kernel::Kernel;
use crate::machine::{Machine, Time};
use crate::objects::timer::Timer;
use crate::request::{CallResult, DONE, Request, word};
use abi::{Error, ObjectKind, join};

/// The most expiries of a timer in a second: more would leave no time for anything else.
const MOST_EXPIRIES_PER_SECOND: u64 = 100_000;

impl<M: Machine> Kernel<M> {
    pub(super) fn timer_create(&mut self, request: Request) -> CallResult {
        let [endpoint, badge, ..] = request.message.words;
        let endpoint = self.bindable_endpoint(request.process, endpoint)?;
        let handle = self.create(request, ObjectKind::Timer, |kernel| {
            kernel.timers.insert(Timer::new(endpoint, badge as u16, request.process))
        })?;
        word(handle as usize)
    }

    pub(super) fn timer_set(&mut self, machine: &mut M, request: Request) -> CallResult {
        let [low, high, period_low, period_high] = request.message.words;
        let timer = self.find_timer(&request)?;
        let period = join(period_low, period_high);
        if period != 0 && period < machine.clock().0 / MOST_EXPIRIES_PER_SECOND {
            return Err(Error::BadArgument.into());
        }
        self.set_timer(timer, Time(join(low, high)), period);
        DONE
    }

    pub(super) fn timer_cancel(&mut self, request: Request) -> CallResult {
        let timer = self.find_timer(&request)?;
        word(self.deadlines.clear(DeadlineOf::Timer(timer)) as usize)
    }

    /// Sets the deadline of the caller's next call.
    pub(super) fn deadline(&mut self, request: Request) -> CallResult {
        let [low, high, ..] = request.message.words;
        if let Some(thread) = self.threads.at_mut(request.caller) {
            thread.set_call_deadline(join(low, high));
        }
        DONE
    }
}
