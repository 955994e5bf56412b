//! What a call that succeeded has done.

use super::things::{Being, Call, Detail, Memory, ObjectNumber, Place, State, ThreadNumber};
use super::{Oracle, rule};
use crate::board::Effect;
use abi::{Message, Operation, PAGE_BYTES};
use kernel::frames::Frame;

impl Oracle {
    /// A call was done.
    pub(super) fn done(
        &mut self,
        number: ThreadNumber,
        operation: Operation,
        call: Call,
        words: [usize; 4],
        effects: &[Effect],
    ) {
        let process = self.threads[&number].process;
        let asked = call.message.words;
        let [one, two, ..] = asked;
        let [first, second, ..] = words;
        let object = self.object(process, call.handle as usize);
        match operation {
            Operation::EndpointCreate => drop(self.make(process, first, Detail::Endpoint { noted: [0; 32] })),
            Operation::InterruptCreate => self.claim_line(process, first, one as u8),
            Operation::MessageInterruptCreate => {
                let taken = |line: u8| {
                    self.objects.iter().any(|object| {
                        object.being == Being::Alive
                            && matches!(object.detail, Detail::Source { line: other, .. } if other == line)
                    })
                };
                let line = kernel::fake::MESSAGE_LINES.clone().find(|line| !taken(*line)).unwrap_or(u8::MAX);
                self.claim_line(process, first, line);
            }
            Operation::InterruptBind => {
                let endpoint = self.object(process, one);
                if let Some(object) = object
                    && let Detail::Source { bound, holder, .. } = &mut self.objects[object].detail
                {
                    (*bound, *holder) = (endpoint.map(|endpoint| (endpoint, two as u16)), process);
                }
            }
            Operation::InterruptUnbind => {
                if let Some(object) = object
                    && let Detail::Source { bound, .. } = &mut self.objects[object].detail
                {
                    *bound = None;
                }
            }
            Operation::TimerCreate => {
                if let Some(endpoint) = self.object(process, one) {
                    self.make(process, first, Detail::Timer { endpoint, badge: two as u16, was_set: false });
                }
            }
            Operation::TimerSet => {
                if let Some(object) = object
                    && let Detail::Timer { was_set, .. } = &mut self.objects[object].detail
                {
                    *was_set = true;
                }
            }
            Operation::MemoryCreate => {
                let frames = one.div_ceil(PAGE_BYTES) as u32;
                self.make(process, first, Detail::Memory(Memory { frames, ..Memory::default() }));
                self.check_quotas(process);
            }
            Operation::MemoryDevice => {
                let [_, _, bytes, _] = asked;
                let (base, frames) = (Frame((one / PAGE_BYTES) as u32), bytes.div_ceil(PAGE_BYTES) as u32);
                let memory = Memory { frames, base: Some(base), is_device: true, ..Memory::default() };
                self.check_claim(base, frames);
                self.make(process, first, Detail::Memory(memory));
            }
            Operation::MemoryMap => {
                let mapped = effects.iter().filter(|effect| matches!(effect, Effect::Mapped(..))).count();
                rule!(self, first == mapped * PAGE_BYTES, "{mapped} pages were mapped, and the answer is {first}");
            }
            Operation::MemoryUnmap => {
                let gone = effects.iter().filter(|effect| matches!(effect, Effect::Unmapped(..))).count();
                rule!(self, first == gone * PAGE_BYTES, "{gone} pages were unmapped, and the answer is {first}");
            }
            Operation::MemorySeal => self.seal(object),
            Operation::MemoryInfo => self.memory_info(process, call.handle, words),
            Operation::PortsCreate => self.claim_ports(process, first, one, two),
            Operation::PortsAttach => {
                let [.., target] = asked;
                if let (Some(target), Some(object)) = (self.target(process, target), object)
                    && let Detail::Ports(range) = self.objects[object].detail
                    && !self.processes[target].ports.contains(&range)
                {
                    self.processes[target].ports.push(range);
                }
            }
            Operation::ProcessCreate => self.process_made(process, call, first, effects),
            Operation::ProcessGrant | Operation::HandleCopy => self.copied(process, operation, call, first),
            Operation::ProcessKill => {
                if let Some(target) = self.target(process, call.handle as usize) {
                    self.end_process(target);
                }
            }
            Operation::ProcessReap => self.reaped(process, call.handle, first, second),
            Operation::ProcessShare => self.share_given(process, call),
            Operation::ThreadCreate => self.thread_made(process, call, first),
            Operation::ThreadStart => {
                if let Some(thread) = self.thread_object(object) {
                    let state = self.threads.get(&thread).map(|thread| thread.state);
                    rule!(self, state == Some(State::Stopped), "thread {thread} was started, and is {state:?}");
                    self.set_state(thread, State::Ready);
                    if let Some(thread) = self.threads.get_mut(&thread) {
                        thread.registers.message = Message::new(abi::Tag::default(), asked);
                    }
                }
            }
            Operation::ThreadRead => {
                if let Some(thread) = self.thread_object(object)
                    && let Some(expected) = self.threads.get(&thread).map(|thread| thread.registers.general[one])
                {
                    rule!(self, first == expected, "register {one} of thread {thread}: {first:#x}, not {expected:#x}");
                }
            }
            Operation::ThreadWrite => {
                if let Some(thread) = self.thread_object(object)
                    && let Some(thread) = self.threads.get_mut(&thread)
                    && let Some(register) = thread.registers.general.get_mut(one)
                {
                    *register = two;
                }
            }
            Operation::HandleClose => self.handle_closed(process, call.handle, object),
            Operation::Destroy => self.destroyed(process, object, first),
            Operation::Notify => {
                let allowed = self.grant(process, call.handle as usize).map_or(0, |grant| grant.mask.bits());
                self.notified(object, one as u32 & allowed);
            }
            Operation::Deadline => {
                if let Some(thread) = self.threads.get_mut(&number) {
                    thread.has_deadline = abi::join(one, two) != 0;
                }
            }
            Operation::Reply => self.replied(number, call),
            Operation::ReplyTake => {
                if let Some(letter) = self.threads.get_mut(&number).and_then(|thread| thread.owes.take()) {
                    let reply = self.make(process, first, Detail::Reply(letter));
                    let place = self.letters[letter].place;
                    rule!(self, place == Place::Owed(number), "a call was taken that is {place:?}");
                    self.letters[letter].place = Place::Held(reply);
                } else {
                    self.breaches.push(format!("thread {number} took the right to answer what it never got"));
                }
            }
            Operation::Info => self.informed(process, call, words),
            _ => {}
        }
    }

    pub(super) fn thread_object(&self, object: Option<ObjectNumber>) -> Option<ThreadNumber> {
        match self.objects[object?].detail {
            Detail::Thread(thread) => Some(thread),
            _ => None,
        }
    }
}
