//! Messages: who may get words, handles and events of whom.
//!
//! A thread whose message registers have changed has got a message or an error. It must have waited for that, and
//! somebody must have sent it, once.

use super::things::{Being, Detail, Life, ObjectNumber, Place, State, ThreadNumber};
use super::{Oracle, STALE, rule};
use abi::{Error, Kind, Message, Tag};
use kernel::fake::Registers;
use std::collections::BTreeMap;

impl Oracle {
    /// Looks at the registers of all threads.
    pub(super) fn deliver(&mut self, registers: &BTreeMap<ThreadNumber, Registers>) {
        // Answers come before the calls that their servers receive next.
        let mut changed: Vec<_> = Vec::new();
        for (number, found) in registers {
            let Some(thread) = self.threads.get_mut(number) else {
                self.breaches.push(format!("thread {number} exists, and nobody has made it"));
                continue;
            };
            let before = thread.registers;
            thread.registers = *found;
            let own = found.general == before.general && found.handle == before.handle;
            if found.message != before.message && found.message != STALE {
                changed.push((*number, thread.state, found.message));
            }
            rule!(self, own, "registers of thread {number} were changed: {found:?}, not {before:?}");
        }
        // A handler that is stopped in this trap had the fault before the one that has it now.
        changed.sort_by_key(|(number, state, _)| {
            (matches!(state, State::Receiving(_)), self.is_alive(self.threads[number].process))
        });
        self.delivered = changed.iter().map(|(number, _, message)| (*number, *message)).collect();
        for (number, state, message) in changed {
            match state {
                State::Calling(letter) => self.answered(number, letter, message),
                State::Receiving(endpoint) => self.received(number, endpoint, message),
                State::Stopped | State::Ready | State::Faulted(_) => {
                    self.breaches.push(format!("thread {number} is {state:?}, and got {message:?}"));
                }
            }
        }
    }

    /// A call is over.
    fn answered(&mut self, number: ThreadNumber, letter: usize, message: Message) {
        self.set_state(number, State::Ready);
        let place = core::mem::replace(&mut self.letters[letter].place, Place::Over);
        let called = &self.letters[letter];
        match message.tag.kind() {
            Kind::Reply => {
                let Some((label, words, carries)) = called.answer else {
                    return self.breaches.push(format!("thread {number} got {message:?}, and nobody has answered"));
                };
                if let Place::Owed(server) = place
                    && let Some(server) = self.threads.get_mut(&server)
                {
                    server.owes = None;
                }
                let expected = Tag::outgoing(Kind::Reply, label, 0).0 | if carries.is_some() { Tag::HANDLE } else { 0 };
                rule!(self, message.tag.0 == expected, "an answer's tag is {:#x}, not {expected:#x}", message.tag.0);
                self.check_words(number, words, message, carries);
            }
            Kind::Error => {
                let error = Error::from_code(message.tag.label());
                let gone = match place {
                    Place::Over => true,
                    Place::Queued => false,
                    Place::Owed(server) => {
                        self.threads.get(&server).is_none_or(|server| !self.is_alive(server.process))
                    }
                    Place::Held(reply) => {
                        self.objects[reply].being != Being::Alive || !self.is_alive(self.objects[reply].owner)
                    }
                };
                let called = &self.letters[letter];
                let ended = called.to.is_none_or(|endpoint| self.objects[endpoint].being != Being::Alive);
                let may = match error {
                    // The endpoint's end fails what waits there, not what was received.
                    Error::Gone => gone || ended && place == Place::Queued,
                    Error::TimedOut => called.has_deadline,
                    Error::ReceiverFull => called.carries_something,
                    _ => called.to.is_none() || ended || called.carries_something,
                };
                let (to, deadline) = (called.to, called.has_deadline);
                rule!(
                    self,
                    may,
                    "the call of thread {number} to {to:?} was {place:?} (deadline: {deadline}), and got {error:?}"
                );
            }
            kind => self.breaches.push(format!("thread {number} called, and got {kind:?}")),
        }
    }

    fn is_alive(&self, process: usize) -> bool {
        self.processes[process].life == Life::Alive
    }

    /// The words of a message are those that were sent; the last one may be a handle.
    fn check_words(
        &mut self,
        number: ThreadNumber,
        sent: [usize; 4],
        message: Message,
        carries: Option<Option<super::Grant>>,
    ) {
        let words = message.words;
        let plain = if carries.is_some() { 3 } else { 4 };
        let equal = sent[..plain] == words[..plain];
        rule!(self, equal, "thread {number} got the words {words:x?}, and {sent:x?} were sent");
        match carries {
            Some(Some(grant)) => self.add_handle(self.threads[&number].process, words[3], grant.passed_on()),
            Some(None) => self.breaches.push(format!("thread {number} got a handle that its sender doesn't have")),
            None => {}
        }
    }

    /// A receive is over.
    fn received(&mut self, number: ThreadNumber, endpoint: Option<ObjectNumber>, message: Message) {
        self.set_state(number, State::Ready);
        let tag = message.tag;
        if tag.kind() == Kind::Error {
            return self.receive_failed(number, endpoint, Error::from_code(tag.label()));
        }
        let Some(endpoint) = endpoint else {
            return self.breaches.push(format!("thread {number} received {message:?} without the right"));
        };
        let [first, ..] = message.words;
        match tag.kind() {
            Kind::Call | Kind::Fault => self.got_letter(number, endpoint, message),
            Kind::Notify => {
                let Detail::Endpoint { noted } = &mut self.objects[endpoint].detail else { return };
                let extra = (0..32).filter(|bit| first >> bit & 1 != 0 && noted[*bit] == 0).count();
                noted.iter_mut().enumerate().for_each(|(bit, count)| {
                    if first >> bit & 1 != 0 {
                        *count = 0;
                    }
                });
                rule!(self, extra == 0, "bits {first:#x} arrived at {endpoint}, and {extra} of them are nobody's");
            }
            Kind::Timer => {
                let is_its = self.objects.iter().any(|object| {
                    let Detail::Timer { endpoint: to, badge, was_set } = object.detail else { return false };
                    object.being != Being::Gone && to == endpoint && badge == tag.badge() && was_set
                });
                rule!(self, is_its, "an expiry of no timer arrived at {endpoint}, with badge {}", tag.badge());
            }
            Kind::Interrupt => {
                if let Some(thread) = self.threads.get_mut(&number) {
                    thread.sequence = message.words[1];
                }
                let is_its = self.objects.iter().any(|object| {
                    let Detail::Source { bound, .. } = object.detail else { return false };
                    object.being != Being::Gone && bound == Some((endpoint, tag.badge()))
                });
                rule!(self, is_its, "an interrupt of no source arrived at {endpoint}, with badge {}", tag.badge());
            }
            Kind::Exit => {
                self.end_unanswered();
                let told = self.processes.iter_mut().find(|process| {
                    process.supervisor == Some(endpoint) && process.badge == tag.badge() && process.life == Life::Ending
                });
                match told {
                    Some(process) => process.life = Life::Dead,
                    None => self.breaches.push(format!("{endpoint} was told of the end of {}", tag.badge())),
                }
            }
            Kind::Storm => {
                let is_its = self
                    .processes
                    .iter()
                    .any(|process| process.supervisor == Some(endpoint) && process.badge == tag.badge());
                rule!(self, is_its, "{endpoint} was told of a storm of {}, whom it doesn't supervise", tag.badge());
            }
            Kind::CallerGone => self.told_of_lost_caller(number, endpoint, message),
            Kind::Overrun => self.told_of_overrun(endpoint, message),
            kind => self.breaches.push(format!("thread {number} received, and got {kind:?}")),
        }
    }

    pub(super) fn close_reply(&mut self, process: usize, handle: u32) {
        let object = self.grant(process, handle as usize).and_then(|grant| grant.object);
        if let Some(object) = object.filter(|object| matches!(self.objects[*object].detail, Detail::Reply(_))) {
            self.objects[object].being = Being::Gone;
            self.close(process, handle);
        }
    }

    fn receive_failed(&mut self, number: ThreadNumber, endpoint: Option<ObjectNumber>, error: Error) {
        let may_time_out = self.threads[&number].may_time_out;
        let is_alive = endpoint.is_some_and(|endpoint| self.objects[endpoint].being == Being::Alive);
        let may = match error {
            Error::TimedOut | Error::WouldBlock => may_time_out,
            Error::NoHandleSlot => true,
            // What an answer carries may be no handle, or find no room.
            Error::BadHandle | Error::MissingRight | Error::WrongType | Error::ReceiverFull => true,
            Error::Gone => !is_alive,
            _ => false,
        };
        // It didn't come to receiving.
        let by_answer =
            matches!(error, Error::BadHandle | Error::MissingRight | Error::WrongType | Error::ReceiverFull);
        if let Some(thread) = self.threads.get_mut(&number).filter(|_| by_answer && endpoint.is_some()) {
            thread.serves = thread.served;
        }
        rule!(self, may, "thread {number} received at {endpoint:?}, and got {error:?}");
    }

    /// A call or a fault arrived.
    fn got_letter(&mut self, number: ThreadNumber, endpoint: ObjectNumber, message: Message) {
        let [first, ..] = message.words;
        let Some(found) = self.nonces.get(&first).copied() else {
            return self.breaches.push(format!("thread {number} got {message:?}, which nobody has sent"));
        };
        let letter = &self.letters[found];
        let (from, to, badge, label) = (letter.from, letter.to, letter.badge, letter.label);
        // A fault that its handler never answers goes to the next one.
        let waits = match letter.place {
            Place::Queued => true,
            Place::Owed(server) if letter.is_fault => {
                self.threads.get(&server).is_none_or(|server| !self.is_alive(server.process))
            }
            Place::Held(reply) if letter.is_fault => {
                self.objects[reply].being != Being::Alive || !self.is_alive(self.objects[reply].owner)
            }
            _ => false,
        };
        let (place, words, is_fault) = (letter.place, letter.words, letter.is_fault);
        let carries = letter.carries_something.then_some(letter.carries);
        let kind = if is_fault { Kind::Fault } else { Kind::Call };
        rule!(self, waits, "thread {number} got a call of thread {from} that is {place:?}");
        rule!(self, to == Some(endpoint), "what was sent to {to:?} arrived at {endpoint}");
        let expected = Tag::outgoing(kind, label, badge).0 | if carries.is_some() { Tag::HANDLE } else { 0 };
        rule!(self, message.tag.0 == expected, "a call's tag is {:#x}, not {expected:#x}", message.tag.0);
        self.letters[found].place = Place::Owed(number);
        if let Some(thread) = self.threads.get_mut(&number) {
            thread.owes = Some(found);
        }
        if !is_fault {
            self.check_words(number, words, message, carries);
        }
    }
}
