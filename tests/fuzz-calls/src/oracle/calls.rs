//! What a call may do.

use super::memory::Caller;
use super::things::{Being, Call, Detail, Letter, Life, ObjectNumber, Place, State, ThreadNumber};
use super::{Oracle, rule};
use crate::board::Effect;
use abi::{Access, Error, InfoItem, Message, ObjectKind, Operation, Options, Register, Rights};
use kernel::fake::Registers;
use std::collections::BTreeMap;

impl Oracle {
    /// The running thread has made a call.
    pub(super) fn call(
        &mut self,
        thread: ThreadNumber,
        call: Call,
        effects: &[Effect],
        registers: &BTreeMap<ThreadNumber, Registers>,
    ) {
        let Some(process) = self.threads.get(&thread).map(|thread| thread.process) else { return };
        let operation = Operation::from_number(call.message.tag.operation_number());
        let waits = matches!(operation, Some(Operation::Call | Operation::Receive | Operation::ReplyReceive));
        let answer = registers.get(&thread).map(|registers| registers.message);
        let result = answer.filter(|_| !waits).map(Message::result);
        let first = result.and_then(Result::ok).map(|[first, ..]| first);
        let caller = Caller { process, call, operation, result: first };
        let own_look = operation == Some(Operation::Info) && call.message.words[..2] == [InfoItem::Memory as usize, 1];
        if !own_look {
            self.processes[process].quota = None;
        }
        self.check_effects(Some(caller), effects);
        if let Some(registers) = registers.get(&thread).filter(|_| !waits) {
            self.note_own_registers(thread, registers);
        }
        let Some(operation) = operation else {
            let refused = result == Some(Err(Error::UnknownCall));
            return rule!(self, refused, "the unknown call {:#x}: {result:?}", call.message.tag.0);
        };
        let barred = self.why_barred(process, operation, call);
        if waits {
            return self.waiting_call(thread, operation, call, barred);
        }
        if matches!(operation, Operation::Exit | Operation::ThreadExit) {
            return self.ended(thread, operation);
        }
        match (result, barred) {
            (Some(Ok(_)), Some(why)) => {
                self.breaches.push(format!("{operation:?} by process {process} was done, although {why}"));
            }
            (Some(Ok(words)), None) => self.done(thread, operation, call, words, effects),
            (Some(Err(error)), None) => self.refused(thread, operation, call, error),
            (Some(Err(_)), Some(_)) => {}
            // The caller is gone.
            (None, _) => self.ended(thread, operation),
        }
    }

    /// What the caller's own call wrote to its own registers.
    pub(super) fn note_own_registers(&mut self, number: ThreadNumber, found: &Registers) {
        let Some(thread) = self.threads.get_mut(&number) else { return };
        thread.registers.message = found.message;
        thread.registers.general[Register::FsBase as usize] = found.general[Register::FsBase as usize];
    }

    /// Why a call must fail, by the handles that it names.
    pub(super) fn why_barred(&self, process: usize, operation: Operation, call: Call) -> Option<&'static str> {
        let [one, _, three, four] = call.message.words;
        let handle = call.handle as usize;
        let options = call.message.tag.options();
        let target = |word: usize| match word {
            0 => None,
            word => self.barred(process, word, Rights::PROCESS).or_else(|| {
                let Detail::Process(target) = self.objects[self.object(process, word)?].detail else { return None };
                (self.processes[target].life != Life::Alive).then_some("that process has ended")
            }),
        };
        let optional = |word: usize| if word == 0 { None } else { self.barred(process, word, Rights::BIND) };
        match operation {
            // What goes on with an end takes what is ending.
            Operation::Destroy | Operation::HandleClose => {
                let grant = self.grant(process, handle)?;
                let lacks = operation == Operation::Destroy && !grant.rights.contains(Rights::DESTROY);
                let gone = operation == Operation::Destroy && self.objects[grant.object?].being == Being::Gone;
                (lacks || gone).then_some("its handle lacks the right, or that object is gone")
            }
            Operation::Reply if handle == 0 => None,
            Operation::Reply => self.barred(process, handle, Rights::REPLY),
            Operation::InterruptBind => {
                self.barred(process, handle, Rights::INTERRUPT).or_else(|| self.barred(process, one, Rights::BIND))
            }
            Operation::TimerCreate => self.barred(process, one, Rights::BIND),
            Operation::MemoryPrepare => self.barred(process, handle, Rights::WRITE),
            Operation::MemoryMap => {
                let access = Access::from_options(options);
                let mut needs = Rights::READ;
                needs.set(Rights::WRITE, access.contains(Access::WRITE));
                needs.set(Rights::EXECUTE, access.contains(Access::EXECUTE));
                self.barred(process, handle, needs).or_else(|| target(four))
            }
            Operation::MemoryUnmap => target(four),
            Operation::MemoryInfo => self.barred(process, handle, Rights::empty()),
            Operation::PortsAttach => self.barred(process, handle, Rights::PORTS).or_else(|| target(four)),
            Operation::ProcessCreate => optional(three),
            Operation::ProcessGrant => {
                self.barred(process, handle, Rights::PROCESS).or_else(|| self.barred(process, one, Rights::COPY))
            }
            Operation::ThreadCreate => target(handle).or_else(|| optional(four)),
            Operation::HandleCopy => self.barred(process, handle, Rights::COPY),
            Operation::Info => match InfoItem::from_number(one) {
                Some(InfoItem::Clock | InfoItem::Now | InfoItem::Memory) => None,
                _ => self.barred(process, handle, Rights::ROOT_INFO),
            },
            _ if operation.needs() == Rights::empty() => None,
            _ => self.barred(process, handle, operation.needs()),
        }
    }

    /// A call or a receive: its end is a message, see `letters.rs`.
    pub(super) fn waiting_call(
        &mut self,
        number: ThreadNumber,
        operation: Operation,
        call: Call,
        barred: Option<&str>,
    ) {
        let Some(thread) = self.threads.get_mut(&number) else { return };
        let (process, owes) = (thread.process, thread.owes);
        let options = call.message.tag.options();
        let object = self.object(process, call.handle as usize).filter(|_| barred.is_none());
        if operation == Operation::Call {
            let [.., carried] = call.message.words;
            let has_deadline = core::mem::take(&mut self.threads.get_mut(&number).expect("it calls").has_deadline);
            let letter = Letter {
                from: number,
                to: object,
                is_fault: false,
                badge: self.grant(process, call.handle as usize).map_or(0, |grant| grant.badge),
                label: call.message.tag.label(),
                words: call.message.words,
                carries: self.grant(process, carried).filter(|_| options.contains(Options::HANDLE)),
                carries_something: options.contains(Options::HANDLE),
                has_deadline,
                place: if object.is_some() { Place::Queued } else { Place::Over },
                answer: None,
            };
            let letter = self.add_letter(letter);
            return self.set_state(number, State::Calling(letter));
        }
        let may_time_out = options.intersects(Options::DEADLINE | Options::NO_WAIT);
        if barred.is_none()
            && let Some(letter) = owes
        {
            if operation == Operation::ReplyReceive {
                self.answer(process, letter, Place::Owed(number), call.message);
            } else {
                self.abandon(number, letter);
            }
        }
        if let Some(thread) = self.threads.get_mut(&number) {
            thread.may_time_out = may_time_out && operation == Operation::Receive;
            if object.is_some() {
                thread.served = core::mem::replace(&mut thread.serves, object);
            }
        }
        self.set_state(number, State::Receiving(object));
    }

    pub(super) fn set_state(&mut self, number: ThreadNumber, state: State) {
        if let Some(thread) = self.threads.get_mut(&number) {
            thread.state = state;
        }
    }

    /// A server receives without having answered: a call fails, a fault ends its process.
    pub(super) fn abandon(&mut self, number: ThreadNumber, letter: usize) {
        if let Some(thread) = self.threads.get_mut(&number) {
            thread.owes = None;
        }
        if self.letters[letter].place != Place::Owed(number) {
            return;
        }
        self.letters[letter].place = Place::Over;
        let from = self.letters[letter].from;
        if self.letters[letter].is_fault
            && let Some(thread) = self.threads.get(&from)
        {
            self.end_process(thread.process);
        }
    }

    /// An answer is under way.
    pub(super) fn answer(&mut self, process: usize, letter: usize, from: Place, message: Message) {
        if self.letters[letter].place != from {
            return;
        }
        let [.., handle] = message.words;
        let carries = message.tag.options().contains(Options::HANDLE).then(|| self.grant(process, handle));
        let letter = &mut self.letters[letter];
        letter.answer = Some((message.tag.label(), message.words, carries));
        if letter.is_fault {
            let from = letter.from;
            letter.place = Place::Over;
            self.set_state(from, State::Ready);
        }
    }

    /// A fault of the running thread.
    pub(super) fn fault(&mut self, number: ThreadNumber, vector: u8, nonce: usize) {
        let Some(thread) = self.threads.get(&number) else { return };
        let (process, endpoint, badge) = (thread.process, thread.fault_endpoint, thread.fault_badge);
        let serves = thread.serves;
        let hears = |endpoint: &ObjectNumber| {
            serves != Some(*endpoint) && matches!(self.objects[*endpoint].being, Being::Alive | Being::Fading)
        };
        let Some(endpoint) = endpoint.filter(hears) else {
            return self.end_process(process);
        };
        self.processes[process].quota = None;
        let letter = Letter {
            from: number,
            to: Some(endpoint),
            is_fault: true,
            badge,
            label: vector,
            words: [nonce, 0, 0, 0],
            carries: None,
            carries_something: false,
            has_deadline: false,
            place: Place::Queued,
            answer: None,
        };
        let letter = self.add_letter(letter);
        self.set_state(number, State::Faulted(letter));
    }

    /// The caller doesn't return.
    pub(super) fn ended(&mut self, number: ThreadNumber, operation: Operation) {
        let Some(thread) = self.threads.get(&number) else { return };
        let process = thread.process;
        let ends = matches!(operation, Operation::Exit | Operation::ThreadExit | Operation::ProcessKill);
        rule!(self, ends, "thread {number} is gone after {operation:?}");
        let others = self.threads.values().filter(|thread| thread.process == process).count();
        if operation != Operation::ThreadExit || others <= 1 {
            self.end_process(process);
        }
    }

    /// A call has failed that might have been done.
    pub(super) fn refused(&mut self, number: ThreadNumber, operation: Operation, call: Call, error: Error) {
        let process = self.threads[&number].process;
        match operation {
            Operation::EndpointCreate => self.check_refusal(process, ObjectKind::Endpoint, error),
            Operation::TimerCreate => self.check_refusal(process, ObjectKind::Timer, error),
            Operation::MemoryCreate => self.check_refusal(process, ObjectKind::Memory, error),
            Operation::Reply if error == Error::Stale => {
                if call.handle == 0 {
                    if let Some(thread) = self.threads.get_mut(&number) {
                        thread.owes = None;
                    }
                } else {
                    self.close_reply(process, call.handle);
                }
            }
            Operation::ProcessShare => self.share_refused(process, call, error),
            _ => {}
        }
    }

    /// A handle is no more.
    pub(super) fn close(&mut self, process: usize, handle: u32) {
        let process = &mut self.processes[process];
        process.handles.remove(&handle);
        process.stale.push(handle);
        if process.stale.len() > 8 {
            process.stale.remove(0);
        }
    }
}
