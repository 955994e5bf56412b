//! The calls about threads.

use crate::dispatch::{Next, Priority};
use crate::kernel::Kernel;
use crate::machine::{Context, Machine};
use crate::objects::handle::Grant;
use crate::objects::process::{Exit, Life};
use crate::objects::thread::{StateKind, Thread};
use crate::request::{CallResult, DONE, Outcome, Refusal, Request, word};
use crate::tables::sizes::THREADS_PER_PROCESS;
use crate::tables::{Link, Name};
use abi::{Error, ExitKind, Message, ObjectKind, Register, Rights, Tag};

impl<M: Machine> Kernel<M> {
    pub(super) fn thread_create(&mut self, machine: &mut M, request: Request) -> CallResult {
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
        if !owner.table.has_room() {
            return Err(Error::NoHandleSlot.into());
        }
        let name = self.make_thread(machine, target, entry, stack, priority)?;
        if let Some(thread) = self.threads.at_mut(name.link()) {
            thread.set_fault_handler(fault_endpoint, request.message.tag.label() as u16);
        }
        let rights = Rights::all_of(ObjectKind::Thread);
        let grant = Grant::new(name, ObjectKind::Thread, rights);
        word(self.install(request.process, grant)? as usize)
    }

    pub(super) fn thread_start(&mut self, request: Request) -> CallResult {
        let thread = self.find_stopped(&request)?;
        self.set_message(thread, Message::new(Tag::default(), request.message.words));
        self.enqueue(thread);
        DONE
    }

    pub(super) fn thread_read(&mut self, request: Request) -> CallResult {
        let [register, ..] = request.message.words;
        let thread = self.find_not_running(&request)?;
        let register = Register::from_number(register).ok_or(Error::BadArgument)?;
        let value = self.threads.at(thread).and_then(|thread| thread.context.register(register));
        word(value.ok_or(Error::BadArgument)?)
    }

    pub(super) fn thread_write(&mut self, request: Request) -> CallResult {
        let [register, value, ..] = request.message.words;
        let thread = self.find_not_running(&request)?;
        let register = Register::from_number(register).ok_or(Error::BadArgument)?;
        let thread = self.threads.at_mut(thread).ok_or(Error::BadHandle)?;
        thread.context.set_register(register, value).ok_or(Error::BadArgument)?;
        DONE
    }

    /// Sets the caller's thread pointer.
    pub(super) fn thread_pointer(&mut self, machine: &mut M, request: Request) -> CallResult {
        let [pointer, ..] = request.message.words;
        let thread = self.threads.at_mut(request.caller).ok_or(Error::BadHandle)?;
        thread.context.set_register(Register::FsBase, pointer).ok_or(Error::BadArgument)?;
        self.reload_home(machine, request.process);
        DONE
    }

    /// Ends the caller; its process too, if it has no other thread.
    pub(super) fn thread_exit(&mut self, machine: &mut M, request: Request) -> CallResult {
        let count = self.processes.at(request.process).map_or(0, |process| process.thread_count());
        let next = if count <= 1 {
            self.end_process(machine, request.process, Exit { how: ExitKind::Exited, words: [0; 4] })
        } else {
            self.remove_thread(machine, request.caller);
            Next::Scheduled
        };
        Ok(Outcome::Next(next))
    }

    /// Puts the caller behind the ready threads of its priority.
    pub(super) fn yield_now(&mut self, request: Request) -> CallResult {
        self.set_done(request.caller);
        self.yield_turn();
        Ok(Outcome::Next(Next::Scheduled))
    }

    pub(super) fn thread_priority(&mut self, request: Request) -> CallResult {
        let [priority, ..] = request.message.words;
        let grant = self.find(&request, Rights::THREAD)?;
        let link = self.threads.resolve(grant.object).ok_or(Error::BadHandle)?;
        let priority = Priority::new(priority).ok_or(Error::BadArgument)?;
        let owner = self.threads.at(link).map_or(Link::NONE, |thread| thread.process);
        self.check_ceiling(request.process, owner, priority)?;
        self.reprioritise(link, |thread| thread.ask_priority(priority));
        DONE
    }

    /// Makes a stopped thread, charged to its process.
    pub(crate) fn make_thread(
        &mut self,
        machine: &mut M,
        process: Link,
        entry: usize,
        stack: usize,
        priority: Priority,
    ) -> Result<Name, Error> {
        let owner = self.processes.at_mut(process).ok_or(Error::Gone)?;
        if owner.life() != Life::Alive {
            return Err(Error::Gone);
        }
        if owner.thread_count() >= THREADS_PER_PROCESS {
            return Err(Error::TableFull);
        }
        owner.quota.charge(0, 1).ok_or(Error::NoMemory)?;
        self.note_creation();
        let Some(owner) = self.processes.at_mut(process) else { return Err(Error::Gone) };
        let run = owner.table.handle_run();
        let Some(name) = self.threads.insert(Thread::new(process, run, priority)) else {
            owner.quota.refund(0, 1);
            return Err(Error::TableFull);
        };
        owner.add_thread(&mut self.threads, name.link());
        if let Some(thread) = self.threads.at_mut(name.link()) {
            if owner.standing.is_lowered() {
                thread.lower();
            }
            thread.context.start(entry, stack);
            machine.settle(&mut thread.context, &owner.home);
        }
        Ok(name)
    }

    /// Checks a thread's priority against the ceiling of its own process and that of the process that sets it.
    fn check_ceiling(&self, setter: Link, owner: Link, priority: Priority) -> Result<(), Error> {
        let within = |link| self.processes.at(link).is_some_and(|process| priority <= process.origin().ceiling);
        if within(setter) && within(owner) { Ok(()) } else { Err(Error::Priority) }
    }

    fn find_stopped(&self, request: &Request) -> Result<Link, Refusal> {
        let link = self.find_not_running(request)?;
        let thread = self.threads.at(link).ok_or(Error::BadHandle)?;
        let alive = self.processes.at(thread.process).is_some_and(|process| process.life() == Life::Alive);
        if thread.state().kind() == StateKind::Stopped && alive { Ok(link) } else { Err(Error::Busy.into()) }
    }

    fn find_not_running(&self, request: &Request) -> Result<Link, Refusal> {
        let grant = self.find(request, Rights::THREAD)?;
        let link = self.threads.resolve(grant.object).ok_or(Error::BadHandle)?;
        if link == request.caller { Err(Error::Busy.into()) } else { Ok(link) }
    }
}
