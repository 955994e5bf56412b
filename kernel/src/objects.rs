//! The calls that make, change and end endpoints, interrupts, timers, ports, processes, threads and handles.

use crate::Kernel;
use crate::arena::{Link, Name};
use crate::call::{CallResult, DONE, Outcome, Refusal, Request, word};
use crate::endpoint::Endpoint;
use crate::handle::Grant;
use crate::interrupt::{Binding, Interrupt};
use crate::machine::{Context, InterruptWrite, Line, Machine, Masked, PORT_RANGES, PortRange, Time, Trigger};
use crate::process::{Exit, Life, Ports, Reply};
use crate::thread::{SIBLINGS, State, Token};
use crate::timer::Timer;
use abi::{Error, ExitKind, ObjectKind, Operation, Register, Rights, join, split};

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
            Operation::MessageInterruptCreate => self.message_interrupt_create(machine, request),
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
                // What is given to a process whose handles are torn down already would outlive it in its table.
                if self.processes.at(process).is_none_or(|process| process.0.life != Life::Alive) {
                    return Err(Error::Gone.into());
                }
                let grant = self.find_in(request.process, one as u32, Rights::COPY)?;
                let grant = grant.restricted(Rights::from_bits_truncate(two as u32), Some(three as u16));
                word(self.install(process, grant)? as usize)
            }
            Operation::ProcessKill => {
                let process = self.find_process(&request)?;
                self.end_process(machine, process, Exit { how: ExitKind::Killed, words: [one, 0, 0, 0] });
                DONE
            }
            Operation::ProcessReap => {
                let process = self.find_process(&request)?;
                self.reap(machine, process, request)
            }
            Operation::ThreadCreate => self.thread_create(machine, request),
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
                self.reload_home(machine, request.process);
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
        let rights = Rights::all_of(kind) & process.0.makes;
        let Some(object) = insert(self) else {
            self.refund(request.process, 0, 1);
            return Err(Error::TableFull.into());
        };
        let grant = Grant { object, kind, rights, badge: 0 };
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
        if let Outcome::Word(handle) = result {
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
        if let Some(source) = self.claim_of(line) {
            return Err(self.conflict(source.owner));
        }
        self.claim(machine, request, line)
    }

    /// Claims the first free message. There are a hundred of them on any machine, whatever the tables' sizes.
    fn message_interrupt_create(&mut self, machine: &mut M, request: Request) -> CallResult {
        self.find(&request, Rights::ROOT_LINES)?;
        let first = M::MESSAGE_LINES.start;
        let claims = self.lines.get(first as usize..M::MESSAGE_LINES.end as usize).unwrap_or(&[]);
        let free = claims.iter().position(|claim| !claim.is_some()).ok_or(Error::TableFull)?;
        let line = Line(first + free as u8);
        let InterruptWrite { address, data } = machine.message(line).ok_or(Error::Unsupported)?;
        let result = self.claim(machine, request, line)?;
        let Outcome::Word(interrupt) = result else { return Ok(result) };
        let [low, high] = split(address);
        Ok(Outcome::Return([interrupt, low, high, data as usize]))
    }

    fn claim_of(&self, line: Line) -> Option<&Interrupt> {
        self.interrupts.at(self.lines.get(line.0 as usize).copied().unwrap_or(Link::NONE))
    }

    /// Makes the source of a line that nobody has.
    fn claim(&mut self, machine: &mut M, request: Request, line: Line) -> CallResult {
        let trigger = machine.configure(line, None);
        let owner = request.process;
        let result = self.create(request, ObjectKind::Interrupt, |kernel| {
            let source = Interrupt { line, trigger, owner, masked: Masked::Otherwise, ..crate::arena::Entry::EMPTY };
            let name = kernel.interrupts.insert(source)?;
            if let Some(slot) = kernel.lines.get_mut(line.0 as usize) {
                *slot = name.link();
            }
            Some(name)
        });
        machine.mask(line);
        result
    }

    /// The refusal that names who holds what was asked for.
    pub(crate) fn conflict(&self, owner: Link) -> Refusal {
        let badge = self.processes.at(owner).map_or(0, |process| process.0.badge);
        Refusal { error: Error::Conflict, badge }
    }

    fn ports_create(&mut self, machine: &mut M, request: Request, first: usize, count: usize) -> CallResult {
        self.find(&request, Rights::ROOT_PORTS)?;
        let end = first.checked_add(count).filter(|end| *end <= 0x1_0000 && count > 0).ok_or(Error::BadArgument)?;
        let range = PortRange { first: first as u16, count: count.min(u16::MAX as usize) as u16 };
        if !machine.are_free_ports(range) {
            return Err(self.conflict(Link::NONE));
        }
        // Of those that begin before its end, only the last one can reach beyond its start: they don't overlap.
        let before = self.ports.at(self.ports.last_below(&self.claimed_ports, end));
        if let Some(ports) = before.filter(|ports| first < ports.range.first as usize + ports.range.count as usize) {
            return Err(self.conflict(ports.owner));
        }
        self.create(request, ObjectKind::Ports, |kernel| {
            let owner = request.process;
            let name = kernel.ports.insert(Ports { range, owner, ..crate::arena::Entry::EMPTY })?;
            kernel.ports.add(&mut kernel.claimed_ports, name.link());
            Some(name)
        })
    }

    fn ports_attach(&mut self, machine: &mut M, request: Request) -> CallResult {
        let grant = self.find(&request, Rights::PORTS)?;
        let ports = self.ports.get(grant.object).ok_or(Error::BadHandle)?;
        if ports.dying {
            return Err(Error::Busy.into());
        }
        let range = ports.range;
        // What a switch between processes opens and closes is bounded.
        if range.count as usize > abi::PORTS_PER_RANGE {
            return Err(Error::BadArgument.into());
        }
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
        self.reload_home(machine, target);
        DONE
    }

    /// What a switch loads (ports, the thread pointer) changed for a process, of which each thread is told: no more than
    /// [`crate::sizes::THREADS_PER_PROCESS`].
    pub(crate) fn reload_home(&mut self, machine: &mut M, process: Link) {
        let Some(home) = self.processes.at(process).map(|process| &process.0.home) else { return };
        let mut link = self.processes.at(process).map_or(Link::NONE, |process| process.0.threads.head());
        while let Some(thread) = self.threads.at_mut(link) {
            machine.settle(&mut thread.context, home);
            if link == self.current {
                machine.switch(&mut thread.context, || Some(home));
            }
            link = self.threads.next::<SIBLINGS>(link);
        }
    }

    fn find_interrupt(&self, request: &Request) -> Result<Link, Refusal> {
        let grant = self.find(request, Rights::INTERRUPT)?;
        Ok(self.interrupts.resolve(grant.object).ok_or(Error::BadHandle)?)
    }

    fn find_timer(&self, request: &Request) -> Result<Link, Refusal> {
        let grant = self.find(request, Rights::TIMER)?;
        Ok(self.timers.resolve(grant.object).ok_or(Error::BadHandle)?)
    }

    pub(crate) fn find_process(&self, request: &Request) -> Result<Link, Refusal> {
        let grant = self.find(request, Rights::PROCESS)?;
        Ok(self.processes.resolve(grant.object).ok_or(Error::BadHandle)?)
    }

    /// A process by a handle in a word, or the caller's for 0.
    pub(crate) fn process_or_own(&self, request: Request, handle: usize) -> Result<Link, Refusal> {
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
}
