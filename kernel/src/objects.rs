//! The calls that make, change and end endpoints, interrupts, timers, ports, processes, threads and handles.

use crate::Kernel;
use crate::arena::{Link, Name};
use crate::call::{CallResult, DONE, Outcome, Request, word};
use crate::endpoint::{Endpoint, Event};
use crate::handle::{Grant, TableSize};
use crate::interrupt::{Binding, Interrupt};
use crate::machine::{Context, Line, Machine, PORT_RANGES, PortRange, Time, Trigger};
use crate::memory::{FrameRun, Zone};
use crate::process::{Exit, Life, Ports, Process, ProcessEntry, Quota, Reply};
use crate::schedule::{Priority, QUEUE};
use crate::sizes::THREADS_PER_PROCESS;
use crate::thread::{SIBLINGS, State, StateKind, Thread, Token};
use crate::timer::Timer;
use abi::{Error, ObjectKind, Operation, Register, Rights, join};

/// The shortest period of a timer, in parts of a second: shorter ones would leave no time for anything else.
const SHORTEST_PERIOD: u64 = 100_000;

impl<M: Machine> Kernel<M> {
    pub(crate) fn object_call(&mut self, machine: &mut M, request: Request, operation: Operation) -> CallResult {
        let [one, two, three, four] = request.message.words;
        match operation {
            Operation::ReplyTake => self.reply_take(request),
            Operation::EndpointCreate => self.create(request, ObjectKind::Endpoint, |kernel| {
                kernel.endpoints.insert(Endpoint { owner: request.process, ..crate::arena::Entry::EMPTY })
            }),
            Operation::InterruptCreate => self.interrupt_create(machine, request, one),
            Operation::InterruptBind => {
                let source = self.find_interrupt(&request)?;
                let endpoint = self.bindable_endpoint(request.process, one)?;
                let trigger = match three {
                    0 => None,
                    1 => Some(Trigger::Edge),
                    2 => Some(Trigger::Level),
                    _ => return Err(Error::BadArgument.into()),
                };
                self.now = machine.now();
                let binding = Binding { holder: request.process, badge: two as u16, trigger };
                let (pending, sequence) = self.bind(machine, source, endpoint, binding)?;
                Ok(Outcome::Return([pending as usize, sequence as usize, 0, 0]))
            }
            Operation::InterruptComplete => {
                let source = self.find_interrupt(&request)?;
                self.now = machine.now();
                self.complete(machine, Token { source: self.interrupts.name(source), sequence: one as u32 })?;
                DONE
            }
            Operation::InterruptUnbind => {
                let source = self.find_interrupt(&request)?;
                self.unbind(machine, source);
                DONE
            }
            Operation::TimerCreate => {
                let endpoint = self.bindable_endpoint(request.process, one)?;
                self.create(request, ObjectKind::Timer, |kernel| {
                    let owner = request.process;
                    kernel.timers.insert(Timer { endpoint, badge: two as u16, period: 0, expiries: 0, owner })
                })
            }
            Operation::TimerSet => {
                let timer = self.find_timer(&request)?;
                let period = join(three, four);
                if period != 0 && period < machine.clock().0 / SHORTEST_PERIOD {
                    return Err(Error::BadArgument.into());
                }
                self.set_timer(timer, Time(join(one, two)), period);
                DONE
            }
            Operation::TimerCancel => {
                let timer = self.find_timer(&request)?;
                word(self.deadlines.clear(crate::deadline::Owner::Timer(timer)) as usize)
            }
            Operation::PortsCreate => self.ports_create(machine, request, one, two),
            Operation::PortsAttach => self.ports_attach(machine, request),
            Operation::ProcessCreate => self.process_create(machine, request),
            Operation::ProcessGrant => {
                let process = self.find_process(&request)?;
                let grant = self.find_in(request.process, one as u32, Rights::COPY)?;
                let grant = grant.restricted(Rights::from_bits_truncate(two as u32), Some(three as u16));
                word(self.install(process, grant)? as usize)
            }
            Operation::ProcessKill => {
                let process = self.find_process(&request)?;
                self.end_process(machine, process, Exit { how: 1, words: [one, 0, 0, 0] });
                DONE
            }
            Operation::ProcessReap => {
                let process = self.find_process(&request)?;
                self.reap(machine, process, request)
            }
            Operation::ThreadCreate => self.thread_create(request),
            Operation::ThreadStart => {
                let thread = self.find_stopped(&request)?;
                if let Some(thread) = self.threads.at_mut(thread) {
                    thread.context.set_message(abi::Message::new(Default::default(), request.message.words));
                }
                self.enqueue(thread);
                DONE
            }
            Operation::ThreadRead => {
                let thread = self.find_not_running(&request)?;
                let register = Register::from_number(one).ok_or(Error::BadArgument)?;
                let value = self.threads.at(thread).and_then(|thread| thread.context.register(register));
                word(value.ok_or(Error::BadArgument)?)
            }
            Operation::ThreadWrite => {
                let thread = self.find_not_running(&request)?;
                let register = Register::from_number(one).ok_or(Error::BadArgument)?;
                let thread = self.threads.at_mut(thread).ok_or(Error::BadHandle)?;
                thread.context.set_register(register, two).ok_or(Error::BadArgument)?;
                DONE
            }
            Operation::ThreadPriority => self.thread_priority(request, one),
            Operation::ThreadPointer => {
                let thread = self.threads.at_mut(request.caller).ok_or(Error::BadHandle)?;
                thread.context.set_register(Register::FsBase, one).ok_or(Error::BadArgument)?;
                // The base is loaded where threads are switched.
                let home = self.processes.at(request.process).ok_or(Error::Gone)?.0.home;
                machine.switch(&mut thread.context, &home);
                DONE
            }
            Operation::HandleCopy => {
                let grant = self.find(&request, Rights::COPY)?;
                let grant = grant.restricted(Rights::from_bits_truncate(one as u32), Some(two as u16));
                word(self.install(request.process, grant)? as usize)
            }
            Operation::HandleClose => self.handle_close(machine, request),
            Operation::Destroy => {
                let grant = self.find(&request, Rights::DESTROY)?;
                self.destroy(machine, request, grant)
            }
            Operation::LogWrite => {
                self.find(&request, Rights::ROOT_LOG)?;
                let mut bytes = [0; 16];
                for (chunk, word) in bytes.chunks_exact_mut(4).zip(request.message.words) {
                    chunk.copy_from_slice(&(word as u32).to_le_bytes());
                }
                let length = (request.message.tag.label() as usize).min(bytes.len());
                machine.log(bytes.get(..length).unwrap_or(&[]));
                DONE
            }
            Operation::LogRead => {
                self.find(&request, Rights::ROOT_LOG)?;
                let mut bytes = [0; 12];
                let (next, length) = machine.read_log(one as u32, &mut bytes);
                let mut words = [next as usize, 0, 0, 0];
                for (word, chunk) in words.iter_mut().skip(1).zip(bytes.chunks_exact(4)) {
                    *word = chunk.try_into().map_or(0, u32::from_le_bytes) as usize;
                }
                Ok(Outcome::Labelled(length as u8, words))
            }
            Operation::LogRelease => {
                self.find(&request, Rights::ROOT_LOG)?;
                machine.release_log();
                DONE
            }
            _ => Err(Error::UnknownCall.into()),
        }
    }

    /// Makes an object that is charged to the caller, and a handle with every right to it.
    pub(crate) fn create(
        &mut self,
        request: Request,
        kind: ObjectKind,
        insert: impl FnOnce(&mut Self) -> Option<Name>,
    ) -> CallResult {
        let process = self.processes.at_mut(request.process).ok_or(Error::Gone)?;
        if !self.handles.has_room(&process.0) {
            return Err(Error::NoHandleSlot.into());
        }
        process.0.quota.charge(0, 1).ok_or(Error::NoMemory)?;
        let Some(object) = insert(self) else {
            self.refund(request.process, 0, 1);
            return Err(Error::TableFull.into());
        };
        let grant = Grant { object, kind, rights: Rights::all_of(kind), badge: 0 };
        word(self.install(request.process, grant)? as usize)
    }

    pub(crate) fn refund(&mut self, process: Link, frames: u32, objects: u32) {
        if let Some(process) = self.processes.at_mut(process) {
            process.0.quota.refund(frames, objects);
        }
    }

    fn reply_take(&mut self, request: Request) -> CallResult {
        let thread = self.threads.at(request.caller).ok_or(Error::BadHandle)?;
        let caller = thread.reply_to;
        if self.threads.at(caller).is_none_or(|waiting| waiting.state != State::awaiting(request.caller)) {
            return Err(Error::Stale.into());
        }
        let result = self.create(request, ObjectKind::Reply, |kernel| {
            kernel.replies.insert(Reply { caller, owner: request.process })
        })?;
        if let Outcome::Return([handle, ..]) = result {
            let grant = self.find_in(request.process, handle as u32, Rights::REPLY)?;
            if let Some(waiting) = self.threads.at_mut(caller) {
                waiting.state = State::awaiting_reply(grant.link());
            }
            if let Some(thread) = self.threads.at_mut(request.caller) {
                thread.reply_to = Link::NONE;
            }
        }
        Ok(result)
    }

    fn interrupt_create(&mut self, machine: &mut M, request: Request, line: usize) -> CallResult {
        self.find(&request, Rights::ROOT_LINES)?;
        let line = u8::try_from(line).map(Line).map_err(|_| Error::BadArgument)?;
        if !machine.has_line(line) {
            return Err(Error::BadArgument.into());
        }
        let claimed = self.lines.get(line.0 as usize).copied().unwrap_or(Link::NONE);
        if let Some(source) = self.interrupts.at(claimed) {
            return Err(self.conflict(source.owner));
        }
        let trigger = machine.configure(line, None);
        let owner = request.process;
        let result = self.create(request, ObjectKind::Interrupt, |kernel| {
            let source = Interrupt { line, trigger, owner, masked: true, ..crate::arena::Entry::EMPTY };
            let name = kernel.interrupts.insert(source)?;
            if let Some(slot) = kernel.lines.get_mut(line.0 as usize) {
                *slot = name.link();
            }
            if let Some(counters) = kernel.account.sources.get_mut(name.link().index()) {
                *counters = crate::account::SourceCounters::ZERO;
            }
            Some(name)
        });
        machine.mask(line);
        result
    }

    /// The refusal that names who holds what was asked for.
    pub(crate) fn conflict(&self, owner: Link) -> crate::call::Refusal {
        let badge = self.processes.at(owner).map_or(0, |process| process.0.badge);
        crate::call::Refusal { error: Error::Conflict, details: [badge as usize, 0] }
    }

    fn ports_create(&mut self, machine: &mut M, request: Request, first: usize, count: usize) -> CallResult {
        self.find(&request, Rights::ROOT_PORTS)?;
        let end = first.checked_add(count).filter(|end| *end <= 0x1_0000 && count > 0).ok_or(Error::BadArgument)?;
        let range = PortRange { first: first as u16, count: count.min(u16::MAX as usize) as u16 };
        if !machine.are_free_ports(range) {
            return Err(self.conflict(Link::NONE));
        }
        let overlaps = |ports: &Ports| {
            let other = ports.range;
            (other.first as usize) < end && first < other.first as usize + other.count as usize
        };
        if let Some((_, ports)) = self.ports.iter().find(|(_, ports)| overlaps(ports)) {
            return Err(self.conflict(ports.owner));
        }
        self.create(request, ObjectKind::Ports, |kernel| kernel.ports.insert(Ports { range, owner: request.process }))
    }

    fn ports_attach(&mut self, machine: &mut M, request: Request) -> CallResult {
        let grant = self.find(&request, Rights::PORTS)?;
        let range = self.ports.get(grant.object).ok_or(Error::BadHandle)?.range;
        let [.., process] = request.message.words;
        let target = self.process_or_own(request, process)?;
        self.port_versions = self.port_versions.wrapping_add(1);
        let version = self.port_versions;
        let home = &mut self.processes.at_mut(target).ok_or(Error::Gone)?.0.home;
        if home.ports.contains(&range) {
            return DONE;
        }
        let at = home.port_ranges as usize;
        *home.ports.get_mut(at).filter(|_| at < PORT_RANGES).ok_or(Error::TableFull)? = range;
        home.port_ranges += 1;
        home.ports_version = version;
        let home = *home;
        if target == request.process
            && let Some(thread) = self.threads.at_mut(request.caller)
        {
            machine.switch(&mut thread.context, &home);
        }
        DONE
    }

    fn process_create(&mut self, machine: &mut M, request: Request) -> CallResult {
        let [frames, objects, endpoint, badge] = request.message.words;
        let supervisor = if endpoint == 0 { Name::NONE } else { self.bindable_endpoint(request.process, endpoint)? };
        let (frames, objects) = match (u32::try_from(frames), u32::try_from(objects)) {
            (Ok(frames), Ok(objects)) => (frames, objects),
            _ => return Err(Error::BadArgument.into()),
        };
        let ceiling = Priority::new(request.message.tag.label() as usize).ok_or(Error::BadArgument)?;
        let parent = self.processes.at_mut(request.process).ok_or(Error::Gone)?;
        if ceiling > parent.0.ceiling {
            return Err(Error::Priority.into());
        }
        if !self.handles.has_room(&parent.0) {
            return Err(Error::NoHandleSlot.into());
        }
        let quota = Quota { frames, frames_used: 0, objects, objects_used: 0 };
        parent.0.quota.charge(frames, objects.saturating_add(1)).ok_or(Error::NoMemory)?;
        let parent = self.processes.name(request.process);
        match self.make_process(machine, quota, TableSize::Common) {
            Ok(name) => {
                if let Some(process) = self.processes.at_mut(name.link()) {
                    process.0.badge = badge as u16;
                    process.0.ceiling = ceiling;
                    process.0.supervisor = supervisor;
                    process.0.parent = parent;
                }
                let rights = Rights::all_of(ObjectKind::Process);
                word(
                    self.install(request.process, Grant { object: name, kind: ObjectKind::Process, rights, badge: 0 })?
                        as usize,
                )
            }
            Err(error) => {
                self.refund(request.process, frames, objects.saturating_add(1));
                Err(error.into())
            }
        }
    }

    /// Makes an empty process with that quota, of which its root frame is charged.
    pub(crate) fn make_process(&mut self, machine: &mut M, mut quota: Quota, size: TableSize) -> Result<Name, Error> {
        quota.charge(1, 0).ok_or(Error::NoMemory)?;
        let (table, table_mask) = self.handles.take_run(size).ok_or(Error::TableFull)?;
        let Some(root) = self.frames.take(1, Zone::Low) else {
            self.handles.give_back_run(table, table_mask);
            return Err(Error::NoMemory);
        };
        machine.zero(root);
        let mut process = Process::empty(machine.create_space(root));
        process.table = table;
        process.table_mask = table_mask;
        process.quota = quota;
        process.root = root;
        let Some(name) = self.processes.insert(ProcessEntry(process)) else {
            self.handles.give_back_run(table, table_mask);
            self.frames.give_back(FrameRun { first: root, count: 1 });
            return Err(Error::TableFull);
        };
        self.port_versions = self.port_versions.wrapping_add(1);
        if let Some(process) = self.processes.at_mut(name.link()) {
            process.0.home.process = name.link().index() as u16;
            process.0.home.ports_version = self.port_versions;
        }
        Ok(name)
    }

    fn thread_create(&mut self, request: Request) -> CallResult {
        let [entry, stack, priority, fault_endpoint] = request.message.words;
        let target = self.process_or_own(request, request.handle as usize)?;
        let priority = Priority::new(priority).ok_or(Error::BadArgument)?;
        self.check_ceiling(request.process, target, priority)?;
        let fault_endpoint =
            if fault_endpoint == 0 { Name::NONE } else { self.bindable_endpoint(request.process, fault_endpoint)? };
        if entry >= abi::USER_END || stack > abi::USER_END {
            return Err(Error::BadArgument.into());
        }
        let owner = self.processes.at_mut(request.process).ok_or(Error::Gone)?;
        if !self.handles.has_room(&owner.0) {
            return Err(Error::NoHandleSlot.into());
        }
        let name = self.make_thread(target, entry, stack, priority)?;
        if let Some(thread) = self.threads.at_mut(name.link()) {
            thread.fault_endpoint = fault_endpoint;
            thread.fault_badge = request.message.tag.label() as u16;
        }
        let rights = Rights::all_of(ObjectKind::Thread);
        word(self.install(request.process, Grant { object: name, kind: ObjectKind::Thread, rights, badge: 0 })? as usize)
    }

    /// Makes a stopped thread, charged to its process.
    pub(crate) fn make_thread(
        &mut self,
        process: Link,
        entry: usize,
        stack: usize,
        priority: Priority,
    ) -> Result<Name, Error> {
        let owner = self.processes.at_mut(process).ok_or(Error::Gone)?;
        if owner.0.life == Life::Dead {
            return Err(Error::Gone);
        }
        if owner.0.thread_count as usize >= THREADS_PER_PROCESS {
            return Err(Error::TableFull);
        }
        owner.0.quota.charge(0, 1).ok_or(Error::NoMemory)?;
        let Some(name) = self.threads.insert(Thread { process, priority, ..crate::arena::Entry::EMPTY }) else {
            owner.0.quota.refund(0, 1);
            return Err(Error::TableFull);
        };
        owner.0.thread_count += 1;
        self.threads.push_back::<SIBLINGS>(&mut owner.0.threads, name.link());
        if let Some(thread) = self.threads.at_mut(name.link()) {
            thread.context.start(entry, stack);
        }
        Ok(name)
    }

    fn thread_priority(&mut self, request: Request, priority: usize) -> CallResult {
        let grant = self.find(&request, Rights::THREAD)?;
        let link = self.threads.resolve(grant.object).ok_or(Error::BadHandle)?;
        let priority = Priority::new(priority).ok_or(Error::BadArgument)?;
        let owner = self.threads.at(link).map_or(Link::NONE, |thread| thread.process);
        self.check_ceiling(request.process, owner, priority)?;
        let kind = self.threads.at(link).map_or(StateKind::Stopped, |thread| thread.state.kind());
        let ready = matches!(kind, StateKind::Ready | StateKind::Preempted);
        if ready {
            // A ready thread has no deadline, so that leaving its queue is all there is to it.
            self.detach(link);
        }
        if let Some(thread) = self.threads.at_mut(link) {
            thread.priority = priority;
        }
        if ready {
            self.enqueue(link);
        }
        DONE
    }

    /// A thread's priority is bounded by its own process's ceiling and by that of whoever sets it.
    fn check_ceiling(&self, setter: Link, owner: Link, priority: Priority) -> Result<(), Error> {
        let within = |link| self.processes.at(link).is_some_and(|process| priority <= process.0.ceiling);
        if within(setter) && within(owner) { Ok(()) } else { Err(Error::Priority) }
    }

    fn handle_close(&mut self, machine: &mut M, request: Request) -> CallResult {
        let grant = self.find(&request, Rights::empty())?;
        if let Some(process) = self.processes.at_mut(request.process) {
            self.handles.close(&mut process.0, request.handle);
        }
        if grant.kind == ObjectKind::Reply {
            self.drop_reply(machine, grant.object);
        }
        DONE
    }

    /// A Reply that nobody will use any more: its caller gets an error.
    pub(crate) fn drop_reply(&mut self, machine: &mut M, name: Name) {
        let Some(reply) = self.replies.get(name).copied() else { return };
        self.replies.remove(name.link());
        self.refund(reply.owner, 0, 1);
        self.abandon(machine, reply.caller, State::awaiting_reply(name.link()));
    }

    fn destroy(&mut self, machine: &mut M, request: Request, grant: Grant) -> CallResult {
        let link = grant.link();
        match grant.kind {
            ObjectKind::Endpoint if self.endpoints.get(grant.object).is_some() => self.destroy_endpoint(machine, link),
            ObjectKind::Interrupt if self.interrupts.get(grant.object).is_some() => {
                self.destroy_interrupt(machine, link);
                DONE
            }
            ObjectKind::Timer if self.timers.get(grant.object).is_some() => {
                let owner = self.timers.at(link).map_or(Link::NONE, |timer| timer.owner);
                self.remove_timer(link);
                self.refund(owner, 0, 1);
                DONE
            }
            ObjectKind::Memory if self.memories.get(grant.object).is_some() => word(self.destroy_memory(machine, link)),
            ObjectKind::Ports if self.ports.get(grant.object).is_some() => {
                self.destroy_ports(link);
                DONE
            }
            ObjectKind::Thread if self.threads.get(grant.object).is_some() => {
                if link == request.caller {
                    return Err(Error::Busy.into());
                }
                self.remove_thread(machine, link);
                DONE
            }
            // A process is ended by `process_kill` and torn down by `process_reap`; the root is for ever.
            ObjectKind::Process | ObjectKind::Root => Err(Error::WrongType.into()),
            _ => Err(Error::BadHandle.into()),
        }
    }

    /// Throws one waiting thread off an endpoint, or the endpoint itself once nobody waits. Returns the work left.
    fn destroy_endpoint(&mut self, machine: &mut M, link: Link) -> CallResult {
        word(self.destroy_endpoint_slice(machine, link))
    }

    pub(crate) fn destroy_endpoint_slice(&mut self, machine: &mut M, link: Link) -> usize {
        let Some(endpoint) = self.endpoints.at(link).copied() else { return 0 };
        for waiting in [endpoint.senders.head(), endpoint.receivers.head()] {
            if waiting.is_some() {
                self.fail(machine, waiting, Error::Gone);
                return 1;
            }
        }
        let event = endpoint.events.head();
        if event.is_some() {
            if let Some(target) = self.endpoints.at_mut(link) {
                self.events.unlink::<QUEUE>(&mut target.events, event);
            }
            if let Some(slot) = self.events.at_mut(event) {
                slot.queued_at = Link::NONE;
            }
            return 1;
        }
        // Sources that are bound to it stay masked and mute until their process binds them anew.
        self.endpoints.remove(link);
        self.refund(endpoint.owner, 0, 1);
        0
    }

    pub(crate) fn destroy_interrupt(&mut self, machine: &mut M, link: Link) {
        self.unbind(machine, link);
        let Some(source) = self.interrupts.at(link).copied() else { return };
        if let Some(slot) = self.lines.get_mut(source.line.0 as usize) {
            *slot = Link::NONE;
        }
        self.interrupts.remove(link);
        self.refund(source.owner, 0, 1);
    }

    pub(crate) fn destroy_ports(&mut self, link: Link) {
        let Some(ports) = self.ports.at(link).copied() else { return };
        self.port_versions = self.port_versions.wrapping_add(1);
        let version = self.port_versions;
        // Whoever had the range attached loses it: the death of an object is its revocation.
        let mut position = 0;
        while position < self.processes.extent() {
            if let Some(process) = self.processes.at_mut(Link::new(position)) {
                let home = &mut process.0.home;
                let kept = home.ports.iter().filter(|range| **range != ports.range && range.count != 0).count();
                if kept != home.port_ranges as usize {
                    let mut remaining = [PortRange::default(); PORT_RANGES];
                    let ranges = home.ports.iter().filter(|range| **range != ports.range && range.count != 0);
                    for (to, from) in remaining.iter_mut().zip(ranges) {
                        *to = *from;
                    }
                    home.ports = remaining;
                    home.port_ranges = kept as u8;
                    home.ports_version = version;
                }
            }
            position += 1;
        }
        self.ports.remove(link);
        self.refund(ports.owner, 0, 1);
    }

    fn find_interrupt(&self, request: &Request) -> Result<Link, crate::call::Refusal> {
        let grant = self.find(request, Rights::INTERRUPT)?;
        Ok(self.interrupts.resolve(grant.object).ok_or(Error::BadHandle)?)
    }

    fn find_timer(&self, request: &Request) -> Result<Link, crate::call::Refusal> {
        let grant = self.find(request, Rights::TIMER)?;
        Ok(self.timers.resolve(grant.object).ok_or(Error::BadHandle)?)
    }

    fn find_process(&self, request: &Request) -> Result<Link, crate::call::Refusal> {
        let grant = self.find(request, Rights::PROCESS)?;
        Ok(self.processes.resolve(grant.object).ok_or(Error::BadHandle)?)
    }

    /// A process by a handle in a word, or the caller's for 0.
    pub(crate) fn process_or_own(&self, request: Request, handle: usize) -> Result<Link, crate::call::Refusal> {
        if handle == 0 {
            return Ok(request.process);
        }
        let grant = self.find_in(request.process, handle as u32, Rights::PROCESS)?;
        let link = self.processes.resolve(grant.object).ok_or(Error::BadHandle)?;
        match self.processes.at(link) {
            Some(process) if process.0.life == Life::Alive => Ok(link),
            _ => Err(Error::Gone.into()),
        }
    }

    fn find_stopped(&self, request: &Request) -> Result<Link, crate::call::Refusal> {
        let link = self.find_not_running(request)?;
        let thread = self.threads.at(link).ok_or(Error::BadHandle)?;
        let alive = self.processes.at(thread.process).is_some_and(|process| process.0.life == Life::Alive);
        if thread.state.kind() == StateKind::Stopped && alive { Ok(link) } else { Err(Error::Busy.into()) }
    }

    fn find_not_running(&self, request: &Request) -> Result<Link, crate::call::Refusal> {
        let grant = self.find(request, Rights::THREAD)?;
        let link = self.threads.resolve(grant.object).ok_or(Error::BadHandle)?;
        if link == request.caller { Err(Error::Busy.into()) } else { Ok(link) }
    }

    /// The exit message of a process, taken out of its supervisor's queue.
    pub(crate) fn withdraw_exit(&mut self, process: Link) {
        self.withdraw(Event::Exit(process));
    }
}
