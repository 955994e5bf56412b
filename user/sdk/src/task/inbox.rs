//! What has arrived and wasn't awaited yet.

use super::{TaskCall, WAKE};
use crate::{Event, Exit, InterruptMessage, TimerMessage};
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::task::Waker;

#[derive(Default)]
pub struct Inbox {
    pub interrupts: BTreeMap<u16, InterruptMessage>,
    pub timers: BTreeMap<u16, TimerMessage>,
    pub calls: VecDeque<TaskCall>,
    pub exits: VecDeque<Exit>,
    pub bits: u32,
    /// The wakers of all that awaits an event. Each event wakes all of them.
    pub waiting: Vec<Waker>,
}

impl Inbox {
    /// Has the next event wake a waker.
    pub fn await_with(&mut self, waker: &Waker) {
        if !self.waiting.iter().any(|waiting| waiting.will_wake(waker)) {
            self.waiting.push(waker.clone());
        }
    }

    /// Drops the calls for whose answer nobody waits any more, with the handles that came along.
    pub fn drop_calls_that_are_over(&mut self) {
        self.calls.retain(|call| !call.is_over());
    }

    /// Keeps an event that isn't a call.
    pub fn add(&mut self, event: &Event<'_>) {
        match *event {
            Event::Interrupt(new) => {
                let add = |kept: &mut InterruptMessage| {
                    kept.count = kept.count.saturating_add(new.count);
                    kept.sequence = new.sequence;
                    kept.flags |= new.flags;
                };
                self.interrupts.entry(new.badge).and_modify(add).or_insert(new);
            }
            Event::Timer(new) => {
                let add = |kept: &mut TimerMessage| kept.count = kept.count.saturating_add(new.count);
                self.timers.entry(new.badge).and_modify(add).or_insert(new);
            }
            Event::Notify(bits) => self.bits |= bits & !WAKE,
            Event::Exit(exit) => self.exits.push_back(exit),
            // What a server of tasks supervises may want more than it gets, or interrupt too often: the kernel sees to
            // that.
            Event::Call(_) | Event::Fault(_) | Event::CallerGone(_) | Event::Overrun(_) | Event::Storm(_) => {}
        }
    }
}
