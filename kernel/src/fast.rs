//! The fast path through the core: a call to a server that waits, its reply, a notification or an interrupt for a
//! driver that waits, a fault whose handler waits, and its answer.
//!
//! Each function first checks that its case is simple: the receiver waits alone, no handle travels, no deadline is set,
//! no slice is being measured, and the thread that would run next is known without a search. If so, it does everything
//! without touching a queue. If not, it returns `None` *and has changed nothing*, and the caller takes the slow path,
//! which has the same outcome (`tests/fast.rs` compares the two). Behind the first change, a `?` can't fail: its lookup
//! has succeeded before. Both paths share the steps of `switch.rs`, the transitions of the objects, and the messages.
//!
//! Everything here is inlined into the entry that calls it, so that a message can stay in the CPU's registers from
//! the sender to the receiver. Every index is checked by a lookup that may fail, or can't be out of bounds, so that no
//! panic is reachable.

mod receive;
mod trap;

use crate::Kernel;
use crate::dispatch::{Schedule, Slice};
use crate::machine::{Context, Machine, Resume, Time};
use crate::objects::endpoint::notification;
use crate::objects::thread::Threads;
use crate::tables::Link;
use abi::{Kind, Message, Operation, Options, Rights, Tag};

/// A call that the fast path can take. With any option, a call takes the slow path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FastCall {
    /// [`Operation::ReplyReceive`].
    ReplyReceive,
    /// [`Operation::Call`].
    Call,
    /// [`Operation::Null`].
    Null,
    /// [`Operation::Notify`].
    Notify,
}

impl FastCall {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::ReplyReceive, Self::Call, Self::Null, Self::Notify];

    /// All bits of a tag but those of its label, which makes no difference.
    pub const TAG_MASK: u32 = 0xFFFF_00FF;

    /// The bits of the tag under [`FastCall::TAG_MASK`].
    pub const fn tag(self) -> u32 {
        let operation = match self {
            Self::ReplyReceive => Operation::ReplyReceive,
            Self::Call => Operation::Call,
            Self::Notify => Operation::Notify,
            Self::Null => Operation::Null,
        };
        Tag::incoming(operation, 0, Options::empty()).0
    }

    /// The call that has this tag; none if the fast path doesn't take it.
    pub fn of(tag: Tag) -> Option<Self> {
        Self::ALL.into_iter().find(|call| call.tag() == tag.0 & Self::TAG_MASK)
    }
}

const _: () = assert!(
    FastCall::ReplyReceive.tag() == 0
        && FastCall::Call.tag() == 1
        && FastCall::Null.tag() == 2
        && FastCall::Notify.tag() > 2,
    "the entry tells the three most frequent calls apart by one mask and one comparison"
);

/// Where the words of a call's message are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// In registers still.
    Registers([usize; MESSAGE_WORDS]),
    /// In the caller's saved registers.
    Saved,
}

/// The words of a message.
const MESSAGE_WORDS: usize = 4;

impl<M: Machine> Kernel<M> {
    /// Carries out a system call of the running thread, whose tag is that of `call`; `origin` says where the message's
    /// words are. Returns `None`, and has done nothing, if the call has to take the slow path.
    #[inline(always)]
    pub fn fast_call(
        &mut self,
        machine: &mut M,
        call: FastCall,
        tag: Tag,
        handle: u32,
        origin: Origin,
    ) -> Option<Resume> {
        match call {
            FastCall::ReplyReceive => self.fast_reply_receive(machine, tag, handle, origin),
            FastCall::Call => self.fast_send(machine, tag, handle, origin),
            FastCall::Notify => self.fast_notify(machine, tag, handle, origin),
            FastCall::Null => self.fast_null(tag, origin),
        }
    }

    #[inline(always)]
    fn fast_null(&mut self, tag: Tag, origin: Origin) -> Option<Resume> {
        let caller = self.current;
        self.note_call(caller, tag, Time(0));
        self.return_nothing(caller, origin)
    }

    /// Lets the running thread go on with the words that it passed.
    #[inline(always)]
    fn return_nothing(&mut self, caller: Link, origin: Origin) -> Option<Resume> {
        let context = &mut self.threads.at_mut(caller)?.context;
        Some(match origin {
            Origin::Registers(words) => context.deliver(Message::new(Tag::DONE, words)),
            Origin::Saved => {
                context.set_tag(Tag::DONE);
                Resume::Saved
            }
        })
    }

    /// Sends a call to a server that waits.
    #[inline(always)]
    fn fast_send(&mut self, machine: &mut M, tag: Tag, handle: u32, origin: Origin) -> Option<Resume> {
        let caller = self.current;
        let thread = self.threads.at(caller)?;
        if thread.call_deadline() != 0 {
            return None;
        }
        let grant = self.handles.look_up(thread.handles, handle, Rights::CALL)?;
        let target = self.endpoints.get_mut(grant.object)?;
        let server = target.only_receiver();
        if self.threads.at(server)?.rank() <= self.schedule.bar() {
            return None;
        }
        target.clear_only_receiver();
        let thread = self.threads.at_mut(caller)?;
        thread.begin_awaiting(server);
        self.charge_call(machine, tag, caller, server);
        self.threads.at_mut(server)?.owe(caller);
        let resume = self.pass(Tag::outgoing(Kind::Call, tag.label(), grant.badge), origin, caller, server)?;
        self.resume_next(machine, server);
        Some(resume)
    }

    /// Passes the words of one thread's call on to another thread, under another tag.
    #[inline(always)]
    fn pass(&mut self, tag: Tag, origin: Origin, from: Link, to: Link) -> Option<Resume> {
        let words = match origin {
            Origin::Registers(words) => words,
            Origin::Saved => {
                // One after the other, so that they need one register instead of four. A loop would stay a loop.
                self.pass_word::<0>(from, to)?;
                self.pass_word::<1>(from, to)?;
                self.pass_word::<2>(from, to)?;
                self.pass_word::<3>(from, to)?;
                self.threads.at_mut(to)?.context.set_tag(tag);
                return Some(Resume::Saved);
            }
        };
        Some(self.threads.at_mut(to)?.context.deliver(Message::new(tag, words)))
    }

    #[inline(always)]
    fn pass_word<const INDEX: usize>(&mut self, from: Link, to: Link) -> Option<()> {
        let word = self.threads.at(from)?.context.word(INDEX);
        self.threads.at_mut(to)?.context.set_word(INDEX, word);
        Some(())
    }

    /// Notes a thread's call, ends the thread's time and begins another's.
    #[inline(always)]
    fn charge_call(&mut self, machine: &mut M, tag: Tag, from: Link, to: Link) {
        let now = machine.now();
        self.note_call(from, tag, now);
        self.charge(from, to, now);
    }

    /// Notes the bits of a notification, or wakes a thread with them that waits and outranks the running one.
    #[inline(always)]
    fn fast_notify(&mut self, machine: &mut M, tag: Tag, handle: u32, origin: Origin) -> Option<Resume> {
        let caller = self.current;
        let thread = self.threads.at(caller)?;
        let grant = self.handles.look_up(thread.handles, handle, Rights::NOTIFY)?;
        let asked = match origin {
            Origin::Registers([bits, ..]) => bits,
            Origin::Saved => thread.context.word(0),
        };
        let bits = asked as u32 & grant.mask.bits();
        if bits == 0 {
            return None;
        }
        let target = self.endpoints.get_mut(grant.object)?;
        if target.has_no_receiver() {
            target.note(bits);
            self.note_call(caller, tag, Time(0));
            return self.return_nothing(caller, origin);
        }
        let receiver = target.only_receiver();
        if !Self::may_preempt(&self.threads, &self.schedule, caller, receiver) {
            return None;
        }
        target.clear_only_receiver();
        let context = &mut self.threads.at_mut(caller)?.context;
        match origin {
            Origin::Registers(words) => context.set_message(Message::new(Tag::DONE, words)),
            Origin::Saved => context.set_tag(Tag::DONE),
        }
        let now = machine.now();
        self.note_call(caller, tag, now);
        self.preempt_alone(caller, now);
        let thread = self.threads.at_mut(receiver)?;
        thread.begin_time(now);
        let resume = thread.context.deliver(notification(bits));
        self.resume_next(machine, receiver);
        Some(resume)
    }

    /// Whether a waiting thread may preempt the running one at once: it outranks all others, the running thread's slice
    /// isn't measured, and no other thread is preempted.
    #[inline(always)]
    fn may_preempt(threads: &Threads<M::Context>, schedule: &Schedule, running: Link, receiver: Link) -> bool {
        let Some(priority) = threads.at(receiver).map(|waiting| waiting.rank()) else { return false };
        priority > schedule.bar()
            && schedule.has_no_chain()
            && threads.at(running).is_some_and(|thread| priority > thread.priority())
    }

    /// Preempts the running thread, after [`Kernel::may_preempt`] has allowed it.
    #[inline(always)]
    fn preempt_alone(&mut self, running: Link, now: Time) {
        let Some(thread) = self.threads.at_mut(running) else { return };
        thread.end_time(now);
        if running == self.idle {
            thread.become_ready();
        } else {
            thread.preempt(Slice::Open);
            self.schedule.preempt_first(running, thread.priority());
        }
    }
}
