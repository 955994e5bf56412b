//! The short ways through the core, for what happens most: a call to a server that waits, its reply, a notification or
//! an interrupt for a driver that waits, a fault whose handler waits, and its answer.
//!
//! Each looks first whether its case is the simple one: the receiver waits alone, no handle travels, no deadline is
//! set, nobody's slice is being measured, and the thread that would run next is plain to see. If so it does all of it,
//! with no queue touched; if not it returns nothing *and has changed nothing*, and the caller goes the general way,
//! which has the same outcome (`tests/fast.rs` compares the two). What both do alike is written once:
//! `Kernel::charge`, `Kernel::choose`, `Kernel::switch_to`, `Kernel::note_call`, `Interrupt::complete`, and the
//! messages themselves.
//!
//! Everything here is inlined into the entry that calls it, so that a message can stay in the CPU's registers from
//! the sender to the receiver; and every index is either checked by a lookup that may fail or can't be out of bounds,
//! so that no panic is reachable.

mod receive;
mod trap;

use crate::Kernel;
use crate::dispatch::Schedule;
use crate::dispatch::Slice;
use crate::machine::{Context, Machine, Resume, Time};
use crate::objects::thread::Thread;
use crate::tables::sizes::THREADS;
use crate::tables::{Arena, Link};
use abi::{Kind, Message, Operation, Options, Rights, Tag};

/// A call with a short way. With any option a call goes the general way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShortWay {
    /// [`Operation::ReplyReceive`].
    ReplyReceive,
    /// [`Operation::Call`].
    Call,
    /// [`Operation::Null`].
    Null,
    /// [`Operation::Notify`].
    Notify,
}

impl ShortWay {
    /// All of them, in the order of [`ShortWay`]'s numbers.
    pub const ALL: [Self; 4] = [Self::ReplyReceive, Self::Call, Self::Null, Self::Notify];

    /// All of a tag but its label, which makes no difference.
    pub const TAG_MASK: u32 = 0xFFFF_00FF;

    /// What the rest of the tag is, for this way to be taken.
    pub const fn tag(self) -> u32 {
        let operation = match self {
            Self::ReplyReceive => Operation::ReplyReceive,
            Self::Call => Operation::Call,
            Self::Notify => Operation::Notify,
            Self::Null => Operation::Null,
        };
        Tag::incoming(operation, 0, Options::empty()).0
    }

    /// The short way of a call with this tag, if there is one.
    pub fn of(tag: Tag) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.tag() == tag.0 & Self::TAG_MASK)
    }
}

const _: () = assert!(
    ShortWay::ReplyReceive.tag() == 0
        && ShortWay::Call.tag() == 1
        && ShortWay::Null.tag() == 2
        && ShortWay::Notify.tag() > 2,
    "the entry tells the three most frequent ways apart by one mask and one comparison"
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
    /// The running thread made a system call whose tag is that of `way`; `origin` says where the message's words are.
    /// Nothing is returned, and nothing was done, if the call has to go the general way.
    #[inline(always)]
    pub fn fast_call(
        &mut self,
        machine: &mut M,
        way: ShortWay,
        tag: Tag,
        handle: u32,
        origin: Origin,
    ) -> Option<Resume> {
        match way {
            ShortWay::ReplyReceive => self.fast_reply_receive(machine, tag, handle, origin),
            ShortWay::Call => self.fast_send(machine, tag, handle, origin),
            ShortWay::Notify => self.fast_notify(machine, tag, handle, origin),
            ShortWay::Null => self.fast_null(tag, origin),
        }
    }

    #[inline(always)]
    fn fast_null(&mut self, tag: Tag, origin: Origin) -> Option<Resume> {
        let caller = self.current;
        self.note_call(caller, tag, Time(0));
        self.return_nothing(caller, origin)
    }

    /// The running thread goes on with the words that it came with.
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

    /// A call to a server that waits.
    #[inline(always)]
    fn fast_send(&mut self, machine: &mut M, tag: Tag, handle: u32, origin: Origin) -> Option<Resume> {
        let caller = self.current;
        let thread = self.threads.at(caller)?;
        if thread.call_deadline != 0 {
            return None;
        }
        let grant = self.handles.look_up(thread.run, handle, Rights::CALL)?;
        let target = self.endpoints.get_mut(grant.object)?;
        let server = target.receivers.only();
        if self.threads.at(server)?.rank() <= self.schedule.bar() {
            return None;
        }
        target.receivers.clear_only();
        let thread = self.threads.at_mut(caller)?;
        thread.begin_awaiting(server);
        self.charge_call(machine, tag, caller, server)?;
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
                // One after the other, so that they need one register and not four; a loop would stay one.
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

    /// A thread's call is noted, and its time ends with it; another thread's begins.
    #[inline(always)]
    fn charge_call(&mut self, machine: &mut M, tag: Tag, from: Link, to: Link) -> Option<()> {
        let now = machine.now();
        self.note_call(from, tag, now);
        self.charge(from, to, now);
        Some(())
    }

    /// A notification: its bits are noted, or wake a thread that waits and outranks the running one.
    #[inline(always)]
    fn fast_notify(&mut self, machine: &mut M, tag: Tag, handle: u32, origin: Origin) -> Option<Resume> {
        let caller = self.current;
        let thread = self.threads.at(caller)?;
        let grant = self.handles.look_up(thread.run, handle, Rights::NOTIFY)?;
        let bits = match origin {
            Origin::Registers([bits, ..]) => bits,
            Origin::Saved => thread.context.word(0),
        };
        if bits as u32 == 0 {
            return None;
        }
        let target = self.endpoints.get_mut(grant.object)?;
        if target.receivers.is_empty() {
            target.note(bits as u32);
            self.note_call(caller, tag, Time(0));
            return self.return_nothing(caller, origin);
        }
        let receiver = target.receivers.only();
        if !Self::may_preempt(&self.threads, &self.schedule, caller, receiver) {
            return None;
        }
        target.receivers.clear_only();
        let context = &mut self.threads.at_mut(caller)?.context;
        match origin {
            Origin::Registers(words) => context.set_message(Message::new(Tag::DONE, words)),
            Origin::Saved => context.set_tag(Tag::DONE),
        }
        let now = machine.now();
        self.note_call(caller, tag, now);
        self.preempt_alone(caller, now);
        let thread = self.threads.at_mut(receiver)?;
        thread.cycles = thread.cycles.wrapping_sub(now.0);
        let message = Message::new(Tag::outgoing(Kind::Notify, 0, 0), [bits as u32 as usize, 0, 0, 0]);
        let resume = thread.context.deliver(message);
        self.resume_next(machine, receiver);
        Some(resume)
    }

    /// Whether a thread that waits may run at once in the place of the running one, which nobody else has a share in:
    /// its slice isn't measured, and no other thread is preempted.
    #[inline(always)]
    fn may_preempt(
        threads: &Arena<Thread<M::Context>, THREADS>,
        schedule: &Schedule,
        running: Link,
        receiver: Link,
    ) -> bool {
        let Some(priority) = threads.at(receiver).map(|waiting| waiting.rank()) else { return false };
        priority > schedule.bar()
            && schedule.has_no_chain()
            && threads.at(running).is_some_and(|thread| priority > thread.priority())
    }

    /// The running thread makes room for a higher one: [`Kernel::may_preempt`] has said so.
    #[inline(always)]
    fn preempt_alone(&mut self, running: Link, now: Time) {
        let Some(thread) = self.threads.at_mut(running) else { return };
        thread.cycles = thread.cycles.wrapping_add(now.0);
        if running == self.idle {
            thread.become_ready();
        } else {
            thread.preempt(Slice::Open);
            self.schedule.preempt_first(running, thread.priority());
        }
    }
}
