//! What a call may do, and what it has done if it succeeded.

use super::memory::Caller;
use super::things::{Being, Call, Detail, Letter, Life, Memory, ObjectNumber, Place, Process, State, ThreadNumber};
use super::{Oracle, rule};
use crate::board::Effect;
use abi::{Access, Error, InfoItem, Message, ObjectKind, Operation, Options, PAGE_BYTES, Register, Rights};
use kernel::fake::Registers;
use kernel::frames::Frame;
use kernel::machine::PortRange;
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
    fn note_own_registers(&mut self, number: ThreadNumber, found: &Registers) {
        let Some(thread) = self.threads.get_mut(&number) else { return };
        thread.registers.message = found.message;
        thread.registers.general[Register::FsBase as usize] = found.general[Register::FsBase as usize];
    }

    /// Why a call must fail, by the handles that it names.
    fn why_barred(&self, process: usize, operation: Operation, call: Call) -> Option<&'static str> {
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
    fn waiting_call(&mut self, number: ThreadNumber, operation: Operation, call: Call, barred: Option<&str>) {
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
    fn abandon(&mut self, number: ThreadNumber, letter: usize) {
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
    fn ended(&mut self, number: ThreadNumber, operation: Operation) {
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
    fn refused(&mut self, number: ThreadNumber, operation: Operation, call: Call, error: Error) {
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
                    self.close(process, call.handle);
                }
            }
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

    /// A call was done.
    fn done(&mut self, number: ThreadNumber, operation: Operation, call: Call, words: [usize; 4], effects: &[Effect]) {
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
                    && let Detail::Source { bound, .. } = &mut self.objects[object].detail
                {
                    *bound = endpoint.map(|endpoint| (endpoint, two as u16));
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

    fn thread_object(&self, object: Option<ObjectNumber>) -> Option<ThreadNumber> {
        match self.objects[object?].detail {
            Detail::Thread(thread) => Some(thread),
            _ => None,
        }
    }

    fn claim_line(&mut self, process: usize, handle: usize, line: u8) {
        let before = self.objects.iter().position(|object| {
            let is_it = matches!(object.detail, Detail::Source { line: other, .. } if other == line);
            is_it && object.being == Being::Alive
        });
        rule!(self, before.is_none(), "line {line} was claimed, and is object {before:?}");
        self.make(process, handle, Detail::Source { line, bound: None });
    }

    fn claim_ports(&mut self, process: usize, handle: usize, first: usize, count: usize) {
        let overlaps = |range: &PortRange| {
            first < range.first as usize + range.count as usize && (range.first as usize) < first + count
        };
        let before = self.objects.iter().position(|object| {
            matches!(&object.detail, Detail::Ports(range) if overlaps(range)) && object.being == Being::Alive
        });
        rule!(self, before.is_none(), "ports {first:#x} were claimed, and are object {before:?}");
        let range = PortRange { first: first as u16, count: count.min(u16::MAX as usize) as u16 };
        // Whoever lost the same ports isn't done with losing them.
        self.make(process, handle, Detail::Ports(range));
    }

    fn check_claim(&mut self, base: Frame, frames: u32) {
        let before = self.objects.iter().position(|object| {
            let Detail::Memory(memory) = &object.detail else { return false };
            let overlaps =
                memory.base.is_some_and(|other| base.0 < other.0 + memory.frames && other.0 < base.0 + frames);
            memory.is_device && overlaps && object.being == Being::Alive
        });
        rule!(self, before.is_none(), "device memory {base:?} was claimed, and is object {before:?}");
    }

    fn seal(&mut self, object: Option<ObjectNumber>) {
        let Some(object) = object else { return };
        let is_it = |page: &super::things::MappedPage| page.object == object && page.is_writable;
        let writable = self.processes.iter().any(|process| process.pages.values().any(is_it));
        rule!(self, !writable, "memory {object} was sealed, and is mapped writable");
        if let Detail::Memory(memory) = &mut self.objects[object].detail {
            memory.is_sealed = true;
        }
    }

    fn memory_info(&mut self, process: usize, handle: u32, words: [usize; 4]) {
        let [bytes, _, low, high] = words;
        let Some(grant) = self.grant(process, handle as usize) else { return };
        let address = abi::join(low, high);
        let Some(object) = grant.object else {
            // Frames in quarantine: their address was read before.
            let base = Frame((address / PAGE_BYTES as u64) as u32);
            let found = self.objects.iter().rposition(|object| {
                matches!(&object.detail, Detail::Memory(memory) if memory.base == Some(base) && !memory.is_device)
                    && object.being != Being::Gone
            });
            rule!(self, found.is_some(), "{base:?} is in quarantine, and was nobody's");
            if let Some(found) = found {
                self.processes[process].handles.insert(handle, super::Grant { object: Some(found), ..grant });
                (self.objects[found].owner, self.objects[found].being) = (process, Being::Alive);
            }
            return;
        };
        let Detail::Memory(memory) = &self.objects[object].detail else { return };
        let (frames, is_alive) = (memory.frames, self.objects[object].being == Being::Alive);
        rule!(self, !is_alive || bytes == frames as usize * PAGE_BYTES, "{bytes} bytes are {frames} frames");
        let may = grant.rights.contains(Rights::DMA);
        rule!(self, may || address == 0, "process {process} got an address without the right");
        if may {
            if let Detail::Memory(memory) = &mut self.objects[object].detail {
                memory.is_known = true;
            }
            self.learn_base(object, Frame((address / PAGE_BYTES as u64) as u32));
        }
    }

    fn process_made(&mut self, process: usize, call: Call, handle: usize, effects: &[Effect]) {
        let space = effects.iter().find_map(|effect| match effect {
            Effect::Space(space) => Some(*space),
            _ => None,
        });
        let Some(space) = space else {
            return rule!(self, handle == 0, "a process was made without memory");
        };
        let [frames, _, supervisor, badge] = call.message.words;
        let supervisor = if supervisor == 0 { None } else { self.object(process, supervisor) };
        let number = self.processes.len();
        let object = self.make(process, handle, Detail::Process(number));
        let parent = &self.processes[process];
        let dma = call.message.tag.options().contains(Options::DMA);
        let makes = if dma { parent.makes } else { parent.makes - Rights::DMA };
        self.processes.push(Process {
            parent: Some(process),
            object,
            space,
            life: Life::Alive,
            is_reaped: false,
            supervisor,
            badge: badge as u16,
            frames,
            makes,
            handles: BTreeMap::new(),
            stale: Vec::new(),
            pages: BTreeMap::new(),
            ports: Vec::new(),
            loose_ports: Vec::new(),
            quota: None,
        });
        self.spaces.insert(space, number);
    }

    fn copied(&mut self, process: usize, operation: Operation, call: Call, handle: usize) {
        let [one, two, three, four] = call.message.words;
        let (target, from, rights, badge, without) = match operation {
            Operation::HandleCopy => (Some(process), call.handle as usize, one, two, three),
            _ => (self.target(process, call.handle as usize), one, two, three, four),
        };
        let (Some(target), Some(grant)) = (target, self.grant(process, from)) else { return };
        let badge = if grant.rights.contains(Rights::BIND) { badge as u16 } else { grant.badge };
        let rights = grant.passed_on().rights & Rights::from_bits_truncate(rights as u32);
        let mask = grant.mask.without(without as u32);
        self.add_handle(target, handle, super::Grant { rights, badge, mask, ..grant });
    }

    fn thread_made(&mut self, process: usize, call: Call, handle: usize) {
        let [entry, stack, _, fault_endpoint] = call.message.words;
        let Some(target) = self.target(process, call.handle as usize) else { return };
        let number = stack.wrapping_sub(super::STACKS) / super::STACK_STEP;
        let object = self.make(process, handle, Detail::Thread(number));
        self.objects[object].owner = target;
        let endpoint = if fault_endpoint == 0 { None } else { self.object(process, fault_endpoint) };
        let mut registers = <Registers as kernel::machine::Context>::EMPTY;
        kernel::machine::Context::start(&mut registers, entry, stack);
        let badge = call.message.tag.label() as u16;
        self.add_thread(number, target, Some(object), (endpoint, badge), registers, State::Stopped);
        if target != process {
            self.processes[target].quota = None;
        }
    }

    fn reaped(&mut self, process: usize, handle: u32, left: usize, quarantined: usize) {
        let Some(target) = self.target(process, handle as usize) else { return };
        let life = self.processes[target].life;
        rule!(self, life != Life::Alive, "process {target} is reaped, and is alive");
        self.begin_reaping(target);
        if quarantined != 0 {
            let rights = Rights::DESTROY | Rights::DMA;
            self.add_handle(process, quarantined, super::Grant::new(None, rights));
        }
        self.forget_quotas();
        if left == 0 {
            self.end_reaping(target);
        }
    }

    fn handle_closed(&mut self, process: usize, handle: u32, object: Option<ObjectNumber>) {
        self.close(process, handle);
        if let Some(object) = object
            && let Detail::Reply(letter) = self.objects[object].detail
        {
            self.objects[object].being = Being::Gone;
            if self.letters[letter].place == Place::Held(object) {
                self.give_up(letter);
            }
        }
    }

    fn destroyed(&mut self, process: usize, object: Option<ObjectNumber>, left: usize) {
        let Some(object) = object else { return };
        let owner = self.objects[object].owner;
        if owner != process {
            self.processes[owner].quota = None;
        }
        // What was in quarantine may be charged to a process further up.
        if matches!(&self.objects[object].detail, Detail::Memory(memory) if memory.is_known) {
            self.forget_quotas();
        }
        if left == 0 {
            return self.end_object(object);
        }
        self.objects[object].being = Being::Ending;
        match self.objects[object].detail {
            Detail::Ports(range) => self.loosen_ports(range),
            Detail::Memory(_) => self.forget_frames(object),
            _ => {}
        }
    }

    fn forget_quotas(&mut self) {
        self.processes.iter_mut().for_each(|process| process.quota = None);
    }

    fn notified(&mut self, object: Option<ObjectNumber>, bits: u32) {
        if let Some(object) = object
            && let Detail::Endpoint { noted } = &mut self.objects[object].detail
        {
            for (bit, count) in noted.iter_mut().enumerate() {
                *count += bits >> bit & 1;
            }
        }
    }

    fn replied(&mut self, number: ThreadNumber, call: Call) {
        let process = self.threads[&number].process;
        if call.handle == 0 {
            match self.threads.get_mut(&number).and_then(|thread| thread.owes.take()) {
                Some(letter) => self.answer(process, letter, Place::Owed(number), call.message),
                None => self.breaches.push(format!("thread {number} answered, and owed nothing")),
            }
            return;
        }
        if let Some(object) = self.object(process, call.handle as usize)
            && let Detail::Reply(letter) = self.objects[object].detail
        {
            self.objects[object].being = Being::Gone;
            self.answer(process, letter, Place::Held(object), call.message);
        }
        self.close(process, call.handle);
    }

    fn informed(&mut self, process: usize, call: Call, words: [usize; 4]) {
        let [item, index, ..] = call.message.words;
        if item != InfoItem::Memory as usize || index != 1 {
            return;
        }
        let holds_replies = self.processes[process]
            .handles
            .values()
            .any(|grant| grant.object.is_some_and(|object| matches!(self.objects[object].detail, Detail::Reply(_))));
        let [frames, used, objects, objects_used] = words;
        let given = self.processes[process].frames;
        rule!(self, frames <= given, "process {process} was given {given} frames, and has {frames}");
        rule!(self, used <= frames && objects_used <= objects, "process {process} uses more than it has: {words:?}");
        if let Some(before) = self.processes[process].quota {
            rule!(self, before == words, "process {process} had the quota {before:?}, and has {words:?}");
        }
        self.processes[process].quota = (!holds_replies).then_some(words);
    }
}
