//! What has arrived and wasn't awaited yet.

use super::TaskCall;
use crate::{Event, Exit, InterruptMessage, TimerMessage};
use alloc::collections::{BTreeMap, VecDeque};

#[derive(Default)]
pub struct Inbox {
    pub interrupts: BTreeMap<u16, InterruptMessage>,
    pub timers: BTreeMap<u16, TimerMessage>,
    pub calls: VecDeque<TaskCall>,
    pub exits: VecDeque<Exit>,
    pub bits: u32,
}

impl Inbox {
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
            Event::Notify(bits) => self.bits |= bits,
            Event::Exit(exit) => self.exits.push_back(exit),
            Event::Call(_) | Event::Fault(_) => {}
        }
    }
}
