//! The short ways through the core, for what happens most: a call to a server that waits, its reply, a notification or
//! an interrupt for a driver that waits, a fault whose handler waits.
//!
//! Each looks first whether its case is the simple one: the receiver waits alone, no handle travels, no deadline is
//! set, nobody's slice is being measured, and the thread that would run next is plain to see. If so it does all of it,
//! with no queue touched; if not it returns nothing *and has changed nothing*, and the caller goes the general way,
//! which has the same outcome (`tests/fast.rs` compares the two). What both do alike is written once:
//! [`Kernel::hand_over`], [`Kernel::note_call`], [`Kernel::let_through`], and the messages themselves.
//!
//! Everything here is inlined into the entry that calls it, so that a message can stay in the CPU's registers from
//! the sender to the receiver; and every index is either checked by a lookup that may fail or can't be out of bounds,
//! so that no panic is reachable.

use crate::Kernel;
use crate::account::TraceKind;
use crate::arena::{Arena, Link, List, Name};
use crate::deadline::{Deadlines, Owner};
use crate::machine::{Context, Line, Machine, Resume, Time, Trigger};
use crate::schedule::Schedule;
use crate::sizes::THREADS;
use crate::thread::{Fault, Sent, State, Thread, Token};
use abi::{Kind, Message, Operation, Options, Rights, Tag};

/// The tags of the calls with a short way, but for their label: with any option a call goes the general way.
const CALL: u32 = plain(Operation::Call);
const REPLY_RECEIVE: u32 = plain(Operation::ReplyReceive);
const NOTIFY: u32 = plain(Operation::Notify);
const NULL: u32 = plain(Operation::Null);
/// All of a tag but its label.
const ALL_BUT_LABEL: u32 = 0xFFFF_00FF;

const fn plain(operation: Operation) -> u32 {
    Tag::incoming(operation, 0, Options::empty()).0
}

/// What a call without results returns.
const DONE: Message = Message::new(Tag::outgoing(Kind::Done, 0, 0), [0; 4]);

impl<M: Machine> Kernel<M> {
    /// The running thread made a system call; `words` reads the message's words, from the thread's saved registers or
    /// wherever they are. Nothing is returned, and nothing was done, if the call has to go the general way.
    #[inline(always)]
    pub fn fast_call(
        &mut self,
        machine: &mut M,
        tag: Tag,
        handle: u32,
        words: impl FnOnce(&M::Context) -> [usize; 4],
    ) -> Option<Resume> {
        match tag.0 & ALL_BUT_LABEL {
            REPLY_RECEIVE => self.fast_reply_receive(machine, tag, handle, words),
            CALL => self.fast_send(machine, tag, handle, words),
            NULL => self.fast_null(tag),
            NOTIFY => self.fast_notify(machine, tag, handle, words),
            _ => None,
        }
    }

    #[inline(always)]
    fn fast_null(&mut self, tag: Tag) -> Option<Resume> {
        let caller = self.current;
        self.note_call(caller, tag, Time(0));
        Some(self.threads.at_mut(caller)?.context.deliver(DONE))
    }

    /// A call to a server that waits.
    #[inline(always)]
    fn fast_send(
        &mut self,
        machine: &mut M,
        tag: Tag,
        handle: u32,
        words: impl FnOnce(&M::Context) -> [usize; 4],
    ) -> Option<Resume> {
        let caller = self.current;
        let thread = self.threads.at(caller)?;
        if thread.call_deadline != 0 {
            return None;
        }
        let grant = self.handles.look_up(thread.run, handle, Rights::CALL)?;
        let target = self.endpoints.get_mut(grant.object)?;
        let server = target.receivers.only()?;
        if self.threads.at(server)?.priority <= self.schedule.bar() || self.deadlines.is_set(Owner::Thread(server)) {
            return None;
        }
        target.receivers = List::EMPTY;
        let now = machine.now();
        self.note_call(caller, tag, now);
        let thread = self.threads.at_mut(caller)?;
        thread.state = State::awaiting(server);
        let message = Message::new(Tag::outgoing(Kind::Call, tag.label(), grant.badge), words(&thread.context));
        let server = self.hand_over(machine, caller, server, now)?;
        server.reply_to = caller;
        Some(server.context.deliver(message))
    }

    /// A server or driver is done and waits again, with nothing there to receive.
    #[inline(always)]
    fn fast_reply_receive(
        &mut self,
        machine: &mut M,
        tag: Tag,
        handle: u32,
        words: impl FnOnce(&M::Context) -> [usize; 4],
    ) -> Option<Resume> {
        let server = self.current;
        let thread = self.threads.at(server)?;
        let (client, token) = (thread.reply_to, thread.completes);
        let grant = self.handles.look_up(thread.run, handle, Rights::RECEIVE)?;
        if !self.endpoints.get(grant.object)?.is_quiet() {
            return None;
        }
        if client.is_some() {
            if token.sequence != 0 {
                return None;
            }
            return self.fast_answer(machine, (tag, words), (server, grant.object), client);
        }
        let next = self.schedule.successor();
        self.threads.at(next)?;
        if token.sequence != 0 {
            let source = self.interrupts.get_mut(token.source)?;
            if source.endpoint != grant.object || source.outstanding != token.sequence || source.may_have_lost() {
                return None;
            }
            source.let_through(machine);
            self.account.completed(token.source.link());
            self.threads.at_mut(server)?.completes = Token::NONE;
        }
        let now = machine.now();
        self.fast_wait(tag, server, grant.object, now)?;
        self.schedule.take_successor();
        self.hand_over(machine, server, next, now)?;
        Some(Resume::Saved)
    }

    /// The caller that a server answers runs next.
    #[inline(always)]
    fn fast_answer(
        &mut self,
        machine: &mut M,
        (tag, words): (Tag, impl FnOnce(&M::Context) -> [usize; 4]),
        (server, endpoint): (Link, Name),
        client: Link,
    ) -> Option<Resume> {
        let waiting = self.threads.at(client)?;
        if waiting.state != State::awaiting(server)
            || waiting.priority <= self.schedule.bar()
            || self.deadlines.is_set(Owner::Thread(client))
        {
            return None;
        }
        let now = machine.now();
        self.fast_wait(tag, server, endpoint, now)?;
        let thread = self.threads.at_mut(server)?;
        thread.reply_to = Link::NONE;
        let message = Message::new(Tag::outgoing(Kind::Reply, tag.label(), 0), words(&thread.context));
        let client = self.hand_over(machine, server, client, now)?;
        if client.sent == Sent::Fault {
            client.sent = Sent::Call;
            return Some(Resume::Saved);
        }
        Some(client.context.deliver(message))
    }

    /// The running thread is the one that waits at an endpoint.
    #[inline(always)]
    fn fast_wait(&mut self, tag: Tag, server: Link, endpoint: Name, now: Time) -> Option<()> {
        self.endpoints.at_mut(endpoint.link())?.receivers = List::of(server);
        self.note_call(server, tag, now);
        let thread = self.threads.at_mut(server)?;
        thread.state = State::receiving(endpoint.link());
        thread.serves = endpoint;
        Some(())
    }

    /// A notification: its bits are noted, or wake a thread that waits and outranks the running one.
    #[inline(always)]
    fn fast_notify(
        &mut self,
        machine: &mut M,
        tag: Tag,
        handle: u32,
        words: impl FnOnce(&M::Context) -> [usize; 4],
    ) -> Option<Resume> {
        let caller = self.current;
        let thread = self.threads.at(caller)?;
        let grant = self.handles.look_up(thread.run, handle, Rights::NOTIFY)?;
        let [bits, ..] = words(&thread.context);
        if bits as u32 == 0 {
            return None;
        }
        let target = self.endpoints.get_mut(grant.object)?;
        if target.receivers.is_empty() {
            target.note(bits as u32);
            self.note_call(caller, tag, Time(0));
            return Some(self.threads.at_mut(caller)?.context.deliver(DONE));
        }
        let receiver = target.receivers.only()?;
        if !Self::may_preempt(&self.threads, &self.schedule, &self.deadlines, caller, receiver) {
            return None;
        }
        target.receivers = List::EMPTY;
        let now = machine.now();
        self.note_call(caller, tag, now);
        self.threads.at_mut(caller)?.context.set_message(DONE);
        self.preempt_alone(caller);
        let receiver = self.hand_over(machine, caller, receiver, now)?;
        let message = Message::new(Tag::outgoing(Kind::Notify, 0, 0), [bits as u32 as usize, 0, 0, 0]);
        Some(receiver.context.deliver(message))
    }

    /// A line fired whose driver waits. Nothing is returned, and nothing was done, if it has to go the general way.
    #[inline(always)]
    pub fn fast_interrupt(&mut self, machine: &mut M, line: Line) -> Option<Resume> {
        let interrupted = self.current;
        let link = *self.lines.get(line.0 as usize)?;
        // If a message were pending, nobody would wait at the endpoint.
        let target = self.endpoints.get_mut(self.interrupts.at(link)?.endpoint)?;
        let receiver = target.receivers.only()?;
        if !Self::may_preempt(&self.threads, &self.schedule, &self.deadlines, interrupted, receiver) {
            return None;
        }
        target.receivers = List::EMPTY;
        let came = machine.now();
        self.account.trace(TraceKind::Interrupt, came, interrupted, line.0 as u32);
        let source_name = self.interrupts.name(link);
        let source = self.interrupts.at_mut(link)?;
        if source.trigger == Trigger::Level {
            source.masked = true;
            machine.mask(line);
        }
        let (message, sequence) = source.note_and_take(came);
        machine.end_of_interrupt(line);
        self.preempt_alone(interrupted);
        if let Some(counters) = self.account.sources.get_mut(link.index()) {
            counters.taken = counters.taken.wrapping_add(1);
            counters.delivered = counters.delivered.wrapping_add(1);
            // The low halves will do: this entry into the kernel began at the former time.
            counters.note_latency((machine.now().0 as u32).wrapping_sub(came.0 as u32));
        }
        let thread = self.hand_over(machine, interrupted, receiver, came)?;
        thread.completes = Token { source: source_name, sequence };
        Some(thread.context.deliver(message))
    }

    /// The running thread raised an exception whose handler waits. Nothing is returned, and nothing was done, if it has
    /// to go the general way.
    #[inline(always)]
    pub fn fast_fault(&mut self, machine: &mut M, fault: Fault) -> Option<Resume> {
        let faulty = self.current;
        let thread = self.threads.at(faulty)?;
        let object = thread.fault_endpoint;
        if thread.serves == object {
            return None;
        }
        let target = self.endpoints.get_mut(object)?;
        let handler = target.receivers.only()?;
        if target.dying
            || self.threads.at(handler)?.priority <= self.schedule.bar()
            || self.deadlines.is_set(Owner::Thread(handler))
        {
            return None;
        }
        target.receivers = List::EMPTY;
        let now = machine.now();
        self.account.faults = self.account.faults.wrapping_add(1);
        self.account.trace(TraceKind::Fault, now, faulty, fault.vector as u32);
        let thread = self.threads.at_mut(faulty)?;
        thread.state = State::awaiting(handler);
        thread.sent = Sent::Fault;
        // Should the handler die, the next one wants to know it too.
        thread.fault = fault;
        let message = fault.message(thread.fault_badge);
        let handler = self.hand_over(machine, faulty, handler, now)?;
        handler.reply_to = faulty;
        Some(handler.context.deliver(message))
    }

    /// Whether a thread that waits may run at once in the place of the running one, which nobody else has a share in:
    /// its slice isn't measured, and no other thread is preempted.
    #[inline(always)]
    fn may_preempt(
        threads: &Arena<Thread<M::Context>, THREADS>,
        schedule: &Schedule,
        deadlines: &Deadlines,
        running: Link,
        receiver: Link,
    ) -> bool {
        match (threads.at(running), threads.at(receiver)) {
            (Some(thread), Some(waiting)) => {
                waiting.priority > thread.priority
                    && waiting.priority > schedule.bar()
                    && schedule.has_no_chain()
                    && !deadlines.is_set(Owner::Thread(receiver))
            }
            _ => false,
        }
    }

    /// The running thread makes room for a higher one: [`Kernel::may_preempt`] has said so.
    #[inline(always)]
    fn preempt_alone(&mut self, running: Link) {
        let Some(thread) = self.threads.at_mut(running) else { return };
        if running == self.idle {
            thread.state = State::READY;
        } else {
            thread.state = State::PREEMPTED;
            self.schedule.preempt_first(running, thread.priority);
        }
    }
}
